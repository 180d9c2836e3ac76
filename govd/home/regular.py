"""Files that people name, read whole and bounded: reading a pipe or a device need not end.

What a shell hands over (`/dev/stdin`, `/dev/fd/63`) may be a pipe; any other path must lead to a
regular file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

PICTURE_BYTES: Final = 1 << 28
"""Bytes of a picture's file at most."""
TEXT_BYTES: Final = 1 << 26
"""Bytes of a text file at most."""
HANDED_OVER: Final = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


def read_regular(path: Path, largest_bytes: int) -> bytes:
    """The bytes of a file of at most `largest_bytes`.

    Raises:
        OSError: it is none, is larger, or cannot be read; `strerror` says which.
    """
    piped = str(path).startswith(HANDED_OVER)
    # a pipe that nobody writes to would hold us up
    handle = os.open(path, os.O_RDONLY | (0 if piped else os.O_NONBLOCK))
    try:
        mode = os.fstat(handle).st_mode
        if not (piped and stat.S_ISFIFO(mode)):
            _check(mode)
        data = bytearray()
        while len(data) <= largest_bytes and (block := os.read(handle, 1 << 20)):
            data += block
    finally:
        os.close(handle)
    if len(data) > largest_bytes:
        raise OSError(0, f"it has more than {largest_bytes:,} bytes")
    return bytes(data)


def check_regular(path: Path) -> None:
    """Refuse what is no regular file, before it is opened: a pipe that nobody writes to would hold
    us up.

    Raises:
        OSError: it is none, or is not there; `strerror` says which.
    """
    _check(path.stat().st_mode)


def _check(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(
            0, "it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file"
        )
