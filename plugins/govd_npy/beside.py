"""What is said beside a file of vectors, as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from govd.errors import BadFile, MachineFault
from govd.types import StoreStamp


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


def write(path: Path, value: Any) -> None:
    """Write JSON, durable, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def json_in(path: Path) -> Any:
    """What a JSON file says; None where there is none.

    Raises:
        BadFile: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise BadFile(f"it cannot be read ({fault})", where=str(path)) from None


def stamp_in(path: Path) -> StoreStamp | None:
    value = json_in(path)
    try:
        return None if value is None else StoreStamp.from_json(value)
    except ValueError as fault:
        raise BadFile(str(fault), where=str(path)) from None


def signature(path: Path) -> list[int]:
    """What changes with a file's content: inode, size, time of its last change."""
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]
