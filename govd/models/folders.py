"""Folders of pictures as they lie around, walked as torchvision's ImageFolder does: links are
followed, what is hidden is skipped. What is left out is counted by its reason.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from govd.errors import BadFile
from govd.models.phrases import spelled
from govd.pictures import SUFFIXES

SYSTEM: Final = frozenset(
    {"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"}
)
"""Folders that archives, file servers and systems put beside what people put there."""
HIDDEN: Final = "hidden"
OTHER: Final = "not named like a picture"
LOOSE: Final = "in no class folder"
EMPTY: Final = "class folders without a picture"
UNREADABLE: Final = "no picture that can be read"


@dataclass(frozen=True)
class Walk:
    """The picture files below a folder in the order of their paths, and how many files and folders
    were left out, by reason.
    """

    paths: tuple[Path, ...]
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Labelled:
    """Picture files with the class and the domain of each (`""`: in none), and what was left
    out.
    """

    paths: tuple[Path, ...]
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    left_out: Counter[str]


def walk(folder: Path) -> Walk:
    """Every picture file below a folder, hidden ones and those in hidden folders apart.

    Raises:
        BadFile: there is no such folder, or it cannot be opened.
    """
    if not folder.is_dir():
        reason = "no such folder"
        if folder.exists():
            reason = "this is a file, not a folder"
        raise BadFile(reason, where=str(folder), advice="Give a folder of pictures.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise BadFile(
            "this folder cannot be opened",
            where=str(folder),
            advice="Let the account that govd runs as read it.",
        )
    left_out: Counter[str] = Counter()
    return Walk(tuple(_below(folder, (_identity(folder),), left_out)), left_out)


def labelled(
    folder: Path, domains: Collection[str] = (), labels: Collection[str] = ()
) -> Labelled:
    """`DIR/<class>/…` or `DIR/<domain>/<class>/…`. Folders within a class belong to it: a first
    folder that is a label, and no domain, is a class whatever lies in it.

    Args:
        domains: names of folders that are domains; none: there are no domains.
        labels: names of folders that are classes whatever lies in them.

    Raises:
        BadFile: there is no such folder, or no picture in a class folder.
    """
    files = walk(folder)
    left_out = Counter(files.left_out)
    paths = []
    classes = []
    of_domain = []
    label_set = set(labels)
    names = set(domains)
    for path in files.paths:
        parts = [spelled(part) for part in path.relative_to(folder).parts[:-1]]
        if not parts:
            left_out[LOOSE] += 1
            continue
        in_domain = len(parts) > 1 and (parts[0] in names or parts[0] not in label_set)
        paths.append(path)
        classes.append(parts[1] if in_domain else parts[0])
        of_domain.append(parts[0] if in_domain else "")
    if not paths:
        advice = "Lay it out as DIR/<domain>/<class>/*.png or DIR/<class>/*.png."
        raise BadFile(
            f"no pictures in this folder{told(left_out, '; left out: ')}",
            where=str(folder),
            advice=advice,
        )
    return Labelled(tuple(paths), tuple(classes), tuple(of_domain), left_out)


def told(left_out: Counter[str] | dict[str, int], before: str = "") -> str:
    """What was left out, in words; nothing where nothing was."""
    words = ", ".join(
        f"{count} {reason}" for reason, count in sorted(left_out.items()) if count
    )
    return f"{before}{words}" if words else ""


def _below(
    folder: Path, above: tuple[tuple[int, int], ...], left_out: Counter[str]
) -> Iterator[Path]:
    """The picture files below a folder; `above`: the folders on the way there, which a link may
    lead back to.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        left_out["folders that cannot be opened"] += 1
        return
    if not entries:
        left_out[EMPTY] += 1
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name in SYSTEM:
            left_out[HIDDEN] += 1
        elif path.is_dir():
            here = _identity(path)
            if here in above:
                left_out["links that lead back"] += 1
            else:
                yield from _below(path, (*above, here), left_out)
        elif path.suffix.lower() not in SUFFIXES:
            left_out[OTHER] += 1
        elif not path.is_file():
            left_out[
                "links to nothing" if path.is_symlink() else "no regular files"
            ] += 1
        elif not os.access(path, os.R_OK):
            left_out["files that cannot be opened"] += 1
        else:
            yield path


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
