"""A Lance table: its versions, fragments, and rows by their place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lance
import numpy as np
import pyarrow as pa

from govd.errors import BadFile, GovdError, MachineFault
from govd.keeping.arrays import check_keys, hashes
from govd.keeping.stamps import check_column
from govd.types import Floats, Json, StoreStamp

FLOATS: Final = {
    pa.float16(): "float16",
    pa.float32(): "float32",
    pa.float64(): "float64",
}
KEY: Final = "govd"
"""Where in the table's metadata its stamp is."""
BASE: Final = "govd_base"
MARK: Final = "govd_revision"
CHECK: Final = "govd_check"
NEXT: Final = "govd_next"
OWN: Final = (BASE, MARK, CHECK)
"""Columns that govd keeps beside the vectors."""


@contextmanager
def faults(where: Path) -> Iterator[None]:
    """What Lance or the file system refuses, as an error of govd's.

    Raises:
        MachineFault: it refuses something.
    """
    try:
        yield
    except GovdError:
        raise
    except (OSError, ValueError, RuntimeError, pa.ArrowException) as fault:
        text = str(fault).splitlines()[0][:300] if str(fault) else type(fault).__name__
        raise MachineFault(
            f"Lance refuses ({text})",
            where=str(where),
            advice="Look whether it is there, with room and the right to write; then again.",
        ) from None


@dataclass(frozen=True)
class Table:
    """A version of a table. `column` has the vectors, `key` names rows (empty: row ids do)."""

    path: Path
    data: Any
    column: str
    key: str

    @property
    def names(self) -> list[str]:
        """Its columns."""
        return list(self.data.schema.names)

    def metadata(self) -> dict[str, Json]:
        """What govd says in its metadata.

        Raises:
            BadFile: it is no JSON. Conflict: it is of another column.
        """
        text = (self.data.schema.metadata or {}).get(KEY.encode())
        try:
            value = json.loads(text) if text else {}
        except ValueError as fault:
            raise BadFile(
                f"its key {KEY!r} is no JSON ({fault})", where=str(self.path)
            ) from None
        value = value if isinstance(value, dict) else {}
        check_column(value, self.column, str(self.path))
        return value

    def check_keys(self) -> None:
        """That each row has a key of its own, where a column of keys is named.

        Raises:
            BadFile: a row has none, or several have one.
        """
        if self.key:
            keys = self.data.to_table(columns=[self.key])[self.key]
            check_keys(keys, self.key, str(self.path))

    def say(self, value: Json) -> None:
        """Say something of its column in its metadata."""
        said = json.dumps({**value, "column": self.column})
        self.data.update_schema_metadata({KEY: said})

    def fragments(self) -> dict[str, Any]:
        """Fragments by a name that stays as long as their vectors do."""
        number = next(
            f.id() for f in self.data.lance_schema.fields() if f.name() == self.column
        )
        named = {}
        for fragment in self.data.get_fragments():
            files = [
                file.path for file in fragment.metadata.files if number in file.fields
            ]
            named[
                f"{fragment.fragment_id}@{Path(files[0]).stem[-16:] if files else ''}"
            ] = fragment
        return named


def opened(
    path: Path, column: str, key: str, version: int | str | None = None
) -> Table:
    """A version of a table; None: the latest.

    Raises:
        BadFile: it is none, or has no such columns.
    """
    try:
        data = lance.dataset(str(path), version=version)
    except (OSError, ValueError) as fault:
        text = str(fault).splitlines()[0][:300]
        raise BadFile(f"it is no Lance table ({text})", where=str(path)) from None
    fields = {field.name: field.type for field in data.schema}
    names = [
        name for name, type_ in fields.items() if _is_vectors(type_) and name not in OWN
    ]
    if column and column not in names:
        fault_text = (
            f"has {fields[column]}, not vectors" if column in fields else "is not there"
        )
        raise BadFile(
            f"the column {column} {fault_text}",
            where=str(path),
            advice=f"Columns of vectors: {', '.join(names) or 'none'}.",
        )
    if not column and not names:
        columns = ", ".join(f"{name} ({type_})" for name, type_ in fields.items())
        raise BadFile(
            "no column has vectors",
            where=str(path),
            advice=f"Vectors are fixed-size lists of floats. Columns there: {columns or 'none'}.",
        )
    if not column and len(names) > 1:
        raise BadFile(
            f"{len(names)} columns have vectors: {', '.join(names)}",
            where=str(path),
            advice="Say which: …?column=NAME.",
        )
    if key and key not in fields:
        raise BadFile(f"no column is called {key!r}", where=str(path))
    return Table(path, data, column or names[0], key)


def _is_vectors(type_: Any) -> bool:
    return pa.types.is_fixed_size_list(type_) and type_.value_type in FLOATS


def _whole(column: Any) -> Any:
    """A column in one piece."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not isinstance(array, pa.ChunkedArray):
        return array
    return (
        pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    )


def rows_of(column: Any, dim: int, dtype: str) -> Floats:
    """Rows `(n, d)` of a column; a missing vector is a row of zeros."""
    array = _whole(column)
    rows = np.zeros((len(array), dim), dtype)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    rows[valid] = array.flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
    return rows


def array_of(rows: Floats, type_: Any, missing: Any) -> Any:
    """Rows `(n, d)` as a column, missing where `missing` `(n,)` says so."""
    numbers = pa.array(np.ascontiguousarray(rows).reshape(-1), type_.value_type)
    mask = pa.array(missing) if missing.any() else None
    return pa.FixedSizeListArray.from_arrays(numbers, type=type_, mask=mask)


def as_bytes(rows: Floats, type_: Any, missing: Any) -> Any:
    """Rows `(n, d)` as bytes, which nobody takes for vectors to search; missing where `missing`
    `(n,)` says so.
    """
    data = pa.py_buffer(np.ascontiguousarray(rows))
    valid = pa.array(~missing).buffers()[1] if missing.any() else None
    return pa.Array.from_buffers(type_, len(rows), [valid, data])


def bytes_as(column: Any, dim: int, dtype: str) -> Floats:
    """Rows `(n, d)` of a column of bytes; a missing one is zeros."""
    array = _whole(column)
    rows = np.zeros((len(array), dim), dtype)
    width = array.type.byte_width
    if len(array):
        data = np.frombuffer(array.buffers()[1], np.uint8)[array.offset * width :]
        rows[:] = data[: len(array) * width].view(dtype).reshape(len(array), dim)
    rows[array.is_null().to_numpy(zero_copy_only=False)] = 0
    return rows


def checks(rows: Floats) -> Any:
    """A number `(n,)` for each row `(n, d)`, int64: the same for the same bytes."""
    return hashes(rows).view(np.int64)


def marks_of(
    batch: Any, rows: Floats, stamp: StoreStamp | None
) -> tuple[list[int | None], Any]:
    """The revision that rows `(n, d)` say they are of, and of which `(n,)` the original is kept."""
    if MARK not in batch.column_names:
        revision = None if stamp is None else stamp.revision
        return [revision] * len(rows), np.zeros(len(rows), bool)
    own = checks(rows)
    revisions = batch[MARK].to_pylist()
    check = batch[CHECK].to_pylist()
    marks: list[int | None] = []
    usable = np.zeros(len(rows), bool)
    for place, (mark, number) in enumerate(zip(revisions, check, strict=True)):
        is_same = number == int(own[place])
        usable[place] = is_same and stamp is not None and mark == stamp.revision
        marks.append(mark if is_same or number is None else None)
    return marks, usable


def places_of(batch: Any) -> Any:
    """Physical rows `(n,)` of a fragment."""
    return (batch["_rowaddr"].to_numpy() & 0xFFFFFFFF).astype(np.int64)
