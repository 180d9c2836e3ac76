"""The tables of the ledger. Everything else is folded from the entries (`records`), or lies in the
artifacts.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

# : The migration that this version of govd works with; a test compares it with the newest of
# `migrations/`.
REVISION: Final = "0001"

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column(
        "seq",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    # hashes of the subtrees that it completes, from level 1 on: a leaf's is that of its body
    Column("nodes", LargeBinary, nullable=False),
    # the canonical JSON that is hashed, once; what is asked of it is in the views
    Column("body", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column(
        "size",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("time", Text, nullable=False),
    Column("note", Text, nullable=False),
)
