"""What is said beside a file of vectors, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from govd.errors import MachineFault


@contextmanager
def faults(where: Path) -> Iterator[None]:
    """What the file system refuses, as an error of govd's."""
    try:
        yield
    except OSError as fault:
        raise MachineFault(
            f"it cannot be written ({fault.strerror})",
            where=str(fault.filename or where),
            advice="Make room or give the right to write there, then patch again: it goes on.",
        ) from None


def signature(path: Path) -> list[int]:
    """What changes with a file's content: inode, size, time of its last change."""
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]
