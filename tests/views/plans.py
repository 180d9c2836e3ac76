"""How SQLite answers a question to the views: by an index, or by reading a whole table."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from govd.views.schema import SCHEMA


def plan(query: str, values: Sequence[Any] = ()) -> list[str]:
    """The steps by which tables of this schema are read. Rows are of no account: SQLite plans by
    the schema alone where nothing was analysed.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        rows = connection.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
    return [str(row[-1]) for row in rows]
