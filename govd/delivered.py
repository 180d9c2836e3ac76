"""Whether the model checkpoints that were published to a folder are still the files that were written: hashed where they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Delivered:
    """What was found: files that were hashed, revisions that lie nowhere any more, and what each folder serves."""

    files: int = 0
    gone: list[str] = field(default_factory=list)
    serves: list[str] = field(default_factory=list)


def check(said: Iterable[Mapping[str, Any]], fault: Callable[[str], None]) -> Delivered:
    """Compare delivered files with what entries say, in order: each has a `subject`, and `folder` (of a model) or `files`."""
    folders: dict[str, str] = {}
    written: dict[tuple[str, str], dict[str, str]] = {}
    for entry in said:
        model, _, number = entry["subject"].rpartition("/")
        if entry["files"] is None:
            folder = entry["folder"]
            folders[entry["subject"]] = folder if isinstance(folder, str) else ""
        elif folders.get(model) and isinstance(entry["files"], dict):
            written[folders[model], number] = {str(k): str(v) for k, v in entry["files"].items()}
    found = Delivered()
    for (folder, number), files in written.items():
        place = Path(folder) / number
        if not place.is_dir():
            found.gone.append(str(place))
            continue
        for name, digest in files.items():
            problem = _problem(place, name, digest)
            if problem:
                fault(f"{place / name}: what was published is not what lies there ({problem})")
            else:
                found.files += 1
    for folder in sorted({folder for folder, _ in written}):
        current = Path(folder) / "current"
        if current.exists():
            number = current.resolve().name
            if (folder, number) not in written and number != "0":
                fault(f"{current} leads to {number}, which was never published there")
            found.serves.append(f"{current} leads to revision {number}")
    return found


def _problem(place: Path, name: str, digest: str) -> str:
    path = place / name
    try:
        if not path.resolve().is_relative_to(place.resolve()):
            return "it lies elsewhere"
        with path.open("rb") as file:
            return "" if hashlib.file_digest(file, "sha256").hexdigest() == digest else "other bytes"
    except OSError as fault:
        return str(fault.strerror)
