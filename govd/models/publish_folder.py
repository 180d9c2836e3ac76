"""The folder that a model's revisions are published to: what in it is this model's, and what lies
in the way.

Only folders `DIR/N` whose `revision.json` names this ledger's origin, this model and this number
are ever touched, the link `DIR/current` where it leads to one of them, and what was begun under a
name that is derived from origin and model. Everything else is somebody else's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govd.errors import Conflict, MachineFault
from govd.models.core import Core
from govd.types import Json, Record

MARK: Final = "revision.json"
MARK_BYTES: Final = 4 << 20
CURRENT: Final = "current"
NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}")
ADVICE: Final = (
    "Move it away, or choose another --publish-to. Nothing was touched: govd changes only what it"
    " wrote there itself."
)
AGAIN: Final = "The revision is published; delivery is tried again."
TOLD: Final = 5
"""Names that are told of what is in the way."""
SEEN: Final = 2000
"""Folders in which is looked for others' revisions, at most."""


def folder_of(core: Core, model: str, path: Path, early: bool) -> PublishFolder:
    """A folder for a model of a home (`early`: as it was registered by a version that wrote no
    origin).
    """

    def known(number: int) -> Mapping[str, Json] | None:
        record = core.desk.views.models.get(model)
        if number == 0:
            return (
                None if record is None else {"edit_digest": None, "model_digest": record["digest"]}
            )
        revision = core.desk.views.revision(model, number)
        return (
            None
            if revision is None or not revision["published_at"]
            else {"edit_digest": revision["edit_digest"]}
        )

    return PublishFolder(path, core.desk.ledger.origin, model, known, early)


def is_early(record: Record) -> bool:
    """Whether a model was given its folder by a version that knew no `publish_base`: it then
    publishes the base, too.
    """
    return bool(record["publish_to"]) and "publish_base" not in record


@dataclass(frozen=True)
class PublishFolder:
    """A folder for one model of one ledger.

    `known`: what the ledger says of a revision that was published (`model_digest`, `edit_digest`),
    None where there is none of that number. `early`: the model was registered by a version that
    wrote no origin into `revision.json`; such a one is this model's where it says what the ledger
    says.
    """

    path: Path
    origin: str
    model: str
    known: Callable[[int], Mapping[str, Json] | None] = lambda number: None
    early: bool = False

    @property
    def current(self) -> Path:
        """The link that servers follow."""
        return self.path / CURRENT

    @property
    def tag(self) -> str:
        """What names of unfinished folders and links have in them: nobody else would choose it."""
        return hashlib.sha256(f"{self.origin}\0{self.model}".encode()).hexdigest()[:12]

    def unfinished(self, name: str) -> bool:
        """Whether a name is one of something that this model's delivery began."""
        return re.fullmatch(rf"\.(?:[0-9]+|{CURRENT})\.{self.tag}\.[0-9a-f]{{8}}", name) is not None

    def mark(self, name: str) -> dict[str, Json] | None:
        """What `revision.json` in a folder here says, where that makes it this model's; else
        None.
        """
        folder = self.path / name
        number = int(name) if NUMBER.fullmatch(name) else None
        if number is None and not self.unfinished(name):
            return None
        mark = read_mark(folder)
        if (
            mark is None
            or mark.get("model") != self.model
            or (number is not None and mark.get("number") != number)
        ):
            return None
        if "origin" not in mark and number is not None and self.early:
            known = self.known(number)
            return (
                mark
                if known is not None
                and all(mark.get(name) == value for name, value in known.items())
                else None
            )
        return mark if mark.get("origin") == self.origin else None

    def numbers(self) -> list[int]:
        """The revisions of this model that lie here, in order."""
        return sorted(
            int(name)
            for name in self._names()
            if NUMBER.fullmatch(name) and self.mark(name) is not None
        )

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as fault:
            what = f"the folder to publish to cannot be looked into ({fault.strerror})"
            advice = "Correct its permissions, or choose another --publish-to. Nothing was touched."
            raise MachineFault(what, where=str(self.path), advice=advice) from None

    def foreign(self, name: str) -> list[str]:
        """What lies in a folder of this model's that was not delivered with it."""
        mark = self.mark(name)
        delivered = {MARK, *(mark or {}).get("files", {})}
        return sorted(set(os.listdir(self.path / name)) - delivered)

    def leads_to(self) -> str | None:
        """The name of this model's folder that `current` leads to, None where there is no
        `current`.

        Raises:
            Conflict: `current` is not what was written here.
        """
        if not os.path.lexists(self.current):
            return None
        target = os.readlink(self.current) if self.current.is_symlink() else ""
        name = target.rstrip("/").removeprefix("./")
        if self.mark(name) is not None or self._missing(name):
            return name
        what = f"leads to {target}" if target else "is no link"
        raise Conflict(f"{CURRENT} {what}: it is in the way", where=str(self.path), advice=ADVICE)

    def _missing(self, name: str) -> bool:
        """Whether `current` leads to a folder that was delivered and is gone: the ledger knows that
        number.
        """
        gone = NUMBER.fullmatch(name) is not None and not os.path.lexists(self.path / name)
        return gone and self.known(int(name)) is not None

    def check(self) -> None:
        """Whether nothing that is not this model's lies where its revisions go.

        Raises:
            Conflict: something does; it is named, and nothing was touched.
        """
        there = next(path for path in (self.path, *self.path.parents) if os.path.lexists(path))
        if not there.is_dir():
            raise Conflict(
                "it is no folder",
                where=str(there),
                advice="Choose another --publish-to. Nothing was touched.",
            )
        strangers = [
            f"{name} {self._why(name)}"
            for name in self._names()
            if NUMBER.fullmatch(name) and self.mark(name) is None
        ]
        if strangers:
            more = f", and {len(strangers) - TOLD} more" if len(strangers) > TOLD else ""
            what = f"{'; '.join(strangers[:TOLD])}{more}: in the way of revisions of {self.model}"
            raise Conflict(what, where=str(self.path), advice=ADVICE)
        self.leads_to()

    def _why(self, name: str) -> str:
        mark = read_mark(self.path / name)
        if mark is None:
            return f"has no {MARK} of govd's"
        if mark.get("origin", self.origin) != self.origin:
            return f"was published by another govd home ({mark['origin']}, {mark.get('model')})"
        if mark.get("model") != self.model:
            return f"was published for the model {mark.get('model')}"
        return f"has a {MARK} of another revision ({mark.get('number')})"

    def pinned(self) -> set[str]:
        """The folders here that links here lead to, by whatever way, and where they end."""
        root, names = real(self.path), set[str]()
        for name in self._names():
            link = self.path / name
            if link.is_symlink():
                names |= {
                    part
                    for target in (Path(os.path.normpath(root / os.readlink(link))), real(link))
                    if target.is_relative_to(root)
                    for part in target.relative_to(root).parts[:1]
                }
        return names

    def remove(self, name: str) -> bool:
        """Take away a folder of this model's, what was delivered and no more; whether it is gone.
        The mark goes last.
        """
        if self.mark(name) is None or self.foreign(name):
            return False
        folder = self.path / name
        for file in sorted(os.listdir(folder), key=lambda file: file == MARK):
            (folder / file).unlink()
        folder.rmdir()
        return True

    def withdraw(self) -> bool:
        """Take `current` away where nothing is published; whether it was there.

        Raises:
            MachineFault: it cannot be taken away, or it is not this model's.
        """
        with told(self):
            if self.leads_to() is None:
                return False
            self.current.unlink()
            return True

    def forget(self) -> list[str]:
        """Take away every revision of this model's that lies here; the names of those that stay,
        since something else lies in them.

        Raises:
            MachineFault: it cannot be taken away.
        """
        with told(self):
            return [name for name in map(str, self.numbers()) if not self.remove(name)]

    def tidy(self) -> None:
        """Take away what was begun and is not pointed at: of this attempt, and of those that were
        killed.
        """
        pinned = self.pinned()
        for name in self._names():
            path = self.path / name
            if self.unfinished(name) and name not in pinned:
                if path.is_symlink():
                    path.unlink(missing_ok=True)
                else:
                    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def told(folder: PublishFolder) -> Iterator[None]:
    """Faults of a delivery, with what became of the revision.

    Raises:
        MachineFault: in the place of what the machine, or what lies there, was in the way of. Other
        errors of govd's as they are.
    """
    try:
        yield
    except OSError as fault:
        advice = f"Free some space or correct its permissions. {AGAIN}"
        raise MachineFault(
            f"cannot deliver the checkpoint ({fault.strerror})",
            where=str(folder.path),
            advice=advice,
        ) from fault
    except (Conflict, MachineFault) as fault:
        what = f"cannot deliver the checkpoint ({fault.what})"
        raise MachineFault(
            what, where=str(folder.path), advice=f"{fault.advice} {AGAIN}".strip()
        ) from fault


def read_mark(folder: Path) -> dict[str, Json] | None:
    """What `revision.json` in a real folder says, None where there is none that is one of
    govd's.
    """
    path = folder / MARK
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode) or not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        if path.stat().st_size > MARK_BYTES:
            return None
        mark = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    known = (
        isinstance(mark, dict)
        and isinstance(mark.get("files"), dict)
        and isinstance(mark.get("model"), str)
    )
    return mark if known and type(mark.get("number")) is int else None


def real(path: Path) -> Path:
    """Where a path leads; links that lead in a circle end where they meet (`Path.resolve` would
    raise).
    """
    return Path(os.path.realpath(path))


def same(first: Path, second: Path) -> bool:
    """Whether two paths are one place, by whatever names, links and mounts."""
    if real(first) == real(second):
        return True
    try:
        return first.samefile(second)
    except OSError:
        return False


def within(inner: Path, outer: Path) -> bool:
    """Whether a place is another one or lies inside it."""
    inner = real(inner)
    return any(same(path, outer) for path in (inner, *inner.parents))


def check_place(folder: PublishFolder, home: Path, models: Collection[Record]) -> None:
    """Whether a folder can be this model's alone: not the home, nor another model's, nor inside or
    around one of them; a model's checkpoint is not published into.

    Raises:
        Conflict: it is; what it meets is named, and nothing was touched. MachineFault: it cannot be
        looked into.
    """
    try:
        _check_place(folder, home, models)
    except OSError as fault:
        what = f"the folder to publish to cannot be looked into ({fault.strerror})"
        raise MachineFault(
            what,
            where=str(folder.path),
            advice="Correct its permissions, or choose another --publish-to.",
        ) from None


def _check_place(folder: PublishFolder, home: Path, models: Collection[Record]) -> None:
    path = folder.path
    if within(path, home) or within(home, path):
        what = (
            "is the home"
            if same(path, home)
            else "lies in the home"
            if within(path, home)
            else "has the home in it"
        )
        raise Conflict(
            f"the folder to publish to {what}",
            where=str(path),
            advice="Choose another --publish-to.",
        )
    for other in models:
        taken = other["publish_to"]
        if (
            taken
            and other["name"] != folder.model
            and (within(path, Path(taken)) or within(Path(taken), path))
        ):
            how = (
                "to this folder"
                if same(path, Path(taken))
                else f"to {taken}: neither may lie inside the other"
            )
            raise Conflict(
                f"{other['name']} is published {how}",
                where=str(path),
                advice="Choose another --publish-to.",
            )
        if same(path, Path(str(other["reference"])).expanduser()):
            what = f"this is the checkpoint of {other['name']}"
            raise Conflict(what, where=str(path), advice="Choose another --publish-to.")
    for place in (*_around(path), *_inside(path)):
        raise Conflict(
            f"revisions are published to {place}: neither may lie inside the other",
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
        if depth >= 2 or looked > SEEN:
            folders.clear()


def _is_published(folder: Path) -> bool:
    """Whether some govd publishes to a folder, as far as can be seen: `current` leads to a
    revision, or one lies there.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    if len(names) > SEEN:
        return read_mark(real(folder / CURRENT)) is not None
    return any(NUMBER.fullmatch(name) and read_mark(folder / name) is not None for name in names)
