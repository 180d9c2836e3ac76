"""The content-addressed store: files named by their SHA-256, written once, checked whenever they
are read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from govd.errors import BadFile, MachineFault, NotFound

_ADVICE = {
    errno.ENOSPC: "Free some space and try again; nothing was changed.",
    errno.EROFS: "Choose a home that can be written (--home DIR); nothing was changed.",
    errno.EACCES: "Choose a home that can be written (--home DIR); nothing was changed.",
}
_DIGEST: Final = re.compile("[0-9a-f]{64}")


class Artifacts:
    """Blobs below `folder/ab/abcdef…`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = os.path.join(folder, "")

    def path(self, digest: str) -> Path:
        """Where a blob lies, whether or not it does.

        Raises:
            NotFound: it is no digest.
        """
        _check(digest)
        return self.folder / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """Store a blob and return its digest: durable when this returns, safe to repeat, never half
        there.

        Raises:
            MachineFault: the disk is full or cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        if path.exists() and path.stat().st_size == len(data):
            return digest
        part = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as fault:
            with contextlib.suppress(OSError):
                if part:
                    os.unlink(part)
            advice = _ADVICE.get(fault.errno or 0, "Nothing was changed.")
            raise MachineFault(
                os.strerror(fault.errno or 0), where=str(path.parent), advice=advice
            ) from fault
        return digest

    def get(self, digest: str) -> bytes:
        """Read a blob and check it.

        Raises:
            NotFound: it is not there.
            BadFile: its bytes are not what its name says.
        """
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotFound(
                "this artifact is not in the store",
                where=digest,
                advice="Restore it from a backup.",
            ) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise BadFile(
                "the file's bytes do not match its name",
                where=str(path),
                advice="Restore it from a backup.",
            )
        return data

    def signature(self, digest: str) -> tuple[int, int, int] | None:
        """What differs once a blob's file was written again; None where it is not there."""
        _check(digest)
        try:  # asked of hundreds of blobs at once: without a `Path` of each
            status = os.stat(f"{self._root}{digest[:2]}/{digest}")
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def digests(self) -> list[str]:
        """Everything in the store, sorted."""
        return sorted(
            p.name for p in self.folder.glob("??/*") if not p.name.startswith(".")
        )


def _check(digest: str) -> None:
    if _DIGEST.fullmatch(digest) is None:
        raise NotFound(
            f"{digest!r} is no SHA-256 digest",
            advice="It has 64 hexadecimal digits.",
        )
