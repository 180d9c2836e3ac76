"""What lies beside an index: its stamp, and rows with their ids."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import MachineFault
from govd.types import Floats

_HEADERS: Final = threading.Lock()
"""Headers are read one at a time: NumPy parses them as Python source, and CPython 3.11 was seen to
fail (`SystemError`) where several threads do so.
"""


@contextmanager
def faults(where: Path) -> Iterator[None]:
    """What the file system or FAISS refuses, as an error of govd's.

    Raises:
        MachineFault: it refuses something.
    """
    try:
        yield
    except (OSError, RuntimeError) as fault:
        text = getattr(fault, "strerror", None) or str(fault).splitlines()[-1][-200:]
        raise MachineFault(
            f"it cannot be written ({text})",
            where=str(getattr(fault, "filename", None) or where),
            advice="Make room or give the right to write there, then patch again: it goes on.",
        ) from None


def gone(folder: Path) -> None:
    """Take a folder away, if there is one."""
    if folder.exists():
        shutil.rmtree(folder)


def array(path: Path, write: bool = False) -> Any:
    """An array on disk, mapped."""
    with _HEADERS:
        return np.load(path, mmap_mode="r+" if write else "r")


def put(path: Path, rows: int, dim: int, blocks: Iterable[Floats] = ()) -> None:
    """Rows `(n, d)` float32 on disk, their bytes reserved, filled in from blocks."""
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, dim))
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    place, start = array(path, write=True), 0
    for block in blocks:
        place[start : start + len(block)] = block
        start += len(block)
