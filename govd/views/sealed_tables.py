"""The derived tables of a ledger as they are stored: rows with their seals, the position up to
which entries were read.

They lie in a second database beside the ledger, written without waiting for the disk: after a crash
they continue from the entry that they had read last. Their tables are in `schema`. What somebody
else changed while they are in use is made anew once, and the question asked again.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache, wraps
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from govd.errors import BadFile, MachineFault
from govd.ledger import canonical
from govd.ledger.database import fault_of
from govd.types import Json
from govd.views.schema import SCHEMA
from govd.views.seals import Cell, Seals, added, removed

#: Changed whenever these tables or what is folded into them change: older ones are then made anew.
VERSION: Final = "12"
ROW: Final = "noun, key, model, state, live, seq, due, record"
"""A record's row without its seal."""
DEFINED: Final = (
    "SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
    " ORDER BY type, name"
)


Question = TypeVar("Question", bound=Callable[..., Any])


def mended(question: Question) -> Question:
    """A question that is asked once more where the tables were changed by somebody else and could
    be made anew.
    """

    @wraps(question)
    def asked(tables: SealedTables, *values: Any, **named: Any) -> Any:
        before = tables.generation
        try:
            return question(tables, *values, **named)
        except BadFile:
            if not tables.made_anew(before):
                raise
        return question(tables, *values, **named)

    return cast(Question, asked)


class SealedTables:
    """The derived tables of one ledger. `path` None: in memory. `key` seals the records: without
    one they are sealed for this process.

    `mend`: makes the tables anew while they are in use (`adopt`), and says whether it did; asked
    with the `generation` that was found changed.
    """

    def __init__(self, path: Path | None, key: bytes | None = None) -> None:
        self.path = path
        self._seals = Seals(secrets.token_bytes(32) if key is None else key)
        self._live = 0  # the sum of the seals of the live records
        self.mend: Callable[[int], bool] | None = None
        self.generation = 0
        self._folds: int | None = None  # the thread that folds entries into them
        # held while something is asked: the database is not exchanged then
        self._use = threading.RLock()
        self._db = self._connected()

    def _connected(self) -> sqlite3.Connection:
        with self._told():
            connection = sqlite3.connect(
                self.path or ":memory:",
                isolation_level=None,
                check_same_thread=False,
                timeout=10,
            )
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA cache_size=-16384")  # KiB
                if not connection.execute(
                    "SELECT 1 FROM sqlite_master WHERE name = 'position'"
                ).fetchone():
                    connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
            except BaseException:
                connection.close()
                raise
        return connection

    def adopt(self, path: Path) -> None:
        """Use the tables in this file from now on, in the place of those in use; nobody writes
        meanwhile.

        Raises:
            MachineFault: the file cannot be put in their place.
        """
        assert self.path is not None, "tables in memory are changed by nobody else"
        with self._use:
            self._db.close()
            try:
                remove_tables(self.path)
                os.replace(path, self.path)
            except OSError as error:
                raise MachineFault(
                    f"the views cannot be put in place ({error.strerror})",
                    where=str(self.path),
                ) from None
            finally:
                self._db = self._connected()
            self.generation += 1

    def made_anew(self, generation: int) -> bool:
        """Whether what was found changed in a generation of these tables is mended now. Never while
        this thread folds entries into them.
        """
        if self.mend is None or self._folds == threading.get_ident():
            return False
        return self.generation != generation or self.mend(generation)

    @contextmanager
    def folding(self) -> Iterator[None]:
        """While entries are folded into the tables: they are not exchanged in between by this
        thread, and by no other as that is locked.
        """
        self._folds = threading.get_ident()
        try:
            yield
        finally:
            self._folds = None

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The database's errors as govd's.

        Raises:
            BadFile: these are no views, or damaged ones. MachineFault: they cannot be written or
            read.
        """
        try:
            yield
        except sqlite3.Error as error:
            place = str(self.path or "the views")
            repair = "They are made anew: govd audit rebuild."
            # these are not the tables that were made
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:
                raise BadFile(
                    f"the views are damaged ({error})", where=place, advice=repair
                ) from error
            raise fault_of(error, place, "the views", repair) from error

    def _ask(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._use, self._told():
            return self._db.execute(query, values).fetchall()

    def _put(self, query: str, rows: Iterable[Sequence[Cell]]) -> None:
        with self._told():
            self._db.executemany(query, rows)

    def position(self) -> dict[str, Json]:
        """Version, origin, size and the digest of the last entry of what was read; empty at
        first.
        """
        names = ("version", "origin", "size", "last")
        rows = self._ask(f"SELECT {', '.join(names)} FROM position")
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    def check(self) -> None:
        """That the tables define what they should, and that the position and all live records are
        those that were written.

        Raises:
            BadFile: somebody else changed, added or dropped something, or put something older back.
        """
        if self._ask(DEFINED) != _defined():
            raise self._changed("they define something other than govd's tables")
        positions = self._ask(
            "SELECT version, origin, size, last, live, seal FROM position"
        )
        position: Sequence[Any] = (
            positions[0] if positions else (VERSION, "", 0, "", "0", None)
        )
        cells = position[:-1]
        seal = position[-1]
        if positions and seal != self._seals.of("position", *cells):
            raise self._changed("their position is not the one that was written")
        rows = self._ask(
            f"SELECT {ROW}, seal FROM records WHERE live ORDER BY noun, seq"
        )
        seals = [self._seals.record(row[:-1]) for row in rows]
        if any(seal != row[-1] for seal, row in zip(seals, rows, strict=True)) or added(
            0, seals
        ) != int(cells[4], 16):
            raise self._changed("their live records are not those that were written")
        self._live = int(cells[4], 16)

    def _changed(self, what: str) -> BadFile:
        advice = (
            "They are made anew from the entries: govd audit rebuild, or start anew."
        )
        return BadFile(
            f"the views were changed by somebody else: {what}",
            where=str(self.path or "the views"),
            advice=advice,
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction. What went wrong in it is what is told, whether or not it can be taken
        back.
        """
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                raise

    def mark(self, origin: str, size: int, last: str) -> None:
        """Say up to where entries were read."""
        cells = (VERSION, origin, size, last, f"{self._live:x}")
        self._put(
            "INSERT OR REPLACE INTO position VALUES (0, ?, ?, ?, ?, ?, ?)",
            [(*cells, self._seals.of("position", *cells))],
        )

    def add_log(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Entries as `line` has them."""
        self._put("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def put(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Records: noun, key, model, state, live, seq, due, JSON."""
        total = self._live
        sealed = []
        live = "SELECT seal FROM records WHERE noun = ? AND key = ? AND live"
        with self._told():
            for row in rows:
                before = self._db.execute(live, row[:2]).fetchone()
                seal = self._seals.record(row)
                total = removed(total, before[0] or b"") if before else total
                total = added(total, [seal]) if row[4] else total
                sealed.append((*row, seal))
        self._put(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", sealed
        )
        self._live = total

    def add_terms(self, rows: Iterable[Sequence[str]]) -> None:
        """Term, word, noun, key."""
        self._put("INSERT OR IGNORE INTO terms VALUES (?, ?, ?, ?)", rows)

    def add_spans(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Model, entry that published, number of the revision."""
        self._put("INSERT OR REPLACE INTO spans VALUES (?, ?, ?)", rows)

    def _read(self, row: Sequence[Any]) -> dict[str, Json]:
        """The record of a row with its seal."""
        if self._seals.record(row[:-1]) != row[-1]:
            raise self._changed(
                f"the {row[0]} {str(row[1])[:40]} is not as it was written"
            )
        record: dict[str, Json] = json.loads(row[-2])
        return record

    def dump(self) -> Iterator[tuple[str, ...]]:
        """Every row of every table but the position, without the seals, in a fixed order: two that
        say the same are equal.
        """
        every = (
            ("log", "*", "seq"),
            ("records", ROW, "noun, key"),
            ("terms", "*", "term, word, noun, key"),
            ("spans", "*", "model, start"),
        )
        for table, columns, order in every:
            with self._told():
                for row in self._db.execute(
                    f"SELECT {columns} FROM {table} ORDER BY {order}"
                ):
                    cells = (
                        (*row[:-1], canonical.encode(json.loads(row[-1])).decode())
                        if table == "records"
                        else row
                    )
                    yield (table, *(str(cell) for cell in cells))


def remove_tables(path: Path) -> None:
    """Take away what was derived; the entries are the truth."""
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)


@cache
def _defined() -> list[tuple[str, str, str]]:
    """What the tables define where nobody else did."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return connection.execute(DEFINED).fetchall()
