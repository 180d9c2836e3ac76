"""Vectors beside a collection of local mode that is patched in place: files of govd's own, since
local mode commits and syncs each point of a collection by itself. A file takes a page at once, and
one that is dropped leaves no free pages with old vectors.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd_qdrant.points import OWN, PAGE, Point

_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS points"
    " (key TEXT PRIMARY KEY, vector BLOB NOT NULL, own TEXT NOT NULL) WITHOUT ROWID"
)


class FilePoints:
    """Points of a file: their ids, one vector each, and what govd says of it. Pages are whole
    transactions.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, ids: Sequence[Any]) -> dict[Any, Point]:
        """Points by their ids; those that are not there are left out."""
        points: dict[Any, Point] = {}
        with closing(self._opened()) as file:
            for start in range(0, len(ids), PAGE):
                keys = [_key(identity) for identity in ids[start : start + PAGE]]
                places = ", ".join("?" * len(keys))
                rows = file.execute(
                    f"SELECT key, vector, own FROM points WHERE key IN ({places})", keys
                )
                points |= {point.id: point for point in map(_point, rows)}
        return points

    def pages(self, first: Any = None, last: Any = None) -> Iterator[list[Point]]:
        """All points from one id to another, in the order of ids."""
        after = "" if first is None else _key(first)
        until = "v" if last is None else _key(last)
        is_after = ">="
        while True:
            with closing(self._opened()) as file:
                rows = file.execute(
                    "SELECT key, vector, own FROM points"
                    f" WHERE key {is_after} ? AND key <= ? ORDER BY key LIMIT ?",
                    (after, until, PAGE),
                ).fetchall()
            if not rows:
                return
            yield [_point(row) for row in rows]
            after = rows[-1][0]
            is_after = ">"

    def ids(self) -> Iterator[Any]:
        """All ids in their order."""
        with closing(self._opened()) as file:
            keys = file.execute("SELECT key FROM points ORDER BY key").fetchall()
        yield from (_identity(key) for (key,) in keys)

    def put(self, points: Sequence[Point]) -> None:
        """Write points, in place of those of the same ids."""
        rows = [
            (
                _key(point.id),
                np.ascontiguousarray(point.vector, np.float32).tobytes(),
                json.dumps({key: point.payload.get(key) for key in OWN}),
            )
            for point in points
        ]
        with closing(self._opened()) as file, file:
            file.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?)", rows)

    def delete(self, ids: Sequence[Any]) -> None:
        """Delete points."""
        keys = [(_key(identity),) for identity in ids]
        with closing(self._opened()) as file, file:
            file.executemany("DELETE FROM points WHERE key = ?", keys)

    def count(self) -> int:
        """How many there are; 0 where there is no file."""
        if not self.path.is_file():
            return 0
        with closing(self._opened()) as file:
            return int(file.execute("SELECT count(*) FROM points").fetchone()[0])

    def create(self) -> None:
        """Make the file, where it is not there."""
        self.path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(self.path)) as file, file:
            file.execute(_CREATE)

    def drop(self) -> None:
        """Take the file away, and a transaction that was cut off; the folder with the last one."""
        self.path.unlink(missing_ok=True)
        self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()

    def _opened(self) -> sqlite3.Connection:
        """The file, which has to be there."""
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", uri=True)


def _key(identity: Any) -> str:
    """An id in the order of ids as text: numbers first, then UUIDs."""
    return f"u{identity}" if isinstance(identity, str) else f"n{identity:020d}"


def _identity(key: str) -> Any:
    return key[1:] if key.startswith("u") else int(key[1:])


def _point(row: Any) -> Point:
    key, vector, own = row
    payload = {
        name: value for name, value in json.loads(own).items() if value is not None
    }
    numbers = np.frombuffer(vector, np.float32)
    return Point(_identity(key), numbers, payload, None)
