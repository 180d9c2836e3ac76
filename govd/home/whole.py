"""Files that somebody asked for, written whole or not at all, and what is left of those whose
process was killed.

Proven by `tests/home/test_whole.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PART: Final = re.compile(r"[0-9a-f]{8}\.part")
"""What the name of an unfinished file ends with, behind `.NAME.`."""

LONGEST: Final = 200
"""Bytes of a name that unfinished files repeat; file systems allow 255."""


@contextmanager
def whole(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """An empty file beside `path` that takes its place when the block ends, and is gone where that
    fails. It is locked meanwhile: unfinished ones of `path` that nobody holds are taken away, with
    folders beside them whose names begin with theirs and a dot.

    Args:
        path: of the file that is to be there in the end.
        mode: permissions, less what the umask takes.

    Raises:
        OSError: it cannot be written.
    """
    handle, part = _begun(path, mode)
    try:
        _take_away(path)
        yield part
        os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        os.close(handle)


def _begun(path: Path, mode: int) -> tuple[int, Path]:
    """A new file beside a path, open and locked; it has no name only where somebody took it for
    abandoned before it was locked, and then another one is begun.
    """
    while True:
        part = path.with_name(f"{_beginning(path)}{secrets.token_hex(4)}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with suppress(
            OSError
        ):  # a file system without locks: nothing is taken away there
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, part
        os.close(handle)


def _beginning(path: Path) -> str:
    """What the names of unfinished files of a path begin with; of a long name its digest, as there
    is no room for more behind it.
    """
    name = os.fsencode(path.name)
    if len(name) <= LONGEST:
        return f".{path.name}."
    return f".{hashlib.sha256(name).hexdigest()}."


def _take_away(path: Path) -> None:
    """Take away what processes that are no more have left of this very file."""
    beginning = _beginning(path)
    with suppress(OSError):
        for name in os.listdir(path.parent):
            end = name.removeprefix(beginning)
            if end != name and PART.fullmatch(end):
                _take_away_unheld(path.with_name(name))


def _take_away_unheld(part: Path) -> None:
    """Take an unfinished file away, and folders made for it, unless a process holds it."""
    with suppress(OSError):
        handle = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in os.listdir(part.parent):
                if name.startswith(f"{part.name}."):
                    shutil.rmtree(part.with_name(name))
            part.unlink()
        finally:
            os.close(handle)
