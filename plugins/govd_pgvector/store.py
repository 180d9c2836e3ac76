"""A table with vectors, its originals in a column beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from psycopg.types.json import Jsonb

from govd.errors import BadFile, Conflict
from govd.keeping.spans import is_late
from govd.keeping.stamps import check_unstamped
from govd.types import (
    Batch,
    Floats,
    Generation,
    Hit,
    Pace,
    Portion,
    Progress,
    Purged,
    StoreFacts,
    StoreStamp,
    silent,
)
from govd_pgvector.connections import Connection, Connections, address_of, ask, quoted
from govd_pgvector.pacing import paces_of
from govd_pgvector.rows import BESIDE, MARK, Rows, columns_of
from govd_pgvector.searching import nearest
from govd_pgvector.switching import (
    TRIGGER,
    build_indexes,
    checked,
    drop,
    drop_indexes,
    has_marks,
    has_vectors_of,
    make_room,
    note,
    state_of,
    take_place,
    wanted_indexes,
    watch,
)
from govd_pgvector.table import Table, indexes, table_at

REMAINS: Final = (
    "the write-ahead log, until its segments are recycled, and its archive",
    "replicas until they have replayed it; backups; freed blocks of the disk",
)


def opened(url: str, secret: str) -> PgStore:
    """The store at an address.

    Raises:
        Usage: the address names no table. BadFile: there is no such column of vectors. Unreachable:
        the server does not answer.
    """
    connections = Connections(address_of(url), secret)
    try:
        with connections.use() as connection:
            return PgStore(connections, table_at(connection, connections.address))
    except BaseException:
        connections.close()
        raise


class PgStore:
    """The vectors of one column. Rows are known by their key."""

    def __init__(self, connections: Connections, table: Table) -> None:
        self.connections = connections
        self.table = table
        self._rows = Rows(table)

    # -- what it is

    def facts(self) -> StoreFacts:
        """See `govd.types.Store`.

        Raises:
            BadFile: nothing says how wide its vectors are.
        """
        at = self.table
        with self.connections.use() as connection:
            rows = self._count(connection)
            dim = at.dim
            if not dim:
                vectors = quoted(at.column)
                widths = ask(
                    connection,
                    f"SELECT vector_dims({vectors}) FROM {at.name}"
                    f" WHERE {vectors} IS NOT NULL LIMIT 1",
                )
                if not widths:
                    raise BadFile("it has no vectors yet", where=at.name)
                dim = int(widths[0][0])
            state = state_of(connection, at)
            present = {index.name for index in indexes(connection, at, at.column)}
            found_by = wanted_indexes(connection, at, state)
        size = rows * dim * np.dtype(at.dtype).itemsize
        keeps = f"the column {at.column}_govd_base"
        index = ", ".join(
            f"{index.method} ({index.opclass})"
            + ", dropped until the switch" * (index.name not in present)
            for index in found_by
        )
        return StoreFacts(
            "pgvector", dim, at.dtype, rows, size, keeps, index, marks=True
        )

    def _count(self, connection: Connection) -> int:
        vectors = quoted(self.table.column)
        query = f"SELECT count(*) FROM {self.table.name} WHERE {vectors} IS NOT NULL"
        return int(ask(connection, query)[0][0])

    def paces(self) -> Sequence[Pace]:
        """See `govd.types.Paced`."""
        with self.connections.use() as connection:
            is_dropped = self.connections.address.drops_index
            return paces_of(connection, self.table, is_dropped)

    def stamp(self) -> StoreStamp | None:
        """See `govd.types.Store`."""
        with self.connections.use() as connection:
            state = state_of(connection, self.table)
        return state.stamp if state else None

    def held(self) -> Sequence[StoreStamp]:
        """See `govd.types.Store`."""
        with self.connections.use() as connection:
            state = state_of(connection, self.table)
        return [stamp for stamp in (state.stamp, state.base) if stamp] if state else []

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """See `govd.types.Store`.

        Raises:
            Conflict: it is stamped, or another column of its table is.
        """
        at = self.table
        with self.connections.use() as connection, connection.transaction():
            ask(
                connection,
                f"CREATE TABLE IF NOT EXISTS {at.beside('govd_stores')} (store text PRIMARY KEY,"
                " stamp jsonb NOT NULL, base jsonb, begun jsonb, following jsonb, dropped jsonb)",
            )
            ask(
                connection,
                f"CREATE TABLE IF NOT EXISTS {at.beside('govd_late')} (store text NOT NULL,"
                " portion bigint NOT NULL, key text NOT NULL, PRIMARY KEY (store, portion, key))",
            )
            state = state_of(connection, at, lock=True)
            check_unstamped(state.stamp if state else None, at.name)
            if has_marks(connection, at):
                raise Conflict(
                    f"its table has a column {MARK} already",
                    where=at.name,
                    advice="One column of a table can be a store: drop what another one has left.",
                )
            mark = f"ALTER TABLE {at.name} ADD COLUMN {MARK} integer DEFAULT {stamp.revision}"
            ask(connection, mark)
            ask(connection, f"ALTER TABLE {at.name} ALTER COLUMN {MARK} DROP DEFAULT")
            counted = replace(stamp, rows=self._count(connection), sha256="")
            ask(
                connection,
                f"INSERT INTO {at.beside('govd_stores')} (store, stamp) VALUES (%s, %s)"
                " ON CONFLICT (store) DO UPDATE SET stamp = excluded.stamp, base = NULL,"
                " begun = NULL, following = NULL, dropped = NULL",
                [at.store, Jsonb(counted.as_json())],
            )
            watch(connection, at)
        return counted

    # -- reading and writing

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        with self.connections.use() as connection:
            if not has_vectors_of(connection, self.table, generation):
                return []
            return self._rows.portions(connection, generation, rows)

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`."""
        with self.connections.use() as connection:
            is_stamped = state_of(connection, self.table) is not None
            return self._rows.read(connection, generation, portion, is_stamped)

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """See `govd.types.Store`."""
        at = self.table
        with self.connections.use() as connection, connection.transaction():
            state = checked(state_of(connection, at, lock=True), expected, at)
            following = state.following
            if (
                state.begun == expected
                and following is not None
                and following.is_of(stamp)
            ):
                return
            ask(connection, "SET LOCAL lock_timeout = '30s'")
            make_room(connection, at)
            if self.connections.address.drops_index:
                drop_indexes(connection, at, state)
            note(
                connection,
                at,
                {"begun": expected.as_json(), "following": stamp.as_json()},
            )

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`.

        Raises:
            Conflict: nobody has made room for it.
        """
        with self.connections.use() as connection:
            state = state_of(connection, self.table)
            if state is None or state.following is None:
                raise Conflict("no patch of it is under way", where=self.table.name)
            is_from_base = state.base is not None and not is_late(portion)
            revision = state.following.revision
            self._rows.write(
                connection, portion, batch, originals, revision, is_from_base
            )

    def late(self, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        with self.connections.use() as connection:
            return self._rows.late(connection, rows)

    # -- switching

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or it holds none of this one.
        """
        at = self.table
        with self.connections.use() as connection:
            state = checked(state_of(connection, at), expected, at)
            source: Generation = "next"
            if state.following is None or not state.following.is_of(stamp):
                source = "base"
                if state.base is None or not state.base.is_of(stamp):
                    raise Conflict("it holds no vectors of this stamp", where=at.name)
            build_indexes(connection, at, state, source)
            with connection.transaction():
                state = checked(state_of(connection, at, lock=True), expected, at)
                kept = state.base or expected
                values = {
                    "stamp": stamp.as_json(),
                    "base": kept.as_json() if source == "next" else None,
                    "begun": None,
                    "following": None,
                    "dropped": None,
                }
                rows = take_place(connection, at, state, source, values)
        return None if rows is None else replace(stamp, rows=rows, sha256="")

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        with self.connections.use() as connection, connection.transaction():
            return nearest(connection, self.table, queries, limit)

    def fetch(self, keys: Sequence[str]) -> Floats:
        """See `govd.types.Store`.

        Raises:
            NotFound: one of them is not there.
        """
        with self.connections.use() as connection:
            return self._rows.fetch(connection, keys)

    # -- letting go

    def purge(self, progress: Progress = silent) -> Purged:
        """See `govd.types.Store`."""
        at = self.table
        size = 0
        with self.connections.use() as connection:
            with connection.transaction():
                ask(connection, "SET LOCAL lock_timeout = '30s'")
                for generation in BESIDE:
                    if has_vectors_of(connection, at, generation):
                        column = columns_of(at, generation).vectors
                        counted = (
                            f"SELECT coalesce(sum(pg_column_size({column})), "
                            f"0) FROM {at.name}"
                        )
                        size += int(ask(connection, counted)[0][0])
                ask(connection, f"DROP TRIGGER IF EXISTS {TRIGGER} ON {at.name}")
                for generation in BESIDE:
                    drop(connection, at, generation)
                state = state_of(connection, at, lock=True)
                if state is not None:
                    for index in state.dropped:
                        ask(connection, index.definition.replace("%", "%%"))
                    nothing = ("base", "begun", "following", "dropped")
                    note(connection, at, dict.fromkeys(nothing))
                    watch(connection, at)
            progress("steps", 1, 2)
            ask(connection, f"VACUUM (FULL, ANALYZE) {at.name}")
            progress("steps", 2, 2)
        return Purged(size, None, REMAINS)

    def close(self) -> None:
        """See `govd.types.Store`."""
        self.connections.close()
