"""The files of a table: one, or those of a folder."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from govd.errors import BadFile, Conflict
from govd.keeping.arrays import check_keys
from govd.keeping.files import ident_of
from govd.types import RowNumbers, StoreStamp
from govd_parquet.tables import Table
from govd_parquet.vectors import FLOATS, Shape, column_of, storage

SUFFIXES: Final = (".parquet", ".arrow", ".feather")
HIDDEN: Final = ("_", ".")
"""How names begin that readers of folders leave out."""


class Files:
    """The files of a table, by their paths below it. `shape` is of the vectors; `key`: the column
    that names rows, empty where their numbers do. `beside`: where its stamp is.
    """

    def __init__(self, path: Path, column: str, key: str) -> None:
        self.path = path
        self.key = key
        self.beside = Path(f"{path}.govd.json")
        self._lock = threading.Lock()
        self._open: dict[str, Table] = {}
        self._keys: tuple[tuple[str, str], Any] = (("", ""), None)
        tables = self.tables()
        first = next(iter(tables.values()))
        suffix = first.path.suffix.lower()
        self.kind = suffix.removeprefix(".").replace("feather", "arrow")
        self.shape = _shape(tables.values(), column)
        if key and key not in first.schema.names:
            raise BadFile(f"no column is called {key!r}", where=str(first.path))

    def tables(self) -> dict[str, Table]:
        """The files as they are now, in the order of their names.

        Raises:
            BadFile: there are none: what is not there, a disk that is away, is not what was
            deleted; or one is a link.
        """
        if self.path.is_file():
            return {self.path.name: self.table(self.path.name)}
        names = []
        for file in self.path.rglob("*") if self.path.is_dir() else ():
            name = file.relative_to(self.path)
            if file.suffix.lower() in SUFFIXES and not any(
                p.startswith(HIDDEN) for p in name.parts
            ):
                _check_no_link(file)
                names.append(name.as_posix())
        if not names:
            raise BadFile("there are no files of vectors", where=str(self.path))
        return {name: self.table(name) for name in sorted(names)}

    def at(self, rel: str) -> Path:
        """The path of a file."""
        return self.path / rel if self.path.is_dir() else self.path

    def table(self, rel: str) -> Table:
        """A file as it is now.

        Raises:
            BadFile: it is not there, or has no such column.
        """
        try:
            ident = ident_of(self.at(rel))
        except OSError:
            raise BadFile("the file is gone", where=str(self.at(rel))) from None
        with self._lock:
            if rel not in self._open or self._open[rel].ident != ident:
                self._open[rel] = Table(self.at(rel))
            return self._open[rel]

    def stamp(self) -> StoreStamp | None:
        """What the files' schemas say of them all.

        Raises:
            Conflict: some say otherwise, or nothing.
        """
        tables = self.tables()
        stamps = {rel: table.stamp() for rel, table in tables.items()}
        first = next(iter(stamps.values()))
        for rel, stamp in stamps.items():
            if (stamp is None) != (first is None) or (
                stamp and first and not stamp.is_of(first)
            ):
                names = [
                    f"{s.model} {s.revision}" if s else "nothing"
                    for s in (first, stamp)
                ]
                raise Conflict(
                    f"its files are of different revisions: {next(iter(stamps))} says {names[0]},"
                    f" {rel} {names[1]}",
                    where=str(self.path),
                    advice="Keep vectors of one revision in a table: take the others away.",
                )
        rows = sum(table.rows for table in tables.values())
        if first is None:
            return None
        return StoreStamp(**{**first.as_json(), "rows": rows, "sha256": ""})

    def keys(self, rel: str, table: Table, places: Any) -> Sequence[str]:
        """Keys of rows by their places in a file; a place of -1 gives a word that is no key."""
        if self.key:
            column = self._column(rel, table)
            return [
                str(key)
                for key in column.take(pa.array(np.maximum(places, 0))).to_pylist()
            ]
        if self.path.is_dir():
            return [f"{rel}:{place}" for place in places]
        return (
            RowNumbers(places)
            if isinstance(places, range)
            else [str(p) for p in places]
        )

    def check_keys(self) -> None:
        """That each row has a key of its own, where a column of keys is named.

        Raises:
            BadFile: a row has none, or several have one.
        """
        if self.key:
            columns = [self._column(rel, table) for rel, table in self.tables().items()]
            chunks = [c for part in columns for c in getattr(part, "chunks", [part])]
            check_keys(pa.chunked_array(chunks), self.key, str(self.path))

    def _column(self, rel: str, table: Table) -> Any:
        """The column of keys of a file; that of one file is in memory."""
        with self._lock:
            if self._keys[0] != (rel, table.ident):
                batches = [
                    batch.column(0) for batch in table.batches([self.key], 1 << 16)
                ]
                if not batches:
                    return pa.array([], pa.string())
                self._keys = ((rel, table.ident), pa.chunked_array(batches))
            return self._keys[1]


def _check_no_link(file: Path) -> None:
    """That a file of a folder lies there itself: one that is written anew takes a link's place."""
    if file.is_symlink():
        raise BadFile(
            f"is a link to {file.resolve()}, which would keep its vectors as they are",
            where=str(file),
            advice="Put the file itself there.",
        )


def _shape(tables: Any, column: str) -> Shape:
    """The shape of the vectors, by the first that is there.

    Raises:
        BadFile: there is no such column, or no vector.
    """
    for table in tables:
        name = column_of(table.schema, column, str(table.path))
        plain = storage(table.schema.field(name).type)
        if pa.types.is_fixed_size_list(plain):
            return Shape(name, plain.list_size, FLOATS[plain.value_type])
        for batch in table.batches([name], 1024):
            vectors = [vector for vector in batch.column(0) if vector.is_valid]
            if vectors:
                return Shape(name, len(vectors[0]), FLOATS[plain.value_type])
    raise BadFile("it has no vector", where=str(table.path))
