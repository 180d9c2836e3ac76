"""Registered files, read: hashed as they are read, so that nothing but the registered bytes is used
or copied.

A file that is replaced before, while or after it is read either has the registered SHA-256 or is
refused. Symbolic links lead to files of the checkpoint, or of the Hub's cache that it is a snapshot
of, and nowhere else.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Final

from govd.errors import BadCheckpoint

BLOCK: Final = 1 << 22
NOTHING: Final = "Nothing was written."
RESTORE: Final = (
    "Restore the registered files, or put what is there now in their place with `govd model"
    f" rebase`. {NOTHING}"
)
COPY: Final = "Copy the file itself to where the link is (`cp -L`)."
SNAPSHOTS: Final = "snapshots"


class Hashed:
    """A file that is read once from its beginning, and the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, count: int) -> bytes:
        """Up to `count` bytes.

        Raises:
            EOFError: there are fewer.
        """
        data = self._file.read(count)
        self._hash.update(data)
        if len(data) != count:
            raise EOFError("ends early")
        return data

    def blocks(self, count: int) -> Iterable[bytes]:
        """The next `count` bytes, a block at a time."""
        while count > 0:
            data = self.read(min(count, BLOCK))
            count -= len(data)
            yield data

    def rest(self) -> Iterable[bytes]:
        """What was not read yet, a block at a time."""
        while data := self._file.read(BLOCK):
            self._hash.update(data)
            yield data

    def check(self, path: Path, digest: str | None) -> None:
        """Read to the end, and compare.

        Raises:
            BadCheckpoint: these are not the bytes that were registered.
        """
        for _ in self.rest():
            pass
        if digest is None or self._hash.hexdigest() != digest:
            raise BadCheckpoint(
                "this file is not the one that was registered: it was changed since",
                where=str(path),
                advice=RESTORE,
            )


def inside(folder: Path, name: str) -> Path:
    """The real file behind a name in a checkpoint's folder.

    Raises:
        BadCheckpoint: it is missing, or a link that leads out of the checkpoint.
    """
    path = folder / name
    root = folder.resolve()
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise BadCheckpoint(
            "this file is missing", where=str(path), advice=RESTORE
        ) from None
    # a snapshot's files lie in the cache's `blobs`
    cache = root.parent.parent if root.parent.name == SNAPSHOTS else root
    if not (real.is_relative_to(root) or real.is_relative_to(cache / "blobs")):
        raise BadCheckpoint(
            f"this is a link that leads out of the checkpoint, to {real}",
            where=str(path),
            advice=COPY,
        )
    return real


def opened(folder: Path, name: str) -> IO[bytes]:
    """A registered file, for reading.

    Raises:
        BadCheckpoint: it is missing, or no file.
    """
    real = inside(folder, name)
    handle = -1
    try:
        # a pipe in its place would hold us up for ever
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.fdopen(handle, "rb")
    except OSError as fault:
        if handle >= 0:
            os.close(handle)
        raise BadCheckpoint(
            f"this file cannot be read ({fault.strerror})",
            where=str(folder / name),
            advice=RESTORE,
        ) from None


def read(folder: Path, name: str, digest: str | None) -> bytes:
    """A small file, whole.

    Raises:
        BadCheckpoint: it is not the one that was registered.
    """
    with opened(folder, name) as file:
        source = Hashed(file)
        data = b"".join(source.rest())
        source.check(folder / name, digest)
    return data


def check_same(folder: Path, files: Mapping[str, str], names: Iterable[str]) -> None:
    """Whether small files that somebody else reads are the registered ones, and none of these names
    was added beside them.

    Raises:
        BadCheckpoint: one was changed, taken away or added.
    """
    for name in names:
        if name in files:
            read(folder, name, files[name])
        elif (folder / name).exists():
            advice = (
                f"Take it away, or register the checkpoint "
                f"with it: `govd model rebase`. {NOTHING}"
            )
            raise BadCheckpoint(
                "this file was added since the checkpoint was registered",
                where=str(folder / name),
                advice=advice,
            )
