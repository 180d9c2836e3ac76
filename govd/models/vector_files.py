"""Files of vectors (`.npy`, `.npz`, Parquet), read part by part: what is kept of them is in memory,
the file never is.

A file is recognised by how it begins, not by its name. The `.npy` format:
https://numpy.org/doc/stable/reference/generated/numpy.lib.format
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np

from govd.errors import BadFile, GovdError
from govd.home.regular import check_regular
from govd.models.vector_rows import PART_BYTES, check_vectors, chosen, unusable
from govd.types import Floats, Places

KINDS: Final = (
    "Give a .npy, a .npz, a Parquet file with a "
    "column of float lists, or a folder of pictures."
)
FOREIGN: Final = (
    (b"\x80", "a pickle"),
    (b"\x89HDF", "an HDF5 file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
)
"""How files begin that people give by mistake."""


class Vectors(Protocol):
    """An array of vectors in a file."""

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    def take(self, positions: Places) -> Floats:
        """The vectors `(k, d)` at ascending `positions` `(k,)`, in float64; all others are read,
        too, and checked.

        Raises:
            BadFile: values that are not finite, rows of zeros, or a file that ends early.
        """
        ...


def open_vectors(path: Path, name: str, dim: int) -> Vectors:
    """The vectors of width `dim` in a file. `name`: which array or column, `""`: the only one.

    Args:
        path: the file.

    Raises:
        BadFile: no such file, or none with vectors of this width.
    """
    try:
        check_regular(path)
        with path.open("rb") as file:
            begin = file.read(8)
    except OSError as fault:
        raise BadFile(
            f"cannot be read ({fault.strerror or fault})", where=str(path), advice=KINDS
        ) from None
    if begin.startswith(b"PAR1"):
        from govd.models.parquet import open_parquet

        return open_parquet(path, name, dim)
    if begin.startswith(b"PK"):
        return _open_npz(path, name, dim)
    if begin.startswith(b"\x93NUMPY"):
        return _check_array(_Array.read(path, str(path), lambda: path.open("rb")), dim)
    kind = (
        next((kind for magic, kind in FOREIGN if begin.startswith(magic)), "")
        or "of another kind"
    )
    raise BadFile(
        f"this is no file of vectors but {kind}" if begin else "this file is empty",
        where=str(path),
        advice=KINDS,
    )


@dataclass(frozen=True)
class _Array:
    """A NumPy array in a stream: its header, and how to open it again."""

    where: str
    stream: Callable[[], AbstractContextManager[IO[bytes]]]
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @staticmethod
    def read(
        path: Path, where: str, stream: Callable[[], AbstractContextManager[IO[bytes]]]
    ) -> _Array:
        """Read the header.

        Raises:
            BadFile: it is none.
        """
        try:
            with stream() as file:
                shape, fortran, dtype = _header(file)
        # whatever a damaged file makes them raise: zlib.error, tokenize.TokenError, ...
        except Exception as fault:
            raise BadFile(
                f"this is no whole NumPy file ({fault})",
                where=str(path),
                advice="Copy it again.",
            ) from fault
        return _Array(
            where=where, stream=stream, shape=shape, fortran=fortran, dtype=dtype
        )

    @property
    def rows(self) -> int:
        """Vectors in it."""
        return self.shape[0]

    def take(self, positions: Places) -> Floats:
        """The vectors at these positions."""
        try:
            with self.stream() as file:
                _header(file)
                if self.fortran:
                    return self._columns(file, positions)
                return self._rows(file, positions)
        except (GovdError, MemoryError):
            raise
        except Exception as fault:
            raise BadFile(
                f"the file ends early or is damaged ({fault})",
                where=self.where,
                advice="Copy it again.",
            ) from fault

    def _rows(self, file: IO[bytes], positions: Places) -> Floats:
        count, width = self.shape
        rows = np.empty((len(positions), width))
        step = max(1, PART_BYTES // (width * self.dtype.itemsize))
        for start in range(0, count, step):
            part = self._values(file, min(step, count - start) * width).reshape(
                -1, width
            )
            check_vectors(part, start, self.where)
            first, last = np.searchsorted(positions, (start, start + len(part)))
            rows[first:last] = part[positions[first:last] - start]
        return rows

    def _columns(self, file: IO[bytes], positions: Places) -> Floats:
        """Of an array in Fortran order: one column after the other."""
        count, width = self.shape
        rows = np.empty((len(positions), width))
        empty = np.ones(count, bool)
        step = max(1, PART_BYTES // self.dtype.itemsize)
        for column in range(width):
            for start in range(0, count, step):
                part = self._values(file, min(step, count - start))
                check_vectors(part[:, None], start, self.where, zeros=True)
                empty[start : start + len(part)] &= part == 0
                first, last = np.searchsorted(positions, (start, start + len(part)))
                rows[first:last, column] = part[positions[first:last] - start]
        if empty.any():
            raise unusable(
                "zero", int(np.flatnonzero(empty)[0]), int(empty.sum()), self.where
            )
        return rows

    def _values(self, file: IO[bytes], count: int) -> Floats:
        size = count * self.dtype.itemsize
        data = file.read(size)
        if len(data) < size:
            raise EOFError(f"{size - len(data)} bytes are missing")
        return np.frombuffer(data, self.dtype)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"format version {version[0]}.{version[1]}")
    shape, fortran, dtype = readers[version](file)
    return tuple(shape), bool(fortran), dtype


def _check_array(array: _Array, dim: int) -> _Array:
    """An array of floating-point vectors of this width.

    Raises:
        BadFile: it is another.
    """
    if array.dtype.hasobject:
        reason = "this array holds Python objects, which are not read"
        raise BadFile(
            reason,
            where=array.where,
            advice="Save it as float32: numpy.save(file, numpy.stack(rows).astype('float32')).",
        )
    if not _fits(array, dim):
        reason = f"this array is {array.dtype} of shape {array.shape}"
        raise BadFile(
            reason,
            where=array.where,
            advice=f"This model's embeddings are (n, {dim}), float16, float32 or float64.",
        )
    return array


def _fits(array: _Array, dim: int) -> bool:
    floats = array.dtype.kind == "f" and array.dtype.itemsize in (2, 4, 8)
    return floats and len(array.shape) == 2 and array.shape[1] == dim


def _open_npz(path: Path, name: str, dim: int) -> _Array:
    """One array of a `.npz`.

    Raises:
        BadFile: it is cut, or another kind of zip; none or several of its arrays could be meant.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                member for member in archive.namelist() if member.endswith(".npy")
            ]
            pickled = any(member.endswith("data.pkl") for member in archive.namelist())
    except Exception as fault:
        raise BadFile(
            f"this is no whole .npz file ({fault})",
            where=str(path),
            advice="Copy it again.",
        ) from fault
    if pickled:
        advice = "Save the tensor with numpy.save(file, tensor.float().cpu().numpy())."
        raise BadFile(
            "this is a PyTorch file, which is not read", where=str(path), advice=advice
        )
    if not members:
        raise BadFile(
            "this zip file holds no NumPy array", where=str(path), advice=KINDS
        )
    arrays = {member.removesuffix(".npy"): _member(path, member) for member in members}
    fitting = [key for key, array in arrays.items() if _fits(array, dim)]
    return _check_array(arrays[chosen(path, name, list(arrays), fitting, "array")], dim)


def _member(path: Path, member: str) -> _Array:
    return _Array.read(
        path, f"{path}::{member.removesuffix('.npy')}", lambda: _Member(path, member)
    )


class _Member:
    """A file in a zip, open together with its archive."""

    def __init__(self, path: Path, member: str) -> None:
        self.path = path
        self.member = member

    def __enter__(self) -> IO[bytes]:
        with zipfile.ZipFile(
            self.path
        ) as archive:  # the file itself is closed with its last member
            self.file = archive.open(self.member)
        return self.file

    def __exit__(self, *_: object) -> None:
        self.file.close()


def parts(total: int, sizes: list[int], keep: int) -> Iterator[Places]:
    """Positions in each of several arrays of `sizes` rows, `total` together, so that at most `keep`
    are kept, evenly.
    """
    count = min(total, keep)
    positions = np.arange(count, dtype=np.int64) * total // max(1, count)
    start = 0
    for size in sizes:
        first, last = np.searchsorted(positions, (start, start + size))
        yield positions[first:last] - start
        start += size
