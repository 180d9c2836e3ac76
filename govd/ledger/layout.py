"""What a ledger's database defines, the tables and the triggers that keep
rows from being changed or deleted.

A trigger runs with every append, a view may stand where a table was: what is here besides decides
what is stored and what is read.
"""

from __future__ import annotations

import sqlite3
from typing import Final

APPEND_ONLY: Final = "the ledger is append-only"
"""What the database's own triggers say."""
TABLES: Final = {
    "alembic_version": (
        "CREATE TABLE alembic_version ( version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num) )"
    ),
    "checkpoints": (
        "CREATE TABLE checkpoints ( size INTEGER NOT NULL, time TEXT NOT NULL, note TEXT NOT NULL,"
        " PRIMARY KEY (size) )"
    ),
    "entries": (
        "CREATE TABLE entries ( seq INTEGER NOT NULL, nodes BLOB NOT NULL, body BLOB NOT NULL,"
        " PRIMARY KEY (seq) )"
    ),
}
TRIGGERS: Final = {
    f"{table}_no_{event.lower()}": (
        f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
    )
    for table in ("entries", "checkpoints")
    for event in ("UPDATE", "DELETE")
}
TOLD: Final = 100
"""Characters of a foreign definition that are shown."""


def foreign(connection: sqlite3.Connection) -> list[str]:
    """What the database defines that no ledger does, in words; a table or trigger of ours that
    reads otherwise is foreign, too.
    """
    strangers = []
    own_names = TABLES | TRIGGERS
    for kind, name, on, sql in connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    ):
        if sql is None and str(name).startswith("sqlite_autoindex_"):
            continue
        if str(name).startswith("sqlite_stat"):  # somebody ran ANALYZE
            continue
        if _plain(own_names.get(str(name), "")) != _plain(str(sql)):
            strangers.append(
                f"{kind} {str(name)[:TOLD]!r} on {str(on)[:TOLD]!r}: {_plain(str(sql))[:TOLD]}"
            )
    return strangers


def missing(connection: sqlite3.Connection) -> list[str]:
    """Triggers of a ledger that somebody took away, as the statements that make them again."""
    existing = {
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
    }
    return [sql for name, sql in TRIGGERS.items() if name not in existing]


def _plain(sql: str) -> str:
    """A definition without what only spaces it."""
    return " ".join(
        sql.replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split()
    )
