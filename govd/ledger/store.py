"""The ledger in a database: appends are atomic and durable, reads come in order."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from govd.errors import BadFile, Conflict, MachineFault
from govd.ledger import canonical, merkle
from govd.ledger.signing import LogCheckpoint, Signer
from govd.ledger.tables import REVISION, checkpoints, entries, nodes
from govd.ledger.verify import COLUMNS
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


def now() -> str:
    """UTC in ISO 8601, to the microsecond, ending in Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Ledger:
    """Entries, Merkle tree and log checkpoints of one home.

    Appends are serialised by the database; several may run at once. `signer` signs log checkpoints, `origin` names the log.
    """

    def __init__(self, url: str, signer: Signer, origin: str) -> None:
        self.url, self.signer, self.origin = url, signer, origin
        self._engine = _engine(url)
        self._reads = self._engine.execution_options(govd_writes=False)
        self._lock = threading.Lock()
        with _faults(url):
            _prepare(self._engine)

    @staticmethod
    def at(path: Path, signer: Signer, origin: str) -> Ledger:
        """The ledger in an SQLite file, made on first use."""
        return Ledger(f"sqlite:///{path}", signer, origin)

    def close(self) -> None:
        """Let go of the database."""
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
        records: list[Record] = []
        with _faults(self.url), self._lock, self._engine.begin() as connection:
            size = _size(connection)
            if expect is not None and expect != size:
                raise Conflict("the ledger has grown meanwhile", advice="Try again.", size=size)
            made: dict[tuple[int, int], bytes] = {}

            def node(level: int, number: int) -> bytes:
                found = made.get((level, number))
                return _node(connection, level, number) if found is None else found

            rows = []
            for seq, draft in enumerate(drafts, size):
                record = {"seq": seq, "time": now(), "kind": draft.kind, "subject": draft.subject, "actor": draft.actor}
                record |= {"model": draft.model, "payload": draft.payload}
                body = canonical.encode(record)
                rows.append({k: record[k] for k in ("seq", "time", "actor", "kind", "subject", "model")} | {"body": body})
                for level, number, value in merkle.completed(seq, merkle.leaf_hash(body), node):
                    made[level, number] = value
                records.append(record)
            if rows:
                connection.execute(entries.insert(), rows)
                connection.execute(nodes.insert(), [{"level": i, "number": j, "hash": h} for (i, j), h in made.items()])
        return records

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

    def query(self, *, after: int | None = None, limit: int = 100, **filters: str | None) -> list[Record]:
        """Entries that match, in order: `actor`, `subject`, `model` equal, `kind` equal or its noun, `since` ≤ time < `until`."""
        query = sa.select(entries.c.body).order_by(entries.c.seq).limit(limit)
        if after is not None:
            query = query.where(entries.c.seq > after)
        for name, value in filters.items():
            if value is None:
                continue
            if name == "since":
                query = query.where(entries.c.time >= value)
            elif name == "until":
                query = query.where(entries.c.time < value)
            elif name == "kind" and "." not in value:
                query = query.where(entries.c.kind.like(f"{value}.%"))
            else:
                query = query.where(entries.c[name] == value)
        with _faults(self.url), self._reads.connect() as connection:
            return [json.loads(body) for (body,) in connection.execute(query)]

    def rows(self) -> Iterator[tuple[Json, ...]]:
        """Every row as stored, columns as in `verify.COLUMNS`: what verification looks at."""
        columns, start = [entries.c[name] for name in COLUMNS], -1
        while True:
            with _faults(self.url), self._reads.connect() as connection:
                page = connection.execute(sa.select(*columns).where(entries.c.seq > start).order_by(entries.c.seq).limit(PAGE)).all()
            yield from (tuple(row) for row in page)
            if len(page) < PAGE:
                return
            start = page[-1].seq

    def nodes_at(self, level: int) -> Iterator[tuple[int, bytes]]:
        """The stored hashes of one level of the tree, in order."""
        start = -1
        query = sa.select(nodes.c.number, nodes.c.hash).where(nodes.c.level == level).order_by(nodes.c.number).limit(PAGE)
        while True:
            with _faults(self.url), self._reads.connect() as connection:
                page = connection.execute(query.where(nodes.c.number > start)).all()
            yield from ((number, bytes(value)) for number, value in page)
            if len(page) < PAGE:
                return
            start = page[-1].number

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` entries (all where None)."""
        with _faults(self.url), self._reads.connect() as connection:
            return merkle.root(_size(connection) if size is None else size, lambda i, j: _node(connection, i, j))

    def inclusion(self, seq: int, size: int) -> list[bytes]:
        """Inclusion proof of an entry in the tree of `size`."""
        with _faults(self.url), self._reads.connect() as connection:
            return merkle.inclusion_proof(seq, size, lambda i, j: _node(connection, i, j))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Consistency proof between two sizes."""
        with _faults(self.url), self._reads.connect() as connection:
            return merkle.consistency_proof(old, new, lambda i, j: _node(connection, i, j))

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

    def checkpoints(self) -> list[tuple[int, str]]:
        """All signed log checkpoints, by size."""
        with _faults(self.url), self._reads.connect() as connection:
            rows = connection.execute(sa.select(checkpoints.c.size, checkpoints.c.note).order_by(checkpoints.c.size))
            return [(size, note) for size, note in rows]

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
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON", "trusted_schema=OFF"):
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


def _node(connection: sa.Connection, level: int, number: int) -> bytes:
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
