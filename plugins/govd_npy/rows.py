"""Rows of a `.npy` file, read and written in pieces: a file of any size needs little memory."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import BadFile
from govd.keeping.arrays import HEADERS
from govd.keeping.files import reading
from govd.types import Floats

BLOCK: Final = 1 << 22
"""Bytes that are hashed at once."""


@dataclass(frozen=True)
class Rows:
    """Rows `(n, d)` of a file, which begin after its header."""

    path: Path
    shape: tuple[int, int]
    dtype: Any
    offset: int

    @property
    def row_bytes(self) -> int:
        """Of one row."""
        return int(self.shape[1] * self.dtype.itemsize)

    def read(self, start: int, stop: int) -> Floats:
        """Rows `start` to `stop`, a copy.

        Raises:
            BadFile: the file ends before. MachineFault: it cannot be read.
        """
        count = (stop - start) * self.shape[1]
        rows = np.empty(count, self.dtype)
        with reading(self.path), self.path.open("rb", buffering=0) as file:
            file.seek(self.offset + start * self.row_bytes)
            view = rows.view(np.uint8).data
            at = 0
            while at < len(view):
                got = file.readinto(view[at:])
                if not got:
                    raise BadFile("it ends before its last row", where=str(self.path))
                at += got
        return rows.reshape(-1, self.shape[1])

    def write(self, start: int, vectors: Floats) -> None:
        """Write rows in their place."""
        data = np.ascontiguousarray(vectors, self.dtype).reshape(-1).view(np.uint8).data
        handle = os.open(self.path, os.O_WRONLY)
        try:
            at = self.offset + start * self.row_bytes
            while data:
                written = os.pwrite(handle, data, at)
                data, at = data[written:], at + written
        finally:
            os.close(handle)


def mapped(path: Path) -> Rows:
    """The rows of a file; its header alone is read.

    Raises:
        BadFile: it is no whole `.npy` file of rows of floats, in C order.
    """
    try:
        with HEADERS, path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            header: Any = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                header = np.lib.format.read_array_header_2_0
            shape, fortran, dtype = header(file)
            offset = file.tell()
            size = os.fstat(file.fileno()).st_size - offset
    except (OSError, ValueError) as fault:
        raise BadFile(f"it is no .npy file ({fault})", where=str(path)) from None
    if len(shape) != 2 or dtype.kind != "f" or not shape[1]:
        raise BadFile(
            f"an array of shape {shape} and type {dtype}",
            where=str(path),
            advice="Vectors are rows (n, d) of floats.",
        )
    if fortran and shape[0] > 1:
        raise BadFile(
            "its columns are stored one after another (Fortran order)",
            where=str(path),
            advice="Write it again with np.save(path, np.ascontiguousarray(vectors)).",
        )
    rows = Rows(path, (int(shape[0]), int(shape[1])), dtype, offset)
    if size < rows.shape[0] * rows.row_bytes:
        raise BadFile(
            f"it ends before its last row: {size // rows.row_bytes} of {shape[0]} are there",
            where=str(path),
            advice="It was cut off while it was written or copied.",
        )
    return rows


def made(path: Path, shape: tuple[int, int], dtype: Any) -> None:
    """An empty file for rows `(n, d)`, with room for all of them."""
    with path.open("wb") as file:
        description = np.lib.format.dtype_to_descr(np.dtype(dtype))
        header = {"descr": description, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        size = shape[0] * shape[1] * np.dtype(dtype).itemsize
        if size:
            os.posix_fallocate(file.fileno(), file.tell(), size)


def sha256_of(rows: Rows, count: int | None = None) -> str:
    """SHA-256 over the bytes of the first `count` rows (None: all).

    Raises:
        MachineFault: they cannot be read.
    """
    left = (rows.shape[0] if count is None else count) * rows.row_bytes
    digest = hashlib.sha256()
    with reading(rows.path), rows.path.open("rb", buffering=0) as file:
        file.seek(rows.offset)
        block = bytearray(BLOCK)
        view = memoryview(block)
        while left > 0:
            got = file.readinto(view[: min(BLOCK, left)])
            if not got:
                break
            digest.update(view[:got])
            left -= got
    return digest.hexdigest()
