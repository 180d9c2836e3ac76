"""A switch of a Lance table: new data files for its columns, put in their place by one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lance.fragment import DataFile, write_fragments

from govd.types import Floats, Json, Progress, StoreStamp
from govd_lance.searching import index_of
from govd_lance.staged import KNOWN_LATE, UNKNOWN, Staged
from govd_lance.table import (
    BASE,
    CHECK,
    MARK,
    NEXT,
    Table,
    array_of,
    as_bytes,
    bytes_as,
    checks,
    opened,
    places_of,
    rows_of,
)

BLOCK: Final = 8192
"""Rows that are made at once."""
GONE: Final = -2
"""The number of a column in a data file that is in another one now."""
TRIES: Final = 3
"""Times that a rewrite is begun anew because somebody else wrote."""


@dataclass(frozen=True)
class Made:
    """New vectors `(n, d)` of a batch, their originals `(n, d)` and marks `(n,)`; of which `(n,)`
    no original is known, and which say nothing.
    """

    rows: Floats
    base: Floats
    marks: Any
    unknown: Any
    silent: Any


Make = Callable[[str, Any, StoreStamp], Made]


class Switch:
    """The switch of a version of a table to what is staged, or back."""

    def __init__(self, table: Table, staged: Staged) -> None:
        self.table = table
        self.staged = staged

    def _again(self) -> Table:
        self.table = opened(self.table.path, self.table.column, self.table.key)
        return self.table

    # -- what came in

    def late(self) -> dict[str, Any]:
        """Physical rows `(n,)` of each fragment of which nothing is written."""
        late = {}
        for name, fragment in self.table.fragments().items():
            places = places_of(fragment.to_table(columns=[], with_row_address=True))
            places = places[self.staged.states(name, places) == 0]
            if len(places):
                late[name] = places
        return late

    # -- forth and back

    def to_next(self, expected: StoreStamp, stamp: StoreStamp) -> bool:
        """Let searches be answered from what is staged; False where rows came in meanwhile."""
        if BASE not in self.table.names:
            width = self.staged.dim * np.dtype(self.staged.dtype).itemsize
            fields = [(BASE, pa.binary(width)), (MARK, pa.int32()), (CHECK, pa.int64())]
            self.table.data.add_columns(pa.schema(fields))
            self._again()
        if self.late():
            return False
        self._committed(
            stamp, self.table.metadata().get("base") or expected.as_json(), self._next
        )
        return True

    def to_base(self, stamp: StoreStamp) -> bool:
        """Let searches be answered from the originals; False where some row has none."""
        revision = self.table.metadata()["stamp"]["revision"]
        columns = [self.table.column, MARK, CHECK]
        for batch in self.table.data.to_batches(columns=columns, batch_size=BLOCK):
            own = checks(rows_of(batch.column(0), self.staged.dim, self.staged.dtype))
            marks = batch.column(1).fill_null(-1).to_numpy(zero_copy_only=False)
            numbers = batch.column(2).fill_null(0).to_numpy(zero_copy_only=False)
            if ((marks != revision) | (numbers != own)).any():
                return False
        self._committed(stamp, None, self._back)
        return True

    def _next(self, name: str, batch: Any, stamp: StoreStamp) -> Made:
        """What is staged of a batch of a fragment."""
        places = places_of(batch)
        states = self.staged.states(name, places)
        unknown = states == UNKNOWN
        marks = batch.column(MARK).fill_null(0).to_numpy(zero_copy_only=False)
        is_silent = pc.or_(batch.column(MARK).is_null(), batch.column(CHECK).is_valid())
        silent = unknown & is_silent.to_numpy(zero_copy_only=False)
        marks = np.where(unknown, marks, stamp.revision).astype(np.int32)
        searched = rows_of(
            batch.column(self.table.column), self.staged.dim, self.staged.dtype
        )
        base = searched
        if self.table.metadata()["stamp"]["revision"]:
            base = bytes_as(batch.column(BASE), self.staged.dim, self.staged.dtype)
            late = self.staged.base(name, places)
            if late is not None:
                base[states == KNOWN_LATE] = late[states == KNOWN_LATE]
        return Made(self.staged.made(name, places), base, marks, unknown, silent)

    def _back(self, name: str, batch: Any, stamp: StoreStamp) -> Made:
        """The originals of a batch."""
        base = bytes_as(batch.column(BASE), self.staged.dim, self.staged.dtype)
        none = np.zeros(len(base), bool)
        return Made(base, base, np.zeros(len(base), np.int32), none, none)

    def _committed(self, stamp: StoreStamp, base: Json, make: Make) -> None:
        """Put new data files in the place of the columns' in one commit; the index no longer
        covers them from then on, and is built anew.
        """
        numbers = {f.name(): f.id() for f in self.table.data.lance_schema.fields()}
        columns = [numbers[name] for name in (self.table.column, BASE, MARK, CHECK)]
        index = index_of(self.table.data, self.table.column)
        parts = [
            _with(fragment.metadata, self._file(name, fragment, stamp, make), columns)
            for name, fragment in self.table.fragments().items()
        ]
        rows = int(self.table.data.count_rows())
        kept = {**base, "rows": rows, "sha256": ""} if base and stamp.revision else None
        following = {
            "stamp": replace(stamp, rows=rows, sha256="").as_json(),
            "base": kept,
            "file": parts[0].files[-1].path if parts else "",
            "index": None if index is None else vars(index),
        }
        version = self.table.data.version
        self.table.say({**self.table.metadata(), "next": following})
        update = lance.LanceOperation.Update(
            updated_fragments=parts, fields_modified=columns
        )
        if self._again().data.version != version + 1:
            raise OSError("somebody wrote to the table at this moment")
        path = str(self.table.path)
        lance.LanceDataset.commit(path, update, read_version=version + 1)
        self._again()
        self.end()

    def _file(self, name: str, fragment: Any, stamp: StoreStamp, make: Make) -> Any:
        """A data file with the new columns of a fragment, not yet of the table."""
        column = self.table.column
        type_ = self.table.data.schema.field(column).type
        binary = self.table.data.schema.field(BASE).type

        def columns_of(batch: Any) -> Any:
            new = make(name, batch, stamp)
            missing = batch.column(column).is_null().to_numpy(zero_copy_only=False)
            return pa.record_batch(
                {
                    NEXT: array_of(new.rows, type_, missing),
                    NEXT + BASE: as_bytes(new.base, binary, missing | new.unknown),
                    NEXT + MARK: pa.array(new.marks, pa.int32(), mask=new.silent),
                    NEXT + CHECK: pa.array(
                        checks(new.rows), pa.int64(), mask=new.unknown
                    ),
                }
            )

        columns = [column, BASE, MARK, CHECK, "_rowaddr"]
        merged, _ = fragment.merge_columns(columns_of, columns, batch_size=BLOCK)
        return merged.files[-1]

    def is_open(self) -> bool:
        """Whether the new files are there, and what follows was cut off."""
        following = self.table.metadata().get("next")
        if following is None:
            return False
        fragments = self.table.data.get_fragments()
        files = {
            file.path for fragment in fragments for file in fragment.metadata.files
        }
        return following["file"] in files or not files

    def said(self) -> dict[str, Json]:
        """What the table's metadata says: of `stamp` and `base`."""
        metadata = self.table.metadata()
        return dict(metadata["next"]) if self.is_open() else metadata

    def end(self) -> None:
        """What follows the commit: an index like the one before, and the stamp."""
        following = self.table.metadata()["next"]
        index = following["index"]
        if index is not None and self.table.data.count_rows():
            how = {"metric": index["metric"], "replace": True, **index["settings"]}
            kind = index["kind"]
            name = index["name"]
            self.table.data.create_index(self.table.column, kind, name=name, **how)
            self._again()
        if not following["stamp"]["revision"]:
            self._drop(
                [name for name in (BASE, MARK, CHECK) if name in self.table.names]
            )
        self.table.say({"stamp": following["stamp"], "base": following["base"]})
        self.staged.drop()

    def _drop(self, names: list[str]) -> None:
        if names:
            self.table.data.drop_columns(names)
            self._again()

    # -- letting go

    def rewritten(self, progress: Progress) -> Table:
        """Drop the originals, and write each fragment anew, so that no file has them.

        Raises:
            OSError: somebody else wrote each time.
        """
        self._drop([BASE] if BASE in self.table.names else [])
        self.table.say({**self.table.metadata(), "base": None})
        for left in reversed(range(TRIES)):
            data = self._again().data
            groups = list(self._groups(data, progress))
            rewrite = lance.LanceOperation.Rewrite(groups, [])
            try:
                path = str(self.table.path)
                version = data.version
                lance.LanceDataset.commit(path, rewrite, read_version=version)
            except OSError:
                if not left:
                    raise
                continue
            break
        self._again().data.optimize.optimize_indices()
        return self._again()

    def _groups(self, data: Any, progress: Progress) -> Iterator[Any]:
        fragments = data.get_fragments()
        for place, fragment in enumerate(fragments, 1):
            new = write_fragments(fragment.scanner().to_reader(), data)
            yield lance.LanceOperation.RewriteGroup([fragment.metadata], new)
            progress("fragments", place, len(fragments))


def _with(metadata: Any, file: Any, columns: list[int]) -> Any:
    """A fragment whose columns are in another file from now on."""
    files = []
    for old in metadata.files:
        fields = [GONE if number in columns else number for number in old.fields]
        if any(number != GONE for number in fields):
            files.append(_numbered(old, fields))
    return replace(metadata, files=[*files, _numbered(file, columns)])


def _numbered(file: Any, fields: list[int]) -> Any:
    """A data file whose columns are those of these numbers."""
    return DataFile(
        file.path,
        fields,
        file.column_indices,
        file.file_major_version,
        file.file_minor_version,
        file.file_size_bytes,
        file.base_id,
    )
