"""How fast a table is filled beside its HNSW index, and without it: measured on a temporary table
of a few of its vectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import psycopg

from govd.types import Pace
from govd_pgvector.connections import Connection, ask, quoted
from govd_pgvector.table import Index, Table, indexes

SAMPLE: Final = 2000
FEWEST: Final = 200
"""Vectors of a sample; of fewer nothing is told."""
SLOW: Final = "hnsw"
"""The method that each new version of a row costs much more than building the index anew."""


def paces_of(connection: Connection, table: Table, drops_index: bool) -> Sequence[Pace]:
    """As it is and with `index=drop`, where the searched column has an HNSW index; else nothing."""
    slow = [
        one for one in indexes(connection, table, table.column) if one.method == SLOW
    ]
    if not slow:
        return []
    try:
        with connection.transaction(force_rollback=True):
            seconds = _measured(connection, table, slow)
    except psycopg.DatabaseError:
        return []  # no temporary tables here, an index of other columns: nothing is known
    rows, plain, built, entered = seconds
    if rows < FEWEST // 2:
        return []
    names = ", ".join(index.name for index in slow)
    dropped = round(rows / (plain + built), 1)
    if drops_index:
        return [Pace(f"after dropping the HNSW index {names}", dropped)]
    kept = round(rows / (entered + built), 1)
    return [
        Pace(f"beside the HNSW index {names}", kept),
        Pace("after dropping it", dropped, "index=drop"),
    ]


def _measured(
    connection: Connection, table: Table, slow: Sequence[Index]
) -> tuple[int, float, float, float]:
    """Rows of the trial, and seconds: to write them, to build the indexes, to write as many beside
    them.
    """
    vectors = quoted(table.column)
    ask(
        connection,
        "CREATE TEMPORARY TABLE govd_rows ON COMMIT DROP AS"
        f" SELECT {vectors}, row_number() OVER () AS place FROM (SELECT {vectors}"
        f" FROM {table.name} WHERE {vectors} IS NOT NULL LIMIT {SAMPLE}) AS rows",
    )
    ask(
        connection,
        "CREATE TEMPORARY TABLE govd_pace ON COMMIT DROP AS"
        f" SELECT {vectors} FROM govd_rows LIMIT 0",
    )
    half = f"INSERT INTO govd_pace SELECT {vectors} FROM govd_rows WHERE place %% 2 = "
    plain = _timed(partial(ask, connection, f"{half} 0"))
    built = 0.0
    for index in slow:
        rest = index.definition.replace("%", "%%").partition(" USING ")[2]
        build = f"CREATE INDEX ON govd_pace USING {rest}"
        built += _timed(partial(ask, connection, build))
    entered = _timed(partial(ask, connection, f"{half} 1"))
    rows = int(ask(connection, "SELECT count(*) FROM govd_pace")[0][0])
    return rows // 2, plain, built, entered


def _timed(work: Callable[[], object]) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    work()
    return time.monotonic() - began
