"""The database under a ledger: how it is opened and migrated, and what its errors mean."""

from __future__ import annotations

import errno
import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from govd.errors import BadFile, Conflict, GovdError, MachineFault
from govd.ledger import layout
from govd.ledger.layout import APPEND_ONLY
from govd.ledger.tables import REVISION
from govd.types import Json, Record

log = logging.getLogger("govd")
PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",
    "foreign_keys=ON",
    "trusted_schema=OFF",
)
CLEAN_UP: Final = "Free some space and try again; nothing was changed."
ADVICE: Final = (
    ("full", CLEAN_UP),
    ("I/O", CLEAN_UP),
    ("locked", "Another program has it open: end that, then try again."),
)
"""What to do where a database says these words."""
CHECK: Final = "Check the home's disk and permissions (`govd doctor`)."
RESTORE: Final = "Restore it from a backup."
FOREIGN: Final = (
    "govd did not put it there. Drop it, or restore a backup; `govd audit verify` tells whether"
    " entries were changed."
)


def engine_of(url: str) -> sa.Engine:
    """The database of a ledger; its connections write unless they say `govd_writes=False`.

    Raises:
        MachineFault: no database that this govd keeps ledgers in.
    """
    engine = sa.create_engine(url)
    if engine.dialect.name != "sqlite":
        raise MachineFault(
            f"no ledger on {engine.dialect.name} yet",
            where=url,
            advice="Use sqlite:///PATH.",
        )

    @sa.event.listens_for(engine, "connect")
    def settings(connection: sqlite3.Connection, _: object) -> None:
        # SQLAlchemy's pysqlite would begin transactions late; `begin` below does it
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("govd_writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def prepare(engine: sa.Engine) -> None:
    """Migrate an empty or older database; leave a newer one alone.

    Raises:
        MachineFault: it is from a newer govd.
    """
    with engine.connect() as connection:
        has_version = sa.inspect(connection).has_table("alembic_version")
        revision = (
            connection.execute(
                sa.text("SELECT version_num FROM alembic_version")
            ).scalar()
            if has_version
            else None
        )
        connection.rollback()
    if revision == REVISION:
        _guard(engine)
        return
    if revision is not None and revision > REVISION:
        advice = f"Update govd; it knows ledgers up to {REVISION}. Nothing was changed."
        raise MachineFault(
            f"this ledger is from a newer govd (schema {revision})",
            where=str(engine.url),
            advice=advice,
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _guard(engine: sa.Engine) -> None:
    """The triggers that keep rows from being changed, where somebody took one away."""
    with engine.execution_options(govd_writes=False).connect() as connection:
        missing = layout.missing(_driver(connection))
    if missing:
        log.warning(
            "%s: %d of the triggers that keep entries from being changed were gone, and are made"
            " again",
            engine.url,
            len(missing),
        )
        with engine.begin() as connection:
            for statement in missing:
                connection.exec_driver_sql(statement)


def strangers(engine: sa.Engine) -> list[str]:
    """What the database defines that no ledger does (`layout.foreign`)."""
    with engine.execution_options(govd_writes=False).connect() as connection:
        return layout.foreign(_driver(connection))


def foreign_fault(strange: Sequence[str], where: str) -> BadFile:
    """That a database is no ledger's alone."""
    more = f", and {len(strange) - 1} more" if strange[1:] else ""
    return BadFile(
        f"the database has what no ledger has: {strange[0]}{more}",
        where=where,
        advice=FOREIGN,
    )


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def make_database(path: Path) -> None:
    """An empty ledger in an SQLite file."""
    engine = engine_of(f"sqlite:///{path}")
    with faults(str(path)):
        prepare(engine)
    engine.dispose()


def migrations_folder() -> Path:
    """Where the migrations are: in the wheel beside this file, in a checkout at its top."""
    here = Path(__file__).parent
    if (here / "_migrations").is_dir():
        return here / "_migrations"
    return here.parents[1] / "migrations"


def peek(path: Path) -> dict[str, Json]:
    """Schema and size of an SQLite ledger, read without changing anything.

    Raises:
        MachineFault: it cannot be read, or is from a newer govd. BadFile: damaged.
    """
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        ) as connection:
            (schema,) = connection.execute(
                "SELECT version_num FROM alembic_version"
            ).fetchone()
            (last,) = connection.execute("SELECT max(seq) FROM entries").fetchone()
            (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            strange = layout.foreign(connection)
    except sqlite3.OperationalError as error:
        raise MachineFault(
            f"the ledger cannot be read ({error})",
            where=str(path),
            advice="Check its permissions.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise BadFile(
            f"the ledger is damaged ({error})", where=str(path), advice=RESTORE
        ) from error
    if schema > REVISION:
        raise MachineFault(
            f"this ledger is from a newer govd (schema {schema})",
            where=str(path),
            advice="Update govd.",
        )
    if check != "ok":
        raise BadFile(
            f"the ledger is damaged ({check})", where=str(path), advice=RESTORE
        )
    if strange and schema == REVISION:
        raise foreign_fault(strange, str(path))
    return {"schema": schema, "size": 0 if last is None else last + 1}


def marked(path: Path, marks: Sequence[bytes]) -> list[Record]:
    """The entries of an SQLite ledger that have one of these bytes in them, in their order, read
    without changing anything.

    Raises:
        MachineFault: it cannot be read. BadFile: damaged.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    condition = " OR ".join(["instr(body, ?)"] * len(marks))
    with (
        faults(str(path)),
        closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection,
    ):
        rows = connection.execute(
            f"SELECT body FROM entries WHERE {condition} ORDER BY seq", tuple(marks)
        )
        return [json.loads(body) for (body,) in rows]


def rotations(path: Path) -> list[Record]:
    """The entries of an SQLite ledger that change its key, in their order.

    Raises:
        MachineFault: it cannot be read. BadFile: damaged.
    """
    return [
        entry
        for entry in marked(path, [b'"kind":"key.rotate"'])
        if entry["kind"] == "key.rotate"
    ]


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of an SQLite ledger while others use it.

    Raises:
        MachineFault: it cannot be read. BadFile: damaged. OSError: no space for the copy.
    """
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with (
        faults(str(source)),
        closing(sqlite3.connect(uri, uri=True, timeout=10)) as ledger,
        closing(sqlite3.connect(target)) as copy,
    ):
        try:
            ledger.backup(copy)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            # the ledger itself is only read
            raise OSError(
                errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)
            ) from error


def schema_of(path: Path) -> list[tuple[str, str, str]]:
    """Type, name and text of everything that an SQLite file defines: two ledgers of one govd have
    the same.

    Raises:
        MachineFault: it cannot be read. BadFile: damaged.
    """
    with (
        faults(str(path)),
        closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        ) as connection,
    ):
        return connection.execute(
            "SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY 1, 2"
        ).fetchall()


def fault_of(
    error: sqlite3.Error | SQLAlchemyError,
    where: str,
    what: str = "the ledger",
    repair: str = RESTORE,
) -> GovdError:
    """A database's error as govd's: of the machine, or of the file; `repair` says what to do about
    a damaged one.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if APPEND_ONLY in str(cause):
        return Conflict(APPEND_ONLY, where=where)
    # the latter: it is closed already
    machine = (
        sqlite3.OperationalError,
        sqlite3.ProgrammingError,
    )
    if isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, machine):
        verb = "are" if what == "the views" else "is"
        return BadFile(f"{what} {verb} damaged ({cause})", where=where, advice=repair)
    text = str(cause)  # and what the toolkit itself raises: too many at once, say
    return MachineFault(
        f"{what} cannot be written or read ({text})",
        where=where,
        advice=next((advice for words, advice in ADVICE if words in text), CHECK),
    )


@contextmanager
def faults(url: str) -> Iterator[None]:
    """The database's errors as govd's.

    Raises:
        MachineFault, BadFile: in the place of what the database raises.
    """
    try:
        yield
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise fault_of(error, url) from error
