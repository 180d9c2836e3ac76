"""The arrays of a `.npz` or Parquet file, by name and checked one by one."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadCheckpoint
from govd.keeping.texts import texts_of
from govd.types import Floats

MAX_TEXTS = 1_000_000
SHORT = {"names": "text_names", "vectors": "text_vectors"}
KNOWN = (
    "text_names",
    "text_vectors",
    "labels",
    "prompt_names",
    "prompt_vectors",
    "domain_names",
    "domain_vectors",
    "image_vectors",
    "logit_scale",
)


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a file, by their long names.

    Raises:
        BadCheckpoint: it cannot be read.
    """
    arrays = _parquet(path) if path.suffix.lower() == ".parquet" else _npz(path)
    return {SHORT.get(name, name): array for name, array in arrays.items()}


def _npz(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as opened:
            return {
                name: opened[name]
                for name in opened.files
                if SHORT.get(name, name) in KNOWN
            }
    # whatever a damaged file makes NumPy, zipfile and zlib raise
    except Exception as fault:
        advice = (
            "Write it again with numpy.savez(FILE, text_names=…, text_vectors=…); names as text,"
            " not as objects."
        )
        raise BadCheckpoint(
            f"not readable as .npz ({fault})", where=str(path), advice=advice
        ) from fault


def _parquet(path: Path) -> dict[str, Any]:
    try:
        import pyarrow.parquet
    except ImportError:
        raise BadCheckpoint(
            "Parquet needs pyarrow",
            where=str(path),
            advice="pip install pyarrow, or use .npz.",
        ) from None
    try:
        table = pyarrow.parquet.read_table(path)
    except Exception as fault:
        raise BadCheckpoint(
            f"not readable as Parquet ({fault})",
            where=str(path),
            advice="Write it again.",
        ) from fault
    column_of = {
        "text_names": ("name", "text_names", "names"),
        "text_vectors": ("vector", "text_vectors", "vectors"),
    }
    arrays: dict[str, Any] = {}
    for array, columns in column_of.items():
        column = next((c for c in columns if c in table.column_names), None)
        if column is None:
            advice = f"Name the columns name and vector; it has {', '.join(table.column_names)}."
            raise BadCheckpoint(
                f"no column {columns[0]}", where=str(path), advice=advice
            )
        try:
            values = table.column(column).to_pylist()
        except UnicodeDecodeError as error:
            raise BadCheckpoint(
                f"the column {column} is not UTF-8 ({error})",
                where=str(path),
                advice="Write it again.",
            ) from None
        widths = (
            {len(value) for value in values if value is not None}
            if array == "text_vectors"
            else {0}
        )
        if None in values or len(widths) != 1:
            raise BadCheckpoint(
                f"the column {column} has gaps or rows of several widths",
                where=str(path),
                advice="Take those rows out.",
            )
        arrays[array] = np.array(values)
    return arrays


def names_of(arrays: Mapping[str, Any], which: str, path: Path) -> tuple[str, ...]:
    """The texts of the array `which`, of a shape `(n,)`, as govd asks for them: in Unicode's form
    C, without blanks and byte order marks around them. Bytes are read as UTF-8.

    Raises:
        BadCheckpoint: there is none, or it is of something else.
    """
    if which not in arrays:
        raise BadCheckpoint(
            f"no array {which}",
            where=str(path),
            advice=f"It has {', '.join(sorted(arrays)) or 'none that is known'}.",
        )
    texts = texts_of(np.asarray(arrays[which]), which, path, fault=BadCheckpoint)
    if len(texts) > MAX_TEXTS:
        raise BadCheckpoint(
            f"{which} has {len(texts)} texts",
            where=str(path),
            advice=f"At most {MAX_TEXTS}.",
        )
    return tuple(
        unicodedata.normalize("NFC", text.strip("\ufeff \t\r\n")) for text in texts
    )


def rows_of(
    arrays: Mapping[str, Any], which: str, path: Path, dim: int | None = None
) -> Floats:
    """The rows `(n, d)` of the array `which`, of length 1, float32; d is `dim` where that is known.

    Raises:
        BadCheckpoint: there is none, it has another shape, or rows that are zero or not finite.
    """
    if which not in arrays:
        raise BadCheckpoint(
            f"no array {which}",
            where=str(path),
            advice=f"It has {', '.join(sorted(arrays)) or 'none that is known'}.",
        )
    array = np.asarray(arrays[which])
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not array.size:
        raise BadCheckpoint(
            f"{which} is {array.dtype} of shape {array.shape}",
            where=str(path),
            advice="It must be numbers of shape (n, d).",
        )
    if dim is not None and array.shape[1] != dim:
        raise BadCheckpoint(
            f"{which} has {array.shape[1]} columns",
            where=str(path),
            advice=f"text_vectors has {dim}.",
        )
    rows = array.astype(np.float32)
    length = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(length[:, 0]) | (length[:, 0] == 0))
    if len(bad):
        raise BadCheckpoint(
            f"{which}: row {bad[0]} is zero or not finite",
            where=str(path),
            advice=f"{len(bad)} such rows: take them out.",
        )
    return (rows / length).astype(np.float32)
