"""A Lance table as its users search it: through its index, where it has one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from govd.types import Floats, Hit
from govd_lance.table import FLOATS, Table, rows_of

REFINE: Final = 10
"""Of how many times the hits that are wanted the vectors themselves are compared."""
PROBES: Final = 20
"""Partitions of an index that are searched."""
os.environ.setdefault("LANCE_INCLUDE_VECTOR_CENTROIDS", "false")


@dataclass(frozen=True)
class Index:
    """An index over vectors: its `kind` and `metric` as Lance calls them, what it is built with."""

    name: str
    kind: str
    metric: str
    settings: Mapping[str, Any]


def index_of(data: Any, column: str) -> Index | None:
    """The index over a column; None: there is none."""
    for described in data.describe_indices():
        if described.field_names == [column]:
            stats = data.stats.index_stats(described.name)
            parts = stats.get("indices") or [{}]
            first = parts[0]
            sub = parts[0].get("sub_index") or {}
            settings = {
                "num_partitions": first.get("num_partitions"),
                "num_sub_vectors": sub.get("num_sub_vectors"),
                "num_bits": sub.get("nbits"),
            }
            graph = sub.get("params") or {}
            settings |= {name: graph.get(name) for name in ("m", "ef_construction")}
            given = {
                name: value for name, value in settings.items() if value is not None
            }
            metric = str(first.get("metric_type", "l2"))
            return Index(described.name, str(stats.get("index_type")), metric, given)
    return None


def nearest(table: Table, query: Floats, limit: int) -> list[Hit]:
    """The best hits of a unit query `(d,)`, with the cosines that Lance gives, or that follow from
    the vectors where its index is by another measure.
    """
    index = index_of(table.data, table.column)
    type_ = table.data.schema.field(table.column).type
    wanted = {
        "column": table.column,
        "q": query.astype(FLOATS[type_.value_type]),
        "k": limit,
    }
    how = (
        {"nprobes": PROBES, "refine_factor": REFINE} if index else {"metric": "cosine"}
    )
    names = [table.key] if table.key else []
    columns = [*names, table.column, "_distance"]
    batch = table.data.to_table(
        nearest={**wanted, **how}, columns=columns, with_row_id=True
    )
    scores = 1 - batch["_distance"].to_numpy()
    if index and index.metric != "cosine":
        rows = rows_of(batch[table.column], type_.list_size, "float32")
        length = np.linalg.norm(rows, axis=1)
        scores = rows @ query / np.where(length > 0, length, 1)
    keys = batch[table.key or "_rowid"].to_pylist()
    hits = [
        Hit(str(key), float(score)) for key, score in zip(keys, scores, strict=True)
    ]
    return sorted(hits, key=lambda hit: -hit.score)


def by_keys(table: Table, keys: Sequence[str]) -> dict[str, Any]:
    """The vectors of rows, each an array of one, by their keys."""
    if not keys:
        return {}
    name = table.key or "_rowid"
    is_text = bool(table.key) and not pa.types.is_integer(
        table.data.schema.field(name).type
    )
    values = [_quoted(key) if is_text else str(int(key)) for key in keys]
    columns = [table.column, *([table.key] if table.key else [])]
    where = (
        f"`{name}` IN ({', '.join(values)})"
        if table.key
        else f"_rowid IN ({', '.join(values)})"
    )
    batch = table.data.to_table(columns=columns, filter=where, with_row_id=True)
    vectors = batch[table.column]
    return {
        str(key): vectors.slice(i, 1) for i, key in enumerate(batch[name].to_pylist())
    }


def _quoted(key: str) -> str:
    return "'" + key.replace("'", "''") + "'"
