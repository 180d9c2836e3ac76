"""Columns of a table that take each other's place: room for what is written, a switch."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Final

from govd.errors import BadFile, Unsupported
from govd.keeping.stamps import check_expected
from govd.types import Generation, Json, StoreStamp
from govd_pgvector.connections import Connection, ask, quoted
from govd_pgvector.rows import BESIDE, MARK, columns_of
from govd_pgvector.table import Index, Table, dependents, indexes

LOCK_SECONDS: Final = 30
"""How long a switch waits for those who use the table at that moment."""
TRIGGER: Final = "zz_govd"
"""Runs after others' triggers: they are called in the order of their names."""


@dataclass(frozen=True)
class State:
    """What the server says of a store: stamps of what is searched, of the originals that are kept
    beside it, and of an unfinished patch, from where to where; indexes that were dropped for it.
    """

    stamp: StoreStamp
    base: StoreStamp | None
    begun: StoreStamp | None
    following: StoreStamp | None
    dropped: tuple[Index, ...] = ()


def state_of(connection: Connection, table: Table, lock: bool = False) -> State | None:
    """The state of a store; None where it is unstamped, or its table was dropped and made anew
    since. `lock`: nobody else changes it until this transaction ends.
    """
    if not has_marks(connection, table):
        return None
    stores = table.beside("govd_stores")
    if (
        ask(connection, "SELECT to_regclass(%s)", [stores.replace("%%", "%")])[0][0]
        is None
    ):
        return None
    rows = ask(
        connection,
        f"SELECT dropped, stamp, base, begun, following FROM {stores} WHERE store = %s"
        + (" FOR UPDATE" if lock else ""),
        [table.store],
    )
    if not rows:
        return None
    dropped, stamp, *others = rows[0]
    base, begun, following = map(_stamp, others)
    lost = tuple(Index(**index) for index in dropped or ())
    return State(StoreStamp.from_json(stamp), base, begun, following, lost)


def _stamp(value: Json) -> StoreStamp | None:
    return None if value is None else StoreStamp.from_json(value)


def checked(state: State | None, expected: StoreStamp, table: Table) -> State:
    """The state, where its stamp is the expected one.

    Raises:
        Conflict: it is another.
    """
    check_expected(state.stamp if state else None, expected, table.name)
    assert state is not None  # an unstamped table is not the expected one
    return state


def has_marks(connection: Connection, table: Table) -> bool:
    """Whether rows of the table say what encoded them.

    Raises:
        BadFile: the table is gone.
    """
    rows = ask(
        connection,
        "SELECT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = %s"
        " AND NOT a.attisdropped) FROM pg_class c WHERE c.oid = %s",
        [MARK, table.oid],
    )
    if not rows:
        raise BadFile("it does not exist any more", where=table.name)
    return bool(rows[0][0])


def has_vectors_of(
    connection: Connection, table: Table, generation: Generation
) -> bool:
    """Whether there is a column of this generation."""
    vectors = columns_of(table, generation).vectors.strip('"').replace('""', '"')
    rows = ask(
        connection,
        "SELECT 1 FROM pg_attribute WHERE attrelid = %s AND attname = %s AND NOT attisdropped",
        [table.oid, vectors.replace("%%", "%")],
    )
    return bool(rows)


def make_room(connection: Connection, table: Table) -> None:
    """Empty columns for what is to be written, in a transaction.

    Raises:
        Unsupported: something else would go on with the old vectors.
    """
    others = dependents(connection, table)
    if others:
        raise Unsupported(
            f"{', '.join(others)}: bound to the column {table.column}, and would go on with its old"
            " vectors after a switch",
            where=table.name,
            advice="Drop it, patch, and make it anew.",
        )
    drop(connection, table, "next")
    columns = columns_of(table, "next")
    storage = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}[
        table.storage
    ]
    ask(
        connection,
        f"ALTER TABLE {table.name} ADD COLUMN {columns.vectors} {table.type},"
        f" ADD COLUMN {columns.marks} integer,"
        f" ALTER COLUMN {columns.vectors} SET STORAGE {storage}",
    )
    ask(
        connection,
        f"DELETE FROM {table.beside('govd_late')} WHERE store = %s",
        [table.store],
    )
    watch(connection, table)


def drop(connection: Connection, table: Table, generation: Generation) -> None:
    """Take the columns of a generation away."""
    columns = columns_of(table, generation)
    ask(
        connection,
        f"ALTER TABLE {table.name} DROP COLUMN IF EXISTS {columns.vectors},"
        f" DROP COLUMN IF EXISTS {columns.marks}",
    )


def watch(connection: Connection, table: Table) -> None:
    """Let a trigger notice vectors that are written anew: nothing is known of such a row then."""
    vectors = quoted(table.column)
    mark = columns_of(table, "searched").marks
    forgotten = ""
    for generation in BESIDE:
        if has_vectors_of(connection, table, generation):
            columns = columns_of(table, generation)
            forgotten += f" NEW.{columns.vectors} := NULL; NEW.{columns.marks} := NULL;"
    name = table.beside("govd_" + hashlib.sha256(table.store.encode()).hexdigest()[:16])
    ask(
        connection,
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        " SET search_path FROM CURRENT AS $govd$ BEGIN"
        f" IF NEW.{vectors} IS DISTINCT FROM OLD.{vectors} THEN{forgotten}"
        f" IF NEW.{mark} IS NOT DISTINCT FROM OLD.{mark} THEN NEW.{mark} := NULL; END IF;"
        " END IF; RETURN NEW; END $govd$",
    )
    ask(
        connection,
        f"CREATE OR REPLACE TRIGGER {TRIGGER} BEFORE UPDATE OF {vectors} ON {table.name}"
        f" FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


def drop_indexes(connection: Connection, table: Table, state: State) -> None:
    """In a transaction: drop what indexes the searched column has, and note how they are built.
    Where one stays, PostgreSQL enters each row into it that is filled in.
    """
    dropped = [asdict(index) for index in wanted_indexes(connection, table, state)]
    note(connection, table, {"dropped": dropped})
    for index in indexes(connection, table, table.column):
        ask(connection, f"DROP INDEX {table.beside(index.name)}")


def wanted_indexes(
    connection: Connection, table: Table, state: State | None
) -> list[Index]:
    """The indexes of the searched column: those that are there, and those that were dropped."""
    present = indexes(connection, table, table.column)
    names = {index.name for index in present}
    dropped = state.dropped if state else ()
    return [*present, *(index for index in dropped if index.name not in names)]


def build_indexes(
    connection: Connection, table: Table, state: State, source: Generation
) -> None:
    """Build on another column what indexes the searched one has or had, while searches and writes
    go on; what a cut-off call has built is used.
    """
    column = columns_of(table, source).vectors
    plain = column[1:-1].replace('""', '"').replace("%%", "%")
    built = {index.name: index for index in indexes(connection, table, plain)}
    for index in wanted_indexes(connection, table, state):
        beside = built.get(index.next_name)
        if beside is not None and beside.is_valid:
            continue
        # cut off, or built on another column for a switch that did not come about
        ask(connection, f"DROP INDEX IF EXISTS {table.beside(index.next_name)}")
        ask(connection, index.on(table.column, plain))


def take_place(
    connection: Connection,
    table: Table,
    state: State,
    source: Generation,
    values: dict[str, Any],
) -> int | None:
    """In a transaction: let another generation be searched; how many rows that are. None: it lacks
    rows, and nothing was changed. Writers wait from here on, searches only for the last moment.
    """
    searched = columns_of(table, "searched")
    following = columns_of(table, source)
    ask(connection, f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    ask(connection, f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")
    rows, missing = ask(
        connection,
        f"SELECT count(*), count(*) FILTER (WHERE {following.vectors} IS NULL)"
        f" FROM {table.name} WHERE {searched.vectors} IS NOT NULL",
    )[0]
    plain = following.vectors[1:-1].replace('""', '"').replace("%%", "%")
    old = wanted_indexes(connection, table, state)
    names = {index.name for index in indexes(connection, table, plain)}
    if missing or any(index.next_name not in names for index in old):
        return None
    ask(connection, f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE")
    ask(connection, f"DROP TRIGGER IF EXISTS {TRIGGER} ON {table.name}")
    for index in old:
        ask(connection, f"DROP INDEX IF EXISTS {table.beside(index.name)}")
        rename = f"ALTER INDEX {table.beside(index.next_name)} RENAME TO {quoted(index.name)}"
        ask(connection, rename)
    if state.base is None:
        _rename(connection, table, "searched", "base")
    else:
        drop(connection, table, "searched")
    _rename(connection, table, source, "searched")
    drop(connection, table, "next")
    if table.is_required:
        ask(
            connection,
            f"ALTER TABLE {table.name} ALTER COLUMN {searched.vectors} SET NOT NULL",
        )
    _note(connection, table, values | {"stamp": values["stamp"] | {"rows": rows}})
    watch(connection, table)
    return int(rows)


def _rename(
    connection: Connection, table: Table, before: Generation, after: Generation
) -> None:
    some = columns_of(table, before)
    others = columns_of(table, after)
    if after == "base" and table.is_required:
        ask(
            connection,
            f"ALTER TABLE {table.name} ALTER COLUMN {some.vectors} DROP NOT NULL",
        )
    for name, other in ((some.vectors, others.vectors), (some.marks, others.marks)):
        ask(connection, f"ALTER TABLE {table.name} RENAME COLUMN {name} TO {other}")


def _note(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Write what a store is of, and forget what was late."""
    note(connection, table, values)
    ask(
        connection,
        f"DELETE FROM {table.beside('govd_late')} WHERE store = %s",
        [table.store],
    )


def note(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Write some of a store's stamps."""
    from psycopg.types.json import Jsonb

    names = ", ".join(f"{name} = %s" for name in values)
    ask(
        connection,
        f"UPDATE {table.beside('govd_stores')} SET {names} WHERE store = %s",
        [
            *(None if value is None else Jsonb(value) for value in values.values()),
            table.store,
        ],
    )
