"""`--publish-to DIR`: each published revision as a model checkpoint in `DIR/N`, with the link `DIR/current` swapped atomically."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from govd.embeddings import file_digest
from govd.errors import MachineFault
from govd.types import Json

Write = Callable[[Path], Mapping[str, str]]
"""Writes a checkpoint into a folder; its files with their SHA-256."""
SAID = "revision.json"
PART = re.compile(r"\.[0-9]+\.[0-9a-f]{8}")


class Delivery:
    """Folders that inference servers read. What was written is looked at again: whole by its digests once, then by its files' times."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[Any, str]] = {}

    def stands(self, folder: Path, wanted: Mapping[str, Json]) -> dict[str, str] | None:
        """The files of `folder/current` with their SHA-256, where that is what is wanted (`number`, `model_digest`, `edit_digest`) and
        every file of it is unchanged; else None."""
        current = folder / "current"
        try:
            if os.readlink(current) != str(wanted["number"]):
                return None
            said = json.loads((current / SAID).read_text(encoding="utf-8"))
            if any(said.get(name) != value for name, value in wanted.items()):
                return None
            same = all(self._digest(current / name) == digest for name, digest in said["files"].items())
            return dict(said["files"]) if same else None
        except (OSError, ValueError, KeyError, AttributeError):
            return None

    def _digest(self, path: Path) -> str:
        path = path.resolve()
        status = path.stat()
        signature = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._seen.get(path)
        if known is None or known[0] != signature:
            known = self._seen[path] = (signature, file_digest(path))
        return known[1]

    def deliver(self, folder: Path, what: Mapping[str, Json], write: Write) -> dict[str, str]:
        """Write a checkpoint and point `current` at it; its files with their SHA-256.

        Raises:
            MachineFault: it cannot be written; `current` stays where it was, and nothing half-written is left.
        """
        part = folder / f".{what['number']}.{secrets.token_hex(4)}"
        place = folder / str(what["number"])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part.mkdir()
            files = dict(write(part))
            (part / SAID).write_text(json.dumps({**what, "files": files}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            if place.exists():  # another base under the same number, or damaged: nobody may find `current` dangling meanwhile
                _point(folder, part.name)
                twin = folder / f".{what['number']}.{secrets.token_hex(4)}"
                shutil.copytree(part, twin, copy_function=os.link)
                shutil.rmtree(place)
                os.replace(twin, place)
            else:
                os.replace(part, place)
            _point(folder, place.name)
            return files
        except (OSError, MachineFault) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else fault.what
            advice = "Free some space or correct its permissions; the revision is published, and delivery is tried again."
            raise MachineFault(f"cannot deliver the checkpoint ({reason})", where=str(folder), advice=advice) from fault
        finally:
            _tidy(folder)


def _tidy(folder: Path) -> None:
    """Take away what was begun and is not pointed at: of this attempt, and of those that were killed."""
    pointed = os.readlink(folder / "current") if (folder / "current").is_symlink() else ""
    for path in folder.glob(".*"):
        if path.is_symlink() and path.name.startswith(".current."):
            path.unlink(missing_ok=True)
        elif path.is_dir() and PART.fullmatch(path.name) and path.name != pointed:
            shutil.rmtree(path, ignore_errors=True)


def _point(folder: Path, name: str) -> None:
    link = folder / f".current.{secrets.token_hex(4)}"
    link.symlink_to(name, target_is_directory=True)
    os.replace(link, folder / "current")
