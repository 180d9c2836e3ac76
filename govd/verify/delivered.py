"""Whether the model checkpoints that were published to a folder are still the files that were
written: hashed where they lie.

Somebody may deliver meanwhile: what does not look as it should is looked at once more, by what the
ledger says by then.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

MOMENT: Final = 0.5
"""Seconds after which is looked again: a folder that is put in the place of another is there by
then, and so is the entry about it.
"""

Said = Iterable[Mapping[str, Any]]
"""What entries say of deliveries, in order: each has a `subject`, and `folder` (of a model) or
`files`.
"""
Place = tuple[str, str]
"""A folder that revisions are published to, and a revision's number."""


@dataclass
class Delivered:
    """What was found: files that were hashed, revisions that are not there any more, what each
    folder serves, and which of them serve another revision than was published last.
    """

    files: int = 0
    gone: list[str] = field(default_factory=list)
    serves: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


def check(
    deliveries: Said,
    fault: Callable[[str], None],
    later: Callable[[], Said] = tuple,
    published: Mapping[str, int] = MappingProxyType({}),
) -> Delivered:
    """Compare delivered files with what entries say. `later`: what was said after these, asked for
    before looking again. `published`: the number of each model's revision that was published last.
    """
    deliveries = list(deliveries)
    written = _written(deliveries)
    delivered = Delivered()
    for problem in _changed_base(deliveries):
        fault(problem)
    problems = {place: _problems(place, files) for place, files in written.items()}
    strays = [folder for folder in _folders(written) if _strays(folder, written)]
    if strays or any(problems.values()):
        time.sleep(MOMENT)
        written = _written([*deliveries, *later()])
        intact = {place for place, wrong in problems.items() if not wrong}
        for place, files in written.items():
            if place not in intact or not _lies(place):
                problems[place] = _problems(place, files)
    for place, files in written.items():
        if not _lies(place):
            delivered.gone.append(str(Path(*place)))
            continue
        for problem in problems[place]:
            fault(problem)
        delivered.files += len(files) - len(problems[place])
    for folder in _folders(written):
        current = Path(folder) / "current"
        if stray := _strays(folder, written):
            fault(f"{current} leads to {stray}, which was never published there")
        if os.path.lexists(current) and folder in _retired(deliveries):
            fault(
                f"{current} is there, though the model that was published there is retired"
            )
        if current.exists():
            delivered.serves.append(
                f"{current} leads to revision {current.resolve().name}"
            )
    delivered.behind = _behind(deliveries, published)
    return delivered


def _written(said: Said) -> dict[Place, dict[str, str]]:
    """The files of each revision that was delivered, with their SHA-256."""
    folders: dict[str, str] = {}
    written: dict[Place, dict[str, str]] = {}
    for entry in said:
        model, _, number = entry["subject"].rpartition("/")
        if entry["files"] is None:
            folder = entry["folder"]
            folders[entry["subject"]] = folder if isinstance(folder, str) else ""
        elif folders.get(model) and isinstance(entry["files"], dict):
            files = {str(k): str(v) for k, v in entry["files"].items()}
            written[folders[model], number] = files
    return written


def _behind(said: Said, published: Mapping[str, int]) -> list[str]:
    """What is not delivered: folders that serve another revision than was published last, or
    none.
    """
    folders = {
        entry["subject"]: entry["folder"] for entry in said if entry["files"] is None
    }
    behind: list[str] = []
    for model, number in published.items():
        current = Path(str(folders.get(model) or "")) / "current"
        leads = current.resolve().name if current.exists() else "nothing"
        if folders.get(model) and leads != str(number):
            behind.append(
                f"{current} leads to {leads}, though revision {number} of {model} was published"
                " last"
            )
    return behind


def _retired(said: Said) -> set[str]:
    """Folders whose model was retired, and that no other is published to."""
    folders: dict[str, str] = {}
    retired: set[str] = set()
    for entry in said:
        if entry["files"] is None:
            folder = str(entry["folder"] or "")
            retired.discard(folder)
            if entry.get("retired"):
                retired.add(folders.get(entry["subject"], ""))
            folders[entry["subject"]] = folder
    return retired


def _changed_base(said: Said) -> list[str]:
    """Revisions whose files differ from those that the model was registered with in more than the
    one with the projection.
    """
    registered: dict[str, dict[str, Mapping[str, str]]] = {}
    problems: list[str] = []
    for entry in said:
        digest = str(entry.get("digest"))
        subject = entry["subject"]
        files = entry["files"]
        if files is None:
            if isinstance(entry.get("registered"), dict):
                registered.setdefault(subject, {})[digest] = entry["registered"]
            continue
        bases = registered.get(subject.rpartition("/")[0], {})
        # early entries do not say which
        bases = {digest: bases[digest]} if digest in bases else bases
        if not bases or not isinstance(files, dict):
            continue
        differing = [_differ(base, files) for base in bases.values()]
        if all(len(names) > 1 for names in differing):
            listed = ", ".join(differing[0][:5])
            problems.append(
                f"revision {subject}: {listed} were not published as they were registered"
            )
    return problems


def _differ(base: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """Files of a registered name with other bytes. An index is none of them: early versions wrote
    the grown size into it.
    """
    return sorted(
        name
        for name, digest in files.items()
        if base.get(name, digest) != digest and not name.endswith(".index.json")
    )


def _folders(written: Collection[Place]) -> list[str]:
    return sorted({folder for folder, _ in written})


def _lies(place: Place) -> bool:
    return Path(*place).is_dir()


def _strays(folder: str, written: Collection[Place]) -> str:
    """Where `current` leads, if that is neither the base nor a revision that was delivered
    there.
    """
    current = Path(folder) / "current"
    number = current.resolve().name if current.exists() else "0"
    if number == "0" or (folder, number) in written:
        return ""
    return number


def _problems(place: Place, files: Mapping[str, str]) -> list[str]:
    """What is wrong with the files of a revision; nothing where it is not there any more."""
    if not _lies(place):
        return []
    folder = Path(*place)
    problems = {name: _problem(folder, name, digest) for name, digest in files.items()}
    return [
        f"{folder / name}: what was published is not what lies there ({problem})"
        for name, problem in problems.items()
        if problem
    ]


def _problem(place: Path, name: str, digest: str) -> str:
    path = place / name
    try:
        if not path.resolve().is_relative_to(place.resolve()):
            return "it lies elsewhere"
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return "" if sha256 == digest else "other bytes"
    except OSError as fault:
        return str(fault.strerror)
