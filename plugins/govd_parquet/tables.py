"""One file of a table: its groups of rows, read one at a time, and written anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from govd.errors import BadFile
from govd.keeping.files import ident_of
from govd.keeping.stamps import stamp_of
from govd.types import Floats, StoreStamp
from govd_parquet.vectors import Shape, array_of, rows_of

KEY: Final = b"govd"
"""Where in a schema's metadata the stamp is."""
CODECS: Final = {b"\x04\x22\x4d\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd"}
"""How compressed buffers of Arrow files begin."""


class Table:
    """A file as it is now. `ident` says whether it is another one later; `groups`: how many rows
    each group has; `firsts`: the first row of each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ident = ident_of(path)
        try:
            self._source = pa.memory_map(str(path))
            read = _parquet if self._is_parquet() else pa.ipc.open_file
            self._file: Any = read(self._source)
            self.schema = (
                self._file.schema_arrow if self._is_parquet() else self._file.schema
            )
        except (OSError, pa.ArrowException) as fault:
            raise BadFile(f"it cannot be read ({fault})", where=str(path)) from None
        if self._is_parquet():
            groups = range(self._file.metadata.num_row_groups)
            self.groups = [self._file.metadata.row_group(i).num_rows for i in groups]
        else:
            batches = range(self._file.num_record_batches)
            self.groups = [self._file.get_batch(i).num_rows for i in batches]
        self.rows = sum(self.groups)
        self.firsts = list(accumulate(self.groups, initial=0))[:-1] or [0]

    def _is_parquet(self) -> bool:
        return self.path.suffix.lower() == ".parquet"

    def stamp(self) -> StoreStamp | None:
        """What its schema says.

        Raises:
            BadFile: something else than a stamp.
        """
        text = (self.schema.metadata or {}).get(KEY)
        try:
            value = None if text is None else json.loads(text)
        except ValueError as fault:
            raise BadFile(str(fault), where=str(self.path)) from None
        return stamp_of(value, str(self.path))

    def spans(self, rows: int) -> Iterator[tuple[int, int]]:
        """Starts and stops of about `rows` rows, none across two groups."""
        first = 0
        for count in self.groups:
            for start in range(0, count, rows):
                yield first + start, first + min(start + rows, count)
            first += count

    def batches(
        self, columns: Sequence[str], rows: int, first: int = 0
    ) -> Iterator[Any]:
        """Record batches of these columns as `spans(rows)` has them, from the group on that begins
        at row `first`. Each call has a reader of its own: where two share one, a later call changes
        how many rows the batches of an earlier one have.
        """
        start = 0
        file = (
            _parquet(self._source, self._file.metadata) if self._is_parquet() else None
        )
        for place, count in enumerate(self.groups):
            if start >= first and file is not None:
                yield from self._pages(file, place, columns, rows)
            elif start >= first:
                batch = self._file.get_batch(place).select(list(columns))
                yield from (batch.slice(at, rows) for at in range(0, count, rows))
            start += count

    def _pages(
        self, file: Any, place: int, columns: Sequence[str], rows: int
    ) -> Iterator[Any]:
        wanted = list(columns)
        count = 0
        for batch in file.iter_batches(rows, row_groups=[place], columns=wanted):
            count += batch.num_rows
            yield batch
        if count != self.groups[place]:
            raise BadFile("it ends before its last row", where=str(self.path))

    def vectors(self, shape: Shape, rows: int) -> Iterator[Floats]:
        """Rows `(n, d)` of the column, in order."""
        for batch in self.batches([shape.column], rows):
            yield rows_of(batch.column(0), shape, str(self.path))

    def rewrite(
        self,
        target: Path,
        shape: Shape,
        stamp: StoreStamp,
        vectors: Callable[[int, int], Floats],
    ) -> None:
        """Write `target` as this file is but for the vectors; one group of rows is in memory.

        Args:
            target: the new file.
            shape: of the vectors.
            stamp: for its schema.
            vectors: the rows `(n, d)` from a start to a stop.
        """
        metadata = {
            **(self.schema.metadata or {}),
            KEY: json.dumps(stamp.as_json()).encode(),
        }
        schema = self.schema.with_metadata(metadata)
        start = 0
        place = schema.get_field_index(shape.column)
        with self._writer(target, schema) as writer:
            for number, count in enumerate(self.groups):
                group = self._group(number).replace_schema_metadata(metadata)
                old = group.column(place).combine_chunks()
                if isinstance(old, pa.ChunkedArray):
                    old = (
                        old.chunk(0)
                        if old.num_chunks == 1
                        else pa.concat_arrays(old.chunks)
                    )
                new = array_of(vectors(start, start + count), old)
                group = group.set_column(place, schema.field(place), new)
                writer.write_table(group, count) if count else None
                start += count

    def _group(self, number: int) -> Any:
        if self._is_parquet():
            return self._file.read_row_group(number)
        return pa.Table.from_batches([self._file.get_batch(number)])

    def _writer(self, target: Path, schema: Any) -> Any:
        if self._is_parquet():
            return pq.ParquetWriter(target, schema, **_settings(self._file.metadata))
        options = pa.ipc.IpcWriteOptions(compression=_codec(self.path))
        return pa.ipc.new_file(str(target), schema, options=options)


def _parquet(source: Any, metadata: Any = None) -> Any:
    return pq.ParquetFile(source, metadata=metadata)


def _codec(path: Path) -> str | None:
    """How the buffers of an Arrow file are compressed."""
    with pa.memory_map(str(path)) as file:
        file.seek(8)
        reader = pa.ipc.MessageReader.open_stream(file)
        for message in reader:
            if message.type != "record batch" or not message.body:
                continue
            body = memoryview(message.body)[: 1 << 16]
            marks = {bytes(body[at : at + 4]) for at in range(8, len(body), 8)}
            codecs = [codec for mark, codec in CODECS.items() if mark in marks]
            return codecs[0] if codecs else None
    return None


def _settings(metadata: Any) -> dict[str, Any]:
    """How a Parquet file was written, as far as it says."""
    if not metadata.num_row_groups:
        return {}
    group = metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    names = [column.path_in_schema for column in columns]
    settings: dict[str, Any] = {
        "compression": {
            name: "none"
            if column.compression == "UNCOMPRESSED"
            else column.compression.lower()
            for name, column in zip(names, columns, strict=True)
        },
        "use_dictionary": _with(columns, lambda c: "RLE_DICTIONARY" in c.encodings),
        "write_statistics": _with(columns, lambda c: c.statistics is not None),
        "use_byte_stream_split": _with(
            columns, lambda c: "BYTE_STREAM_SPLIT" in c.encodings
        ),
        "write_page_index": any(column.has_offset_index for column in columns),
        "version": metadata.format_version,
        "use_compliant_nested_type": not any(".list.item" in name for name in names),
    }
    if group.sorting_columns:
        settings["sorting_columns"] = group.sorting_columns
    return settings


def _with(columns: Sequence[Any], is_so: Callable[[Any], bool]) -> Any:
    """The paths of the columns for which something is so; a plain answer where it is for all."""
    names = [column.path_in_schema for column in columns if is_so(column)]
    return names if 0 < len(names) < len(columns) else bool(names)
