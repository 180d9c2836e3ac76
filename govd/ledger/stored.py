"""A ledger's SQLite file as verification reads it: without changing it, and without trusting what
keeps it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govd.ledger import canonical, layout

PAGE: Final = 4096
TIME: Final = len('"time":"2027-01-31T12:00:00.000000Z"}')
"""Bytes that an entry ends in after its subject."""


@dataclass(frozen=True)
class Stored:
    """A ledger in an SQLite file, read without changing it."""

    path: Path

    def _opened(self) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=10,
            isolation_level=None,
        )

    def _ask(self, query: str, *values: int | bytes) -> Iterator[tuple[Any, ...]]:
        with closing(self._opened()) as connection:
            result = connection.execute(query, values)
            while page := result.fetchmany(PAGE):
                yield from page

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes]]:
        return self._ask(
            "SELECT seq, body, nodes FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq",
            start,
            stop,
        )

    def extent(self) -> tuple[int, int]:
        # together they would scan
        ((first, last),) = self._ask(
            "SELECT (SELECT min(seq) FROM entries), (SELECT max(seq) FROM entries)"
        )
        return int(first or 0), -1 if last is None else int(last)

    def about(self, subjects: Collection[str]) -> list[int]:
        """Numbers of the entries about these subjects, in order: every entry is looked at, no index
        is asked.

        In canonical JSON an entry ends in its subject and its time, which has 27 characters.
        """
        by_length: dict[int, list[bytes]] = {}
        for subject in subjects:
            end = b'"subject":' + canonical.encode(subject) + b","
            by_length.setdefault(len(end), []).append(end)
        ends = [
            (length, ends[at : at + 200])
            for length, ends in by_length.items()
            for at in range(0, len(ends), 200)
        ]
        seqs: set[int] = set()
        for at in range(0, len(ends), 8):
            clauses = [
                f"substr(body, {-length - TIME}, {length}) IN ({', '.join('?' * len(few))})"
                for length, few in ends[at : at + 8]
            ]
            values = [end for _, few in ends[at : at + 8] for end in few]
            seqs |= {
                int(seq)
                for (seq,) in self._ask(
                    f"SELECT seq FROM entries WHERE {' OR '.join(clauses)}", *values
                )
            }
        return sorted(seqs)

    def checkpoints(self) -> list[tuple[int, str]]:
        return [
            (int(size), str(note))
            for size, note in self._ask(
                "SELECT size, note FROM checkpoints ORDER BY size"
            )
        ]

    def foreign(self) -> list[str]:
        with closing(self._opened()) as connection:
            return layout.foreign(connection)

    def now(self) -> Moment:
        """The ledger as it is at this moment, however it grows."""
        notes = self.checkpoints()
        return Moment(self, *self.extent(), tuple(notes))


@dataclass(frozen=True)
class Moment:
    """A stored ledger as it was: its first and last entry, and its log checkpoints."""

    stored: Stored
    first: int
    last: int
    notes: tuple[tuple[int, str], ...]

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes]]:
        return self.stored.entries(start, min(stop, self.last + 1))

    def extent(self) -> tuple[int, int]:
        return self.first, self.last

    def checkpoints(self) -> list[tuple[int, str]]:
        return list(self.notes)

    def foreign(self) -> list[str]:
        return self.stored.foreign()
