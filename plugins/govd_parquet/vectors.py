"""Vectors of an Arrow column as rows, and back in the column's own type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from govd.errors import BadFile
from govd.types import Floats

FLOATS: Final = {
    pa.float16(): "float16",
    pa.float32(): "float32",
    pa.float64(): "float64",
}


@dataclass(frozen=True)
class Shape:
    """Of the vectors of a column: its name, their width, their type as NumPy calls it."""

    column: str
    dim: int
    dtype: str


def storage(type_: Any) -> Any:
    """The type that a column is stored as."""
    return type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_


def is_vectors(type_: Any) -> bool:
    """Whether a column may have vectors."""
    plain = storage(type_)
    lists = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)
    return any(check(plain) for check in lists) and plain.value_type in FLOATS


def column_of(schema: Any, wanted: str, where: str) -> str:
    """The column that has the vectors.

    Raises:
        BadFile: there is no such column, none or several could be meant.
    """
    names = [field.name for field in schema if is_vectors(field.type)]
    if wanted and wanted not in schema.names:
        raise BadFile(
            f"no column is called {wanted!r}",
            where=where,
            advice=f"Columns of vectors: {', '.join(names) or 'none'}.",
        )
    if wanted and wanted not in names:
        raise BadFile(
            f"the column {wanted} has {schema.field(wanted).type}, not vectors",
            where=where,
            advice=f"Vectors are lists of floats: {', '.join(names) or 'no column has them'}.",
        )
    if not wanted and not names:
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise BadFile(
            "no column has vectors",
            where=where,
            advice=f"Vectors are lists of floats. Columns there: {columns or 'none'}.",
        )
    if not wanted and len(names) > 1:
        raise BadFile(
            f"{len(names)} columns have vectors: {', '.join(names)}",
            where=where,
            advice="Say which: …?column=NAME.",
        )
    return wanted or names[0]


def rows_of(array: Any, shape: Shape, where: str) -> Floats:
    """Rows `(n, d)` of an array of lists; a missing vector is a row of zeros.

    Raises:
        BadFile: vectors of another width or type, or with missing numbers.
    """
    plain = array.storage if isinstance(array, pa.ExtensionArray) else array
    if FLOATS.get(plain.type.value_type) != shape.dtype:
        raise BadFile(
            f"{shape.column} has {plain.type}, elsewhere {shape.dtype}", where=where
        )
    flat = plain.flatten()
    widths = pc.unique(pc.list_value_length(plain).drop_null()).to_pylist()
    if any(width != shape.dim for width in widths):
        raise BadFile(
            f"{shape.column} has vectors of {sorted(widths)} numbers",
            where=where,
            advice=f"They must all be {shape.dim} wide.",
        )
    if flat.null_count:
        raise BadFile(
            f"{shape.column} has vectors with missing numbers",
            where=where,
            advice="Leave such vectors out as a whole (null).",
        )
    numbers = flat.to_numpy(zero_copy_only=False).reshape(-1, shape.dim)
    if not plain.null_count:
        return np.ascontiguousarray(numbers)
    rows = np.zeros((len(plain), shape.dim), shape.dtype)
    rows[plain.is_valid().to_numpy(zero_copy_only=False)] = numbers
    return rows


def array_of(rows: Floats, like: Any) -> Any:
    """Rows `(n, d)` as an array of the type of `like`, missing where that is missing."""
    plain = like.storage if isinstance(like, pa.ExtensionArray) else like
    mask = plain.is_null() if plain.null_count else None
    numbers = pa.array(np.ascontiguousarray(rows).reshape(-1), plain.type.value_type)
    if pa.types.is_fixed_size_list(plain.type):
        array = pa.FixedSizeListArray.from_arrays(numbers, type=plain.type, mask=mask)
    else:
        kind = pa.LargeListArray if pa.types.is_large_list(plain.type) else pa.ListArray
        offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
        if mask is not None:  # a missing list is an empty one
            valid = plain.is_valid().to_numpy(zero_copy_only=False)
            numbers = pa.array(rows[valid].reshape(-1), plain.type.value_type)
            offsets = np.concatenate([[0], np.cumsum(valid * rows.shape[1])])
        width = pa.int64() if pa.types.is_large_list(plain.type) else pa.int32()
        array = kind.from_arrays(
            pa.array(offsets, width), numbers, type=plain.type, mask=mask
        )
    is_extension = isinstance(like, pa.ExtensionArray)
    return pa.ExtensionArray.from_storage(like.type, array) if is_extension else array
