"""Whether a folder can be the one that a model is published to: it is this model's alone."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from govd.errors import Conflict, MachineFault
from govd.models.core import Core
from govd.models.paths import real, same, within
from govd.models.publish_folder import (
    ADVICE,
    CURRENT,
    NUMBER,
    PublishFolder,
    folder_of,
    is_early,
    read_mark,
)
from govd.types import Record

MAX_FOLDERS: Final = 2000
"""Folders in which is looked for others' revisions, at most."""


def check_folder(core: Core, folder: str | None, name: str, reference: str) -> None:
    """Whether a `folder` can be that of the model `name` alone, whose checkpoint is `reference`,
    and nothing that govd did not write there is in the way.

    Args:
        core: of the home, whose other models are looked at.

    Raises:
        Conflict: it cannot; nothing was touched. MachineFault: it cannot be looked into or written.
    """
    if not folder:
        return
    registered = core.desk.views.models.get(name)
    path = real(Path(folder))
    early = (
        registered is not None
        and is_early(registered)
        and same(path, Path(str(registered.publish_to)))
    )
    place = folder_of(core, name, path, early)
    models = [
        model
        for model in list(core.desk.views.models.values())
        if model["name"] != name
    ]
    newcomer = {"name": name, "publish_to": None, "reference": reference}
    check_place(place, core.home.folder, [*models, newcomer])
    place.check()
    _check_writable(path)


def _check_writable(path: Path) -> None:
    """That a folder can be written or made, as far as can be seen.

    Raises:
        MachineFault: it cannot.
    """
    nearest = next(above for above in (path, *path.parents) if above.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise MachineFault(
            f"the folder to publish to cannot be written ({nearest} cannot)",
            where=str(path),
            advice="Correct its permissions, or choose another --publish-to. Nothing was changed.",
        )


def check_place(folder: PublishFolder, home: Path, models: Collection[Record]) -> None:
    """Whether a folder can be this model's alone: not the home, nor another model's, nor inside or
    around one of them; a model's checkpoint is not published into.

    Args:
        models: records of the other models.

    Raises:
        Conflict: it is; what it meets is named, and nothing was touched. MachineFault: it cannot be
        looked into.
    """
    try:
        _check_place(folder, home, models)
    except OSError as fault:
        reason = f"the folder to publish to cannot be looked into ({fault.strerror})"
        raise MachineFault(
            reason,
            where=str(folder.path),
            advice="Correct its permissions, or choose another --publish-to.",
        ) from None


def _check_place(folder: PublishFolder, home: Path, models: Collection[Record]) -> None:
    path = folder.path
    advice = "Choose another --publish-to."
    if within(path, home) or within(home, path):
        relation = "has the home in it"
        if same(path, home):
            relation = "is the home"
        elif within(path, home):
            relation = "lies in the home"
        raise Conflict(
            f"the folder to publish to {relation}", where=str(path), advice=advice
        )
    for other in models:
        if other["publish_to"] and other["name"] != folder.model:
            other_path = Path(other["publish_to"])
            if within(path, other_path) or within(other_path, path):
                place = f"to {other_path}: neither may lie inside the other"
                if same(path, other_path):
                    place = "to this folder"
                fault = f"{other['name']} is published {place}"
                raise Conflict(fault, where=str(path), advice=advice)
        if same(path, Path(str(other["reference"])).expanduser()):
            fault = f"this is the checkpoint of {other['name']}"
            raise Conflict(fault, where=str(path), advice=advice)
    for published in (*_around(path), *_inside(path)):
        raise Conflict(
            f"revisions are published to {published}: neither may lie inside the other",
            where=str(path),
            advice=ADVICE,
        )


def _around(path: Path) -> Iterator[Path]:
    """A folder around this one that revisions are published to."""
    for outer in real(path).parents:
        if read_mark(outer) is not None or _is_published(outer):
            yield outer


def _inside(path: Path) -> Iterator[Path]:
    """A folder in this one, up to two deep, that revisions are published to; none in those of this
    one's own numbers.
    """
    for looked, (at, folders, _) in enumerate(os.walk(path)):
        depth = len(Path(at).relative_to(path).parts)
        if depth == 0:
            folders[:] = [name for name in folders if not NUMBER.fullmatch(name)]
        elif _is_published(Path(at)):
            yield Path(at)
        if depth >= 2 or looked > MAX_FOLDERS:
            folders.clear()


def _is_published(folder: Path) -> bool:
    """Whether some govd publishes to a folder, as far as can be seen: `current` leads to a
    revision, or one lies there.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    if len(names) > MAX_FOLDERS:
        return read_mark(real(folder / CURRENT)) is not None
    return any(
        NUMBER.fullmatch(name) and read_mark(folder / name) is not None
        for name in names
    )
