"""Appending to a ledger: durable, all or none, and for many callers at once in one transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from govd.errors import BadFile, GovdError, MachineFault
from govd.ledger import canonical, merkle
from govd.ledger.database import fault_of
from govd.ledger.entry import Draft
from govd.ledger.layout import APPEND_ONLY
from govd.ledger.stored_tree import node, size_of, time_of
from govd.ledger.times import now, seconds_between
from govd.types import Json, Record

INSERT = "INSERT INTO entries (seq, nodes, body) VALUES (?, ?, ?)"
STORED = "SELECT seq, nodes, body FROM entries WHERE seq >= ? ORDER BY seq LIMIT ?"
NOT_STORED = (
    "Something in the database changes what is written to it: `govd audit verify` names it. Nothing"
    " more is appended."
)


class _Job:
    """One caller's entries."""

    __slots__ = ("drafts", "error", "leads", "records", "then", "turn")

    def __init__(
        self, drafts: Sequence[Draft], then: Callable[[], None] | None
    ) -> None:
        self.drafts = drafts
        self.then = then
        self.records: list[Record] = []
        self.error: GovdError | None = None
        self.turn: threading.Event | None = (
            None  # only of who waits for another to write
        )
        self.leads = False

    def bodies(self, size: int, last: str) -> list[bytes]:
        """Canonical entries numbered from `size`, none dated before `last`; none where something is
        wrong with one of them.
        """
        bodies: list[bytes] = []
        self.records, self.error = [], None  # it may be the second try
        for seq, draft in enumerate(self.drafts, size):
            time = now()
            record: dict[str, Json] = {
                "seq": seq,
                "time": max(time, last),
                "kind": draft.kind,
                "subject": draft.subject,
                "actor": draft.actor,
                "model": draft.model,
                "payload": draft.payload,
            }
            if time < last:
                record["clock_behind_seconds"] = seconds_between(time, last)
            try:
                bodies.append(canonical.encode(record))
            except GovdError as error:
                self.error = error
                return []
            self.records.append(record)
        return bodies


class Appender:
    """The one writer of a ledger in this process. `lock` is held while entries are written; who
    holds it sees a ledger that stands still.

    Who comes first writes what waits, himself included, in one transaction, and hands the rest to
    the next who waits: everybody leads once at most, so that none is kept at it by those who come
    after.
    """

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self.url = url
        self.lock = threading.Lock()
        self._engine = engine
        self._reads = engine.execution_options(govd_writes=False)
        self._queue = threading.Lock()
        self._jobs: list[_Job] = []
        self._led = False
        self._tree: merkle.Growing | None = None
        self._time = ""  # of the last entry; known where the tree is
        self.fault: GovdError | None = None  # why nothing is appended any more
        self._connection: sa.PoolProxiedConnection | None = None

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def append(
        self,
        drafts: Sequence[Draft],
        then: Callable[[], None] | None = None,
    ) -> list[Record]:
        """As `Ledger.append`; `then` is called once they are written and before anything else is
        written or signed.

        Raises:
            As `Ledger.append`.
        """
        job = _Job(drafts, then)
        with self._queue:
            self._jobs.append(job)
            leads, self._led = not self._led, True
            if not leads:
                job.turn = threading.Event()
        if job.turn is not None:
            try:
                job.turn.wait()
            except BaseException:
                self._leave(job)
                raise
            leads = job.leads
        if leads:
            self._lead()
        if job.error is not None:
            raise job.error
        return job.records

    def _lead(self) -> None:
        """Write what waits, then let the next one lead."""
        with self._queue:
            jobs, self._jobs = self._jobs, []
        try:
            with self.lock:
                self._write(jobs)
        except BaseException as error:  # it is raised here; who waits is told as well
            fault = (
                f"the entries could not be written ({type(error).__name__}: {error})"
            )
            self._fail(
                jobs,
                MachineFault(
                    fault,
                    where=self.url,
                    advice="Look whether they are there before you try again.",
                ),
            )
            raise
        finally:
            for job in jobs:
                if job.turn is not None and not job.leads:
                    job.turn.set()
            with self._queue:
                self._hand_over()

    def _hand_over(self) -> None:
        """The next who waits leads; `_queue` is held."""
        self._led = bool(self._jobs)
        if self._led:
            following = self._jobs[0]
            assert following.turn is not None, "who leads at once has been taken out"
            following.leads = True
            following.turn.set()

    def _leave(self, job: _Job) -> None:
        """A caller who was interrupted while he waited: what nobody has begun to write is not
        written, and somebody else leads.
        """
        with self._queue:
            if job in self._jobs:
                self._jobs.remove(job)
                if job.leads:
                    self._hand_over()

    def _write(self, jobs: Sequence[_Job]) -> None:
        """Several callers' entries in one transaction; a caller whose entries cannot be written
        does not hold up the others.
        """
        try:
            if self.fault is not None:
                raise self.fault
            try:
                self._commit(jobs)
            except sqlite3.IntegrityError as error:
                if APPEND_ONLY in str(error):
                    raise
                self._tree = None  # somebody else appended to this file
                self._commit(jobs)
        except GovdError as error:
            self._fail(jobs, error)
        except (sqlite3.Error, SQLAlchemyError) as error:
            fault = fault_of(error, self.url)
            fault.__cause__ = error
            self._fail(jobs, fault)

    def _fail(self, jobs: Sequence[_Job], error: GovdError) -> None:
        self._tree = None  # whatever was written of them is read again
        for job in jobs:
            job.error = job.error or error

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """On the driver's own connection: a quarter of a millisecond of the toolkit's would be as
        much as the commit itself.
        """
        tree = self._grown().copy()
        rows: list[tuple[int, bytes, bytes]] = []
        time = self._time
        for job in jobs:
            for body in job.bodies(tree.size, time):
                seq = tree.size
                rows.append(
                    (
                        seq,
                        b"".join(
                            [
                                node
                                for _, _, node in tree.add(merkle.leaf_hash(body))[1:]
                            ]
                        ),
                        body,
                    )
                )
            if job.records and job.error is None:
                time = job.records[-1]["time"]
        if rows:
            self._store(rows)
        self._tree, self._time = tree, time
        for job in jobs:
            if job.then is not None and job.error is None:
                job.then()

    def _store(self, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """In one transaction, one row as well: it is read back before it is committed, and without
        a transaction of its own for that.
        """
        writer = self._writer()
        writer.execute("BEGIN IMMEDIATE")
        try:
            if len(rows) == 1:
                writer.execute(INSERT, rows[0])
            else:
                writer.executemany(INSERT, rows)
            self._check_stored(writer, rows)
            writer.execute("COMMIT")
        except BaseException:
            self._roll_back(writer)
            raise

    def _check_stored(
        self, writer: sqlite3.Connection, rows: Sequence[tuple[int, bytes, bytes]]
    ) -> None:
        """That the database has what it was given: a trigger that somebody put there may have made
        it something else, or nothing.

        Raises:
            BadFile: it has not.
        """
        if writer.execute(STORED, (rows[0][0], len(rows))).fetchall() == rows:
            return
        self.fault = BadFile(
            "entries were not stored as they were written",
            where=self.url,
            advice=NOT_STORED,
        )
        raise self.fault

    def wrote(self, size: int) -> bytes | None:
        """The root of the first `size` entries as this process wrote or last read them; None where
        it knows another size.

        `lock` is held.
        """
        if self._tree is not None and self._tree.size == size:
            return self._tree.root()
        return None

    def _roll_back(self, writer: sqlite3.Connection) -> None:
        try:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        except sqlite3.Error:  # what went wrong first is what is told
            assert self._connection is not None
            self._connection.invalidate()
            self._connection = None

    def _grown(self) -> merkle.Growing:
        """The tree as far as it is known, read where nothing is known of it."""
        tree = self._tree
        if tree is None:
            with self._reads.connect() as connection:
                tree = merkle.Growing(size_of(connection), partial(node, connection))
                self._time = time_of(connection, tree.size - 1) if tree.size else ""
        return tree

    def _writer(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
        driver = self._connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return driver
