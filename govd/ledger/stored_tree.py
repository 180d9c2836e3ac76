"""The Merkle tree as it is stored: each entry's row has, beside its body, the hashes of the
subtrees that it completes.

`node(level, number)` covers the entries `[number << level, (number + 1) << level)`; its hash lies
with the last of them, after those of the lower levels. So an append writes one row of one table,
and a proof reads O(log n) rows by their keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from govd.errors import BadFile
from govd.ledger import merkle
from govd.ledger.tables import entries
from govd.ledger.times import is_time

WIDTH: Final = 32
"""Bytes of a hash."""
_ADVICE: Final = "Run `govd audit verify`; restore a backup."


def size_of(connection: sa.Connection) -> int:
    """How many entries there are."""
    last = connection.execute(sa.select(sa.func.max(entries.c.seq))).scalar()
    return 0 if last is None else int(last) + 1


def node(connection: sa.Connection, level: int, number: int) -> bytes:
    """One stored hash; of level 0 that of the entry's body.

    Raises:
        BadFile: it is not there.
    """
    if level == 0:
        body = connection.execute(
            sa.select(entries.c.body).where(entries.c.seq == number)
        ).scalar()
        if body is None:
            raise BadFile(f"entry {number} is missing", where="ledger", advice=_ADVICE)
        return merkle.leaf_hash(bytes(body))
    at = _last(level, number)
    return _picked(
        connection.execute(
            sa.select(entries.c.nodes).where(entries.c.seq == at)
        ).scalar(),
        level,
        number,
    )


def time_of(connection: sa.Connection, seq: int) -> str:
    """The time that an entry bears; empty where it cannot be read, which is for verification to
    tell.
    """
    body = connection.execute(
        sa.select(entries.c.body).where(entries.c.seq == seq)
    ).scalar()
    try:
        time = json.loads(body or b"")["time"]
    except (ValueError, TypeError, KeyError):
        return ""
    return time if is_time(time) else ""


def as_bytes(body: object, seq: int) -> bytes:
    """An entry's body as it was stored.

    Raises:
        BadFile: somebody has put something else there.
    """
    if not isinstance(body, bytes):
        raise BadFile(
            f"entry {seq} is not stored as bytes", where="ledger", advice=_ADVICE
        )
    return body


def proof(
    connection: sa.Connection, make: Callable[[merkle.Node], list[bytes]]
) -> list[bytes]:
    """A proof with all of its nodes read at once.

    Raises:
        BadFile: one of them is not there.
    """
    nodes: set[tuple[int, int]] = set()

    def ask(level: int, number: int) -> bytes:
        nodes.add((level, number))
        return merkle.EMPTY

    make(ask)
    rows = {_last(level, number) for level, number in nodes if level}
    query = sa.select(entries.c.seq, entries.c.nodes).where(entries.c.seq.in_(rows))
    hashes: dict[int, bytes] = (
        {row.seq: row.nodes for row in connection.execute(query)} if rows else {}
    )

    def read(level: int, number: int) -> bytes:
        if level:
            return _picked(hashes.get(_last(level, number)), level, number)
        return node(connection, 0, number)

    return make(read)


def _last(level: int, number: int) -> int:
    """The entry that completes a subtree."""
    return ((number + 1) << level) - 1


def _picked(hashes: bytes | None, level: int, number: int) -> bytes:
    picked = bytes(hashes or b"")[WIDTH * (level - 1) : WIDTH * level]
    if len(picked) != WIDTH:
        raise BadFile(
            f"Merkle node {level}/{number} is missing", where="ledger", advice=_ADVICE
        )
    return picked
