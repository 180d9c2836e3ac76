"""Rows of a table, read and written by ranges of keys, in PostgreSQL's binary form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from govd.errors import BadFile, NotFound
from govd.keeping.seen import Seen
from govd.keeping.spans import LATE, is_late
from govd.types import Batch, Floats, Generation, Portion
from govd_pgvector.connections import Connection, ask, quoted
from govd_pgvector.table import Table

MARK: Final = "govd_revision"
BESIDE: Final[tuple[Generation, ...]] = ("base", "next")
"""Generations that are kept beside what is searched."""
HEAD: Final = 4
"""Bytes before the numbers of a vector: its width, and two that are unused."""
NUMBERS: Final = {"float32": (">f4", np.float32), "float16": (">f2", np.float16)}


@dataclass(frozen=True)
class Columns:
    """Names, quoted, of a generation's vectors and marks."""

    vectors: str
    marks: str


def columns_of(table: Table, generation: Generation) -> Columns:
    """The columns of a generation."""
    if generation == "searched":
        return Columns(quoted(table.column), quoted(MARK))
    return Columns(
        quoted(f"{table.column}_govd_{generation}"), quoted(f"{MARK}_{generation}")
    )


class Rows:
    """The rows of a table. It remembers which version of each row was read, until it is written."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._next = columns_of(table, "next")
        self._base = columns_of(table, "base")
        self._versions: Seen[dict[str, str]] = Seen()

    def portions(
        self, connection: Connection, generation: Generation, rows: int
    ) -> list[Portion]:
        """Ranges of keys with about `rows` vectors each."""
        at = self.table
        key = quoted(self.table.key)
        vectors = columns_of(at, generation).vectors
        edges = ask(
            connection,
            f"SELECT k::text, n FROM (SELECT {key} k, row_number() OVER (ORDER BY {key}) n,"
            f" lead({key}) OVER (ORDER BY {key}) IS NULL AS is_last FROM {at.name}"
            f" WHERE {vectors} IS NOT NULL) s"
            " WHERE (n - 1) %% %s = 0 OR n %% %s = 0 OR is_last ORDER BY n",
            [rows, rows],
        )
        portions = []
        start = ("", 0)
        for place, (value, number) in enumerate(edges, 1):
            if (number - 1) % rows == 0:
                start = (value, number)
            if number % rows == 0 or place == len(edges):
                portions.append(
                    Portion(json.dumps([start[0], value]), number - start[1] + 1)
                )
        return portions

    def late(self, connection: Connection, rows: int) -> list[Portion]:
        """Number the rows that `next` does not have, and give them as portions."""
        at = self.table
        key = quoted(self.table.key)
        searched = columns_of(at, "searched").vectors
        following = columns_of(at, "next").vectors
        with connection.transaction():
            ask(
                connection,
                f"SELECT 1 FROM {at.beside('govd_stores')} WHERE store = %s FOR UPDATE",
                [at.store],
            )
            last = ask(
                connection,
                f"SELECT coalesce(max(portion), -1) FROM {at.beside('govd_late')} WHERE store = %s",
                [at.store],
            )[0][0]
            ask(
                connection,
                f"INSERT INTO {at.beside('govd_late')} SELECT %s, %s + 1 +"
                f" (row_number() OVER (ORDER BY {key}) - 1) / %s, {key}::text FROM {at.name}"
                f" WHERE {searched} IS NOT NULL AND {following} IS NULL",
                [at.store, last, rows],
            )
            counts = ask(
                connection,
                f"SELECT portion, count(*) FROM {at.beside('govd_late')}"
                " WHERE store = %s AND portion > %s GROUP BY portion ORDER BY portion",
                [at.store, last],
            )
        return [Portion(f"{LATE}{number}", count) for number, count in counts]

    def read(
        self,
        connection: Connection,
        generation: Generation,
        portion: Portion,
        marked: bool,
    ) -> Batch:
        """The vectors of a portion; `marked`: whether there is a column of marks.

        Raises:
            BadFile: they are of several widths.
        """
        at = self.table
        columns = columns_of(self.table, generation)
        source, values = self._range(portion)
        marks = f"t.{columns.marks}" if marked else "NULL::int4"
        query = (
            f"SELECT t.{quoted(at.key)}::text, t.xmin::text, {marks}, t.{columns.vectors}"
            f" FROM {source} AND t.{columns.vectors} IS NOT NULL ORDER BY t.{quoted(at.key)}"
        )
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(query.encode(), values).fetchall()
        keys = [row[0] for row in rows]
        if generation == "searched":
            self._versions.keep(portion.name, {row[0]: row[1] for row in rows})
        vectors = decoded([row[3] for row in rows], at, keys)
        return Batch(keys, vectors, [row[2] for row in rows] if marked else None)

    def write(
        self,
        connection: Connection,
        portion: Portion,
        batch: Batch,
        originals: Floats | None,
        revision: int,
        is_from_base: bool,
    ) -> None:
        """Write `next` of a portion, but for rows that were changed or deleted since they were
        read. `originals`, of rows that are `revision` afterwards, are kept.
        """
        at = self.table
        following = self._next
        base = self._base
        versions = self._versions.take(portion.name) or {}
        kept = (
            f", {base.vectors} = coalesce(s.o, t.{base.vectors}), {base.marks} = CASE WHEN s.o"
            f" IS NULL THEN t.{base.marks} ELSE 0 END"
            if originals is not None
            else ""
        )
        source, values = self._range(portion, joined=False)
        intact = f" AND t.{base.vectors} IS NOT NULL" if is_from_base else ""
        with connection.transaction():
            ask(connection, "SET LOCAL synchronous_commit = off")  # it is read back
            ask(connection, "SET LOCAL enable_seqscan = off")
            ask(
                connection,
                "CREATE TEMP TABLE IF NOT EXISTS govd_written"
                f" (k text, x text, m int4, v {at.kind}, o {at.kind}) ON COMMIT DELETE ROWS",
            )
            _copy(connection, at, batch, originals, versions, revision)
            ask(
                connection,
                f"UPDATE {at.name} t SET {following.vectors} = s.v, {following.marks} = s.m{kept}"
                f" FROM govd_written s WHERE t.{quoted(at.key)} = s.k::{at.key_type}{source}"
                f" AND (s.x IS NULL OR t.xmin::text = s.x)"
                f" AND t.{quoted(at.column)} IS NOT NULL{intact}",
                values,
            )

    def fetch(self, connection: Connection, keys: Sequence[str]) -> Floats:
        """The searched vectors `(n, d)` of these keys.

        Raises:
            NotFound: one of them is not there.
        """
        at = self.table
        key = quoted(self.table.key)
        query = (
            f"SELECT {key}::text, {quoted(at.column)} FROM {at.name}"
            f" WHERE {key} = ANY(%s::text[]::{at.key_type}[]) AND {quoted(at.column)} IS NOT NULL"
        )
        with connection.cursor(binary=True) as cursor:
            rows: dict[str, bytes] = dict(
                cursor.execute(query.encode(), [list(keys)]).fetchall()
            )
        missing = [name for name in keys if name not in rows]
        if missing:
            raise NotFound(f"there is no row {missing[0]}", where=at.name)
        return decoded([rows[name] for name in keys], at, keys)

    def _range(self, portion: Portion, joined: bool = True) -> tuple[str, list[Any]]:
        """Where the rows of a portion are (with the table, `t`, or as a further condition)."""
        at = self.table
        key = quoted(self.table.key)
        if is_late(portion):
            number = int(portion.name.removeprefix(LATE))
            late = (
                f"{at.beside('govd_late')} l JOIN {at.name} t ON t.{key} = l.key::{at.key_type}"
                " WHERE l.store = %s AND l.portion = %s"
            )
            return (late, [at.store, number]) if joined else ("", [])
        between = f"t.{key} BETWEEN %s::{at.key_type} AND %s::{at.key_type}"
        bounds = json.loads(portion.name)
        return (f"{at.name} t WHERE {between}" if joined else f" AND {between}"), bounds


def decoded(cells: Sequence[bytes], table: Table, keys: Sequence[str]) -> Floats:
    """Vectors `(n, d)` from their binary form.

    Raises:
        BadFile: they are of several widths.
    """
    stored, dtype = NUMBERS[table.dtype]
    width = np.dtype(stored).itemsize
    length = len(cells[0]) if cells else HEAD + table.dim * width
    for key, cell in zip(keys, cells, strict=True):
        if len(cell) != length:
            raise BadFile(
                f"its vectors are of several widths: row {key} has {(len(cell) - HEAD) // width}"
                f" numbers, others have {(length - HEAD) // width}",
                where=f"{table.name}, column {table.column}",
            )
    raw = np.frombuffer(b"".join(cells), np.uint8).reshape(len(cells), length)
    numbers = np.ascontiguousarray(raw[:, HEAD:]).view(stored)
    vectors: Floats = numbers.astype(dtype)
    return vectors


def encoded(vectors: Floats, table: Table) -> list[bytes]:
    """Vectors `(n, d)` in their binary form."""
    stored, _ = NUMBERS[table.dtype]
    head = int(vectors.shape[1]).to_bytes(2, "big") + b"\0\0"
    return [
        head + row.tobytes() for row in np.ascontiguousarray(vectors).astype(stored)
    ]


def _copy(
    connection: Connection,
    table: Table,
    batch: Batch,
    originals: Floats | None,
    versions: dict[str, str],
    revision: int,
) -> None:
    """Bring vectors to the server; originals of rows only that are known ones'."""
    marks = batch.marks if batch.marks is not None else [None] * len(batch.keys)
    vectors = encoded(batch.vectors, table)
    kept: list[bytes | None] = [None] * len(vectors)
    if originals is not None:
        kept = [
            cell if mark == revision else None
            for cell, mark in zip(encoded(originals, table), marks, strict=True)
        ]
    with (
        connection.cursor() as cursor,
        cursor.copy(b"COPY govd_written FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["text", "text", "int4", "bytea", "bytea"])
        for key, mark, vector, original in zip(
            batch.keys, marks, vectors, kept, strict=True
        ):
            copy.write_row((key, versions.get(key), mark, vector, original))
