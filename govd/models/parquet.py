"""Vectors in a column of a Parquet file: lists of floats, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadFile
from govd.models.vector_rows import PART_BYTES, check_vectors, chosen
from govd.types import Floats, Places


@dataclass(frozen=True)
class Column:
    """A column of vectors of one Parquet file."""

    path: Path
    name: str
    dim: int
    rows: int

    @property
    def where(self) -> str:
        """The file and the column."""
        return f"{self.path}::{self.name}"

    def take(self, positions: Places) -> Floats:
        """The vectors at these positions (see `Vectors`)."""
        rows = np.empty((len(positions), self.dim))
        start = 0
        for batch in _batches(self.path, self.name, self.dim):
            part = _matrix(batch, self.dim, start, self.where)
            check_vectors(part, start, self.where)
            first, last = np.searchsorted(positions, (start, start + len(part)))
            rows[first:last] = part[positions[first:last] - start]
            start += len(part)
        return rows


def open_parquet(path: Path, name: str, dim: int) -> Column:
    """The column of vectors of width `dim`; `name`: which, where there are several.

    Args:
        path: the file.

    Raises:
        BadFile: pyarrow is not installed, the file is broken, or none or several columns could be
        meant.
    """
    file = _open(path)
    schema = file.schema_arrow
    lists = [column.name for column in schema if _width(column.type) is not None]
    widths = {
        column: _width(schema.field(column).type) or _first_width(path, column)
        for column in lists
    }
    fitting = [column for column in lists if widths[column] == dim]
    if lists and not fitting and not name:
        wide = ", ".join(f"{column} ({widths[column]})" for column in lists)
        raise BadFile(
            f"columns of other widths: {wide}",
            where=str(path),
            advice=f"This model's embeddings have {dim} numbers a row.",
        )
    column = chosen(path, name, list(schema.names), fitting, "column")
    if column not in lists:
        advice = "Name a column of lists of float16, float32 or float64."
        raise BadFile(
            f"the column is {schema.field(column).type}",
            where=f"{path}::{column}",
            advice=advice,
        )
    return Column(path, column, dim, int(file.metadata.num_rows))


def _open(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise BadFile(
            "Parquet needs pyarrow",
            where=str(path),
            advice="pip install 'govd[parquet]'",
        ) from None
    try:
        return pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False)
    except (OSError, ValueError, pa.ArrowException) as fault:
        raise _broken(path, fault) from None


def _broken(path: Path, fault: Exception) -> BadFile:
    return BadFile(
        f"this is no whole Parquet file ({str(fault).splitlines()[0][:200]})",
        where=str(path),
        advice="Copy it again.",
    )


def _batches(path: Path, name: str, dim: int) -> Iterator[Any]:
    """The column in parts of a bounded size."""
    import pyarrow as pa

    batches = _open(path).iter_batches(
        batch_size=max(1, PART_BYTES // (8 * max(1, dim))),
        columns=[name],
        use_threads=False,
    )
    while True:
        try:
            batch = next(batches, None)
        except (OSError, ValueError, pa.ArrowException) as fault:
            raise _broken(path, fault) from None
        if batch is None:
            return
        yield batch.column(0)


def _width(kind: Any) -> int | None:
    """Numbers in a row of a column of this type; 0: rows say it themselves, None: no lists of
    floats.
    """
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    fixed = pa.types.is_fixed_size_list(kind)
    if not (
        fixed or pa.types.is_list(kind) or pa.types.is_large_list(kind)
    ) or not pa.types.is_floating(kind.value_type):
        return None
    return int(kind.list_size) if fixed else 0


def _first_width(path: Path, column: str) -> int:
    """Numbers in the first row of lists that is there."""
    for part in _batches(path, column, 2**12):
        lengths = part.value_lengths().drop_null()
        if len(lengths):
            return int(lengths[0].as_py())
    return 0


def _matrix(part: Any, dim: int, start: int, where: str) -> Any:
    """A part of a column as `(n, d)`.

    Raises:
        BadFile: a row, or a number in one, is missing, or a row is longer or shorter than the
        others.
    """
    import pyarrow as pa

    if isinstance(part, pa.ExtensionArray):
        part = part.storage
    if part.null_count:
        first = start + int(
            np.flatnonzero(part.is_null().to_numpy(zero_copy_only=False))[0]
        )
        raise BadFile(
            f"row {first} is missing (null)", where=where, advice="Take such rows out."
        )
    if not pa.types.is_fixed_size_list(part.type):
        lengths = part.value_lengths().to_numpy(zero_copy_only=False)
        if (lengths != dim).any():
            at = int(np.flatnonzero(lengths != dim)[0])
            reason = f"row {start + at} has {lengths[at]} numbers"
            raise BadFile(
                reason, where=where, advice=f"This model's embeddings have {dim}."
            )
    elif part.type.list_size != dim:
        reason = f"rows of {part.type.list_size} numbers"
        raise BadFile(
            reason, where=where, advice=f"This model's embeddings have {dim}."
        )
    values = part.flatten()
    if values.null_count:
        raise BadFile(
            "a number is missing (null) in one of the rows",
            where=where,
            advice="Take such rows out.",
        )
    return values.to_numpy(zero_copy_only=False).reshape(-1, dim)
