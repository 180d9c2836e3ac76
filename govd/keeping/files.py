"""Files beside vectors: what is said in JSON, written whole or not at all; what refuses them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from govd.errors import BadFile, MachineFault, reason_of
from govd.keeping.stamps import stamp_of
from govd.types import Json, StoreStamp


@contextmanager
def faults(where: Path, *kinds: type[Exception]) -> Iterator[None]:
    """What the file system refuses, as an error of govd's; `kinds`: what else a library raises.

    Raises:
        MachineFault: it refuses something.
    """
    refused: tuple[type[Exception], ...] = (OSError, *kinds)
    try:
        yield
    except refused as fault:
        lines = str(fault).splitlines() or [type(fault).__name__]
        text = getattr(fault, "strerror", None) or lines[-1][-200:]
        raise MachineFault(
            f"it cannot be written ({text})",
            where=str(getattr(fault, "filename", None) or where),
            advice="Make room or give the right to write there, then patch again: it goes on.",
        ) from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What keeps a file from being read, as an error of govd's.

    Raises:
        MachineFault: something does.
    """
    try:
        yield
    except OSError as fault:
        raise MachineFault(
            f"it cannot be read ({fault.strerror or fault})",
            where=str(path),
            advice="Make it reachable again, then patch again: it goes on.",
        ) from None


def gone(folder: Path) -> None:
    """Take a folder away, if there is one."""
    if folder.exists():
        shutil.rmtree(folder)


def ident_of(path: Path) -> str:
    """What changes when a file is written anew: inode, size, time of its last change."""
    state = path.stat()
    return f"{state.st_ino}-{state.st_size}-{state.st_mtime_ns}"


def write_json(path: Path, value: Json) -> None:
    """Write JSON, durable, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def json_in(path: Path) -> Json:
    """What a JSON file says; None where there is none.

    Raises:
        BadFile: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise BadFile(
            f"it cannot be read ({reason_of(fault)})", where=str(path)
        ) from None


def stamp_in(path: Path) -> StoreStamp | None:
    """The stamp that a JSON file holds; None where there is no file.

    Raises:
        BadFile: it cannot be read, or is no stamp.
    """
    return stamp_of(json_in(path), str(path))
