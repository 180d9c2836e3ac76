"""Arrays on disk, mapped: rows beside a store, of any size, in little memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import BadFile
from govd.types import Floats

HEADERS: Final = threading.Lock()
"""Headers are read one at a time: NumPy parses them as Python source, and CPython 3.11 was seen to
fail (`SystemError`) where several threads do so.
"""


def mapped(path: Path, write: bool = False) -> Any:
    """An array on disk."""
    with HEADERS:
        return np.load(path, mmap_mode="r+" if write else "r")


def room(path: Path, shape: tuple[int, ...], dtype: Any) -> None:
    """An array on disk, all zero, its bytes reserved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    del array
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, max(path.stat().st_size, 1))


def put(
    path: Path, shape: tuple[int, int], dtype: Any, blocks: Iterable[Floats]
) -> None:
    """Rows `(n, d)` on disk, filled in block by block."""
    room(path, shape, dtype)
    rows = mapped(path, write=True)
    start = 0
    for block in blocks:
        rows[start : start + len(block)] = block
        start += len(block)
    rows.flush()


def check_keys(keys: Any, column: str, where: str) -> None:
    """That each row has a key of its own.

    Args:
        keys: a column of Arrow, in chunks.
        column: its name.
        where: it is.

    Raises:
        BadFile: a row has none, or several have one.
    """
    if keys.null_count:
        raise BadFile(
            f"{keys.null_count} of {len(keys)} rows have no {column}",
            where=where,
            advice="Rows are known by it: give each one, or name another column.",
        )
    if len(keys.unique()) == len(keys):
        return
    shared = next(row for row in keys.value_counts() if row["counts"].as_py() > 1)
    raise BadFile(
        f"{shared['counts']} rows have the {column} {shared['values'].as_py()!r}",
        where=where,
        advice="Rows are known by it: give each its own, or name another column.",
    )


def hashes(rows: Floats) -> Any:
    """A number `(n,)` for each row `(n, d)`, uint64: the same for the same bytes."""
    width = rows.shape[1] * rows.dtype.itemsize
    padded = np.zeros((len(rows), -(-width // 8) * 8), np.uint8)
    padded[:, :width] = np.ascontiguousarray(rows).view(np.uint8)
    words = padded.view(np.uint64)
    factors = np.random.default_rng(7).integers(
        1, 1 << 63, words.shape[1], dtype=np.uint64
    )
    mixed = (words ^ (words >> np.uint64(29))) * (factors * np.uint64(2) + np.uint64(1))
    return (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
