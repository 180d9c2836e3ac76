"""A table as its users search it: by the operator and the expression of their index."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from govd.types import Floats, Hit
from govd_pgvector.connections import Connection, ask, quoted
from govd_pgvector.table import Table, indexes

DISTANCES: Final = {"cosine": "<=>", "l2": "<->", "ip": "<#>"}
"""By the word in the name of an operator class."""


def nearest(
    connection: Connection, table: Table, queries: Floats, limit: int
) -> list[list[Hit]]:
    """The best rows for each of the unit queries `(n, d)`, in a transaction."""
    expression, kind, distance = _searched_by(connection, table)
    options = {
        "hnsw.ef_search": min(max(limit, 40), 1000),
        "ivfflat.probes": max(1, math.isqrt(_lists(connection, table))),
    }
    for name, number in options.items():
        ask(connection, "SELECT set_config(%s, %s, true)", [name, str(number)])
    vectors = quoted(table.column)
    key = quoted(table.key)
    text = (
        f"SELECT {key}::text, 1 - ({vectors} <=> %s::{table.kind}) FROM {table.name}"
        f" WHERE {vectors} IS NOT NULL"
        f" ORDER BY {expression} {distance} %s::{kind} LIMIT %s"
    )
    answers = []
    for query in queries:
        numbers = map(repr, np.asarray(query, np.float64).tolist())
        value = f"[{','.join(numbers)}]"
        rows = ask(connection, text, [value, value, limit])
        answers.append([Hit(key, _score(score)) for key, score in rows])
    return answers


def _score(cosine: float) -> float:
    return -1.0 if math.isnan(cosine) else float(cosine)


def _searched_by(connection: Connection, table: Table) -> tuple[str, str, str]:
    """The expression, type and operator by which the users' index is searched."""
    for index in indexes(connection, table, table.column):
        kind, _, metric = index.opclass.removesuffix("_ops").partition("_")
        if kind in ("vector", "halfvec") and metric in DISTANCES:
            expression = index.expression.replace("%", "%%")
            return f"({expression})", kind, DISTANCES[metric]
    return quoted(table.column), table.kind, DISTANCES["cosine"]


def _lists(connection: Connection, table: Table) -> int:
    """Lists of an IVFFlat index; 1 where there is none."""
    rows = ask(
        connection,
        "SELECT max(o[2]::int) FROM pg_class c, unnest(c.reloptions) r,"
        " string_to_array(r, '=') o WHERE o[1] = 'lists' AND c.oid IN"
        " (SELECT indexrelid FROM pg_index WHERE indrelid = %s)",
        [table.oid],
    )
    return int(rows[0][0] or 1)
