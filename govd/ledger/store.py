"""The ledger in a database: appends are atomic and durable, reads come in order."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from govd.errors import BadFile, Conflict, GovdError, MachineFault, Usage
from govd.ledger import canonical, merkle
from govd.ledger.signing import LogCheckpoint, Signer
from govd.ledger.tables import REVISION, checkpoints, entries, nodes
from govd.ledger.verify import Stored
from govd.types import Json, Record

PAGE = 1000
CLEAN_UP = "Free some space and try again; nothing was changed."


@dataclass(frozen=True)
class Draft:
    """An entry before it has a number and a time. `model` is repeated for queries."""

    kind: str
    subject: str
    actor: str
    model: str = ""
    payload: Json = field(default_factory=dict)


class _Job:
    """One caller's entries."""

    def __init__(self, drafts: Sequence[Draft], expect: int | None) -> None:
        self.drafts, self.expect = drafts, expect
        self.records: list[Record] = []
        self.error: GovdError | None = None
        self.done: threading.Event | None = None  # only of who waits for another to write

    def finish(self) -> None:
        """Let go of who waits."""
        if self.done is not None:
            self.done.set()

    def bodies(self, size: int) -> list[bytes]:
        """Canonical entries numbered from `size`; none where something is wrong with one of them."""
        rows: list[bytes] = []
        self.records, self.error = [], None  # it may be the second try
        if self.expect is not None and self.expect != size:
            self.error = Conflict("the ledger has grown meanwhile", advice="Try again.", size=size)
            return []
        for seq, draft in enumerate(self.drafts, size):
            record = {"seq": seq, "time": now(), "kind": draft.kind, "subject": draft.subject, "actor": draft.actor}
            record |= {"model": draft.model, "payload": draft.payload}
            try:
                rows.append(canonical.encode(record))
            except GovdError as error:
                self.error = error
                return []
            self.records.append(record)
        return rows


def now() -> str:
    """UTC in ISO 8601, to the microsecond, ending in Z."""
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def moment(text: str | None, name: str) -> Any:
    """A time as entries spell it: UTC to the microsecond. A date alone is its first moment; without a zone it is UTC.

    Raises:
        Usage: it is no time.
    """
    if text is None:
        return None
    try:
        found = datetime.now(UTC) if text.strip() == "now" else datetime.fromisoformat(text.strip())
    except ValueError:
        raise Usage(f"{name} is {text!r}", advice="Write a time as 2027-01-31 or 2027-01-31T12:00:00Z.") from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return found.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Ledger:
    """Entries, Merkle tree and log checkpoints of one home.

    Appends are serialised by the database; several may run at once. `signer` signs log checkpoints, `origin` names the log.
    """

    def __init__(self, url: str, signer: Signer, origin: str) -> None:
        self.url, self.signer, self.origin = url, signer, origin
        self._engine = _engine(url)
        self._reads = self._engine.execution_options(govd_writes=False)
        self._lock, self._queue = threading.Lock(), threading.Lock()
        self._jobs: list[_Job] = []
        self._leading = False
        self._tree: merkle.Growing | None = None
        self._writer: sa.PoolProxiedConnection | None = None
        with _faults(url):
            _prepare(self._engine)

    @staticmethod
    def at(path: Path, signer: Signer, origin: str) -> Ledger:
        """The ledger in an SQLite file, made on first use."""
        return Ledger(f"sqlite:///{path}", signer, origin)

    def close(self) -> None:
        """Let go of the database."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._engine.dispose()

    def size(self) -> int:
        """How many entries there are."""
        with _faults(self.url), self._reads.connect() as connection:
            return _size(connection)

    def append(self, drafts: Sequence[Draft], expect: int | None = None) -> list[Record]:
        """Add entries, all or none; durable when this returns.

        `expect` is the size that the caller read: where somebody else appended since, nothing is written.

        Raises:
            Conflict: the ledger has another size than `expect`. MachineFault: the disk is full or cannot be written.
        """
        job = _Job(drafts, expect)
        with self._queue:
            self._jobs.append(job)
            leading, self._leading = not self._leading, True
            if not leading:
                job.done = threading.Event()
        if job.done is None:
            self._lead()
        else:
            job.done.wait()
        if job.error is not None:
            raise job.error
        return job.records

    def _lead(self) -> None:
        """Write what waits, and what comes meanwhile: whoever comes first does it for all."""
        jobs: list[_Job] = []
        while True:
            with self._queue:
                jobs, self._jobs = self._jobs, []
                if not jobs:
                    self._leading = False
                    return
            try:
                with self._lock:
                    self._write(jobs)
            except BaseException:
                with self._queue:
                    waiting, self._jobs, self._leading = self._jobs, [], False
                for job in waiting:
                    job.error = MachineFault("the process is ending", where=self.url, advice="Nothing was changed.")
                    job.finish()
                raise

    def _write(self, jobs: Sequence[_Job]) -> None:
        """Several callers' entries in one transaction; a caller whose entries cannot be written does not hold up the others."""
        try:
            with _faults(self.url):
                for last in (False, True):
                    try:
                        self._commit(jobs)
                        break
                    except IntegrityError:  # somebody else appended to this file
                        if last:
                            raise
                        self._tree = None
        except GovdError as error:
            for job in jobs:
                job.error = job.error or error
        finally:
            for job in jobs:
                job.finish()

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """On the driver's own connection: a quarter of a millisecond of the toolkit's would be as much as the commit itself."""
        if self._tree is None or any(job.expect not in (None, self._tree.size) for job in jobs):
            with self._reads.connect() as connection:
                self._tree = merkle.Growing(_size(connection), partial(_node, connection))
        tree = self._tree.copy()
        rows: list[tuple[int, bytes]] = []
        made: list[tuple[int, int, bytes]] = []
        for job in jobs:
            for body in job.bodies(tree.size):
                rows.append((tree.size, body))
                made += tree.add(merkle.leaf_hash(body))[1:]
        if not rows:
            return
        if self._writer is None:
            self._writer = self._engine.raw_connection()
        writer = self._writer.driver_connection
        assert isinstance(writer, sqlite3.Connection)
        try:
            writer.execute("BEGIN IMMEDIATE")
            try:
                writer.executemany("INSERT INTO entries (seq, body) VALUES (?, ?)", rows)
                if made:
                    writer.executemany("INSERT INTO nodes (level, number, hash) VALUES (?, ?, ?)", made)
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
        except sqlite3.IntegrityError as error:
            kind = DatabaseError if "append-only" in str(error) else IntegrityError
            raise kind(None, None, error) from error
        except sqlite3.OperationalError as error:
            raise OperationalError(None, None, error) from error
        except sqlite3.Error as error:
            raise DatabaseError(None, None, error) from error
        self._tree = tree

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """Entries from `start` to before `stop`, in order, read in pages."""
        for _, body in self.bodies(start, stop):
            yield json.loads(body)  # whether it is canonical is for verification to say

    def bodies(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """The same as stored: sequence number and canonical bytes."""
        while stop is None or start < stop:
            query = sa.select(entries.c.seq, entries.c.body).where(entries.c.seq >= start).order_by(entries.c.seq).limit(PAGE)
            if stop is not None:
                query = query.where(entries.c.seq < stop)
            with _faults(self.url), self._reads.connect() as connection:
                page = connection.execute(query).all()
            yield from ((seq, body) for seq, body in page)
            if len(page) < PAGE:
                return
            start = page[-1].seq + 1

    def some(self, seqs: Sequence[int]) -> list[Record]:
        """Entries by their numbers, in the order asked for; those that are not there are left out."""
        return [json.loads(body) for body in self.bodies_of(seqs).values()]

    def bodies_of(self, seqs: Sequence[int]) -> dict[int, bytes]:
        """Canonical bytes of entries by their numbers, in the order asked for."""
        found: dict[int, bytes] = {}
        with _faults(self.url), self._reads.connect() as connection:
            for at in range(0, len(seqs), PAGE):
                query = sa.select(entries.c.seq, entries.c.body).where(entries.c.seq.in_(seqs[at : at + PAGE]))
                found |= {seq: bytes(body) for seq, body in connection.execute(query)}
        return {seq: found[seq] for seq in seqs if seq in found}

    def nodes(self, level: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """The stored hashes of one level of the tree (from 1), in order."""
        query = sa.select(nodes.c.number, nodes.c.hash).where(nodes.c.level == level).order_by(nodes.c.number).limit(PAGE)
        if stop is not None:
            query = query.where(nodes.c.number < stop)
        while True:
            with _faults(self.url), self._reads.connect() as connection:
                page = connection.execute(query.where(nodes.c.number >= start)).all()
            yield from ((number, bytes(value)) for number, value in page)
            if len(page) < PAGE:
                return
            start = page[-1].number + 1

    def top(self) -> int:
        """The highest level that has a stored hash; 0 where there is none."""
        with _faults(self.url), self._reads.connect() as connection:
            return int(connection.execute(sa.select(sa.func.max(nodes.c.level))).scalar() or 0)

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` entries (all where None)."""
        with _faults(self.url), self._reads.connect() as connection:
            return merkle.root(_size(connection) if size is None else size, lambda i, j: _node(connection, i, j))

    def inclusion(self, seq: int, size: int) -> list[bytes]:
        """Inclusion proof of an entry in the tree of `size`."""
        with _faults(self.url), self._reads.connect() as connection:
            return _proof(connection, lambda node: merkle.inclusion_proof(seq, size, node))

    def run(self, start: int, stop: int, size: int) -> list[bytes]:
        """Proof of the entries `[start, stop)` together in the tree of `size`."""
        with _faults(self.url), self._reads.connect() as connection:
            return _proof(connection, lambda node: merkle.range_proof(start, stop, size, node))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Consistency proof between two sizes."""
        with _faults(self.url), self._reads.connect() as connection:
            return _proof(connection, lambda node: merkle.consistency_proof(old, new, node))

    def checkpoint(self) -> str:
        """The signed log checkpoint of the ledger as it is, stored on first use."""
        with _faults(self.url), self._lock, self._engine.begin() as connection:
            size = _size(connection)
            stored = connection.execute(sa.select(checkpoints.c.note).where(checkpoints.c.size == size)).scalar()
            if stored is not None:
                return str(stored)
            root = merkle.root(size, lambda i, j: _node(connection, i, j))
            note = self.signer.sign(LogCheckpoint(self.origin, size, root).text)
            connection.execute(checkpoints.insert(), {"size": size, "time": now(), "note": note})
            return note

    def checkpoint_of(self, size: int) -> str | None:
        """The signed log checkpoint of that size, None where none was made."""
        with _faults(self.url), self._reads.connect() as connection:
            found = connection.execute(sa.select(checkpoints.c.note).where(checkpoints.c.size == size)).scalar()
        return None if found is None else str(found)

    def last_checkpoint(self) -> tuple[int, str] | None:
        """Size of the newest signed log checkpoint, and when it was made; None where there is none."""
        with _faults(self.url), self._reads.connect() as connection:
            query = sa.select(checkpoints.c.size, checkpoints.c.time).order_by(checkpoints.c.size.desc()).limit(1)
            found = connection.execute(query).first()
        return (int(found[0]), str(found[1])) if found else None

    def checkpoints(self) -> list[tuple[int, str]]:
        """All signed log checkpoints, by size."""
        with _faults(self.url), self._reads.connect() as connection:
            rows = connection.execute(sa.select(checkpoints.c.size, checkpoints.c.note).order_by(checkpoints.c.size))
            return [(size, note) for size, note in rows]

    def stored(self) -> Stored:
        """The ledger as verification reads it."""
        return Stored(Path(sa.make_url(self.url).database or ""))

    def copy_to(self, path: Path) -> None:
        """A consistent copy of an SQLite ledger while it is in use."""
        with _faults(self.url), self._reads.connect() as connection, closing(sqlite3.connect(path)) as target:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            connection.rollback()  # the copy takes its own read lock
            source.backup(target)


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url)
    if engine.dialect.name != "sqlite":
        raise MachineFault(f"no ledger on {engine.dialect.name} yet", where=url, advice="Use sqlite:///PATH.")

    @sa.event.listens_for(engine, "connect")
    def settings(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's pysqlite would begin transactions late; `begin` below does it
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=10000",
            "foreign_keys=ON",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("govd_writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _prepare(engine: sa.Engine) -> None:
    """Migrate an empty or older database; leave a newer one alone."""
    with engine.connect() as connection:
        known = sa.inspect(connection).has_table("alembic_version")
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() if known else None
        connection.rollback()
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        advice = f"Update govd; it knows ledgers up to {REVISION}. Nothing was changed."
        raise MachineFault(f"this ledger is from a newer govd (schema {found})", where=str(engine.url), advice=advice)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def peek(path: Path) -> dict[str, Json]:
    """Schema and size of an SQLite ledger, read without changing anything.

    Raises:
        MachineFault: it cannot be read, or is from a newer govd. BadFile: damaged.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            (schema,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            (last,) = connection.execute("SELECT max(seq) FROM entries").fetchone()
            (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        raise MachineFault(f"the ledger cannot be read ({error})", where=str(path), advice="Check its permissions.") from error
    except sqlite3.DatabaseError as error:
        raise BadFile(f"the ledger is damaged ({error})", where=str(path), advice="Restore it from a backup.") from error
    if schema > REVISION:
        raise MachineFault(f"this ledger is from a newer govd (schema {schema})", where=str(path), advice="Update govd.")
    if check != "ok":
        raise BadFile(f"the ledger is damaged ({check})", where=str(path), advice="Restore it from a backup.")
    return {"schema": schema, "size": 0 if last is None else last + 1}


def migrations_folder() -> Path:
    """Where the migrations are: in the wheel beside this file, in a checkout at its top."""
    here = Path(__file__).parent
    return here / "_migrations" if (here / "_migrations").is_dir() else here.parents[1] / "migrations"


def _size(connection: sa.Connection) -> int:
    last = connection.execute(sa.select(sa.func.max(entries.c.seq))).scalar()
    return 0 if last is None else int(last) + 1


def _proof(connection: sa.Connection, make: Callable[[merkle.Node], list[bytes]]) -> list[bytes]:
    """A proof with all of its nodes read at once."""
    wanted: list[tuple[int, int]] = []

    def ask(level: int, number: int) -> bytes:
        wanted.append((level, number))
        return merkle.EMPTY

    make(ask)
    found: dict[tuple[int, int], bytes] = {}
    above = [at for at in wanted if at[0]]
    if above:
        wanted_rows = f"WITH w(a, b) AS (VALUES {', '.join(['(?, ?)'] * len(above))})"  # SQLite would scan for (level, number) IN …
        query = f"{wanted_rows} SELECT level, number, hash FROM w JOIN nodes ON level = a AND number = b"
        rows = connection.exec_driver_sql(query, tuple(value for at in above for value in at))
        found = {(level, number): bytes(value) for level, number, value in rows}

    def node(level: int, number: int) -> bytes:
        return found.get((level, number)) or _node(connection, level, number)

    return make(node)


def _node(connection: sa.Connection, level: int, number: int) -> bytes:
    if level == 0:
        body = connection.execute(sa.select(entries.c.body).where(entries.c.seq == number)).scalar()
        if body is None:
            raise BadFile(f"entry {number} is missing", where="ledger", advice="Run `govd audit verify`; restore a backup.")
        return merkle.leaf_hash(bytes(body))
    query = sa.select(nodes.c.hash).where(nodes.c.level == level, nodes.c.number == number)
    found = connection.execute(query).scalar()
    if found is None:
        raise BadFile(f"Merkle node {level}/{number} is missing", where="ledger", advice="Run `govd audit verify`; restore a backup.")
    return bytes(found)


@contextmanager
def _faults(url: str) -> Iterator[None]:
    """The database's errors as govd's."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig)
        advice = CLEAN_UP if "full" in text or "I/O" in text else "Check the home's disk and permissions (`govd doctor`)."
        raise MachineFault(f"the ledger cannot be written or read ({text})", where=url, advice=advice) from error
    except DatabaseError as error:
        if "append-only" in str(error.orig):
            raise Conflict("the ledger is append-only", where=url) from error
        raise BadFile(f"the ledger is damaged ({error.orig})", where=url, advice="Restore it from a backup.") from error
