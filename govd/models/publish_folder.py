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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govd.errors import Conflict, MachineFault
from govd.models.core import Core
from govd.models.paths import real
from govd.types import Json, Record

MARK: Final = "revision.json"
MAX_MARK_BYTES: Final = 4 << 20
CURRENT: Final = "current"
NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}")
ADVICE: Final = (
    "Move it away, or choose another --publish-to. Nothing was touched: govd changes only what it"
    " wrote there itself."
)
AGAIN: Final = "The revision is published; delivery is tried again."
MAX_NAMED: Final = 5
"""Names that are told of what is in the way."""


def folder_of(core: Core, model: str, path: Path, early: bool) -> PublishFolder:
    """A folder for a model of a home (`early`: as it was registered by a version that wrote no
    origin).

    Args:
        core: of the home.
        path: the folder.
    """

    def ledger_facts(number: int) -> Mapping[str, Json] | None:
        if number == 0:
            record = core.desk.views.models.get(model)
            if record is None:
                return None
            return {"edit_digest": None, "model_digest": record["digest"]}
        revision = core.desk.views.revision(model, number)
        if revision is None or not revision["published_at"]:
            return None
        return {"edit_digest": revision["edit_digest"]}

    return PublishFolder(
        path=path,
        origin=core.desk.ledger.origin,
        model=model,
        ledger_facts=ledger_facts,
        early=early,
    )


def is_early(record: Record) -> bool:
    """Whether a model was given its folder by a version that knew no `publish_base`: it then
    publishes the base, too.
    """
    return bool(record["publish_to"]) and "publish_base" not in record


@dataclass(frozen=True)
class PublishFolder:
    """A folder for one model of one ledger.

    `ledger_facts`: what the ledger says of a revision that was published (`model_digest`,
    `edit_digest`), None where there is none of that number. `early`: the model was registered by a
    version that wrote no origin into `revision.json`; such a one is this model's where it says what
    the ledger says.
    """

    path: Path
    origin: str
    model: str
    ledger_facts: Callable[[int], Mapping[str, Json] | None] = lambda number: None
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
        return (
            re.fullmatch(rf"\.(?:[0-9]+|{CURRENT})\.{self.tag}\.[0-9a-f]{{8}}", name)
            is not None
        )

    def mark(self, name: str) -> dict[str, Json] | None:
        """What `revision.json` in a folder here says, where that makes it this model's; else
        None.
        """
        folder = self.path / name
        number = int(name) if NUMBER.fullmatch(name) else None
        if number is None and not self.unfinished(name):
            return None
        mark = read_mark(folder)
        if mark is None or mark.get("model") != self.model:
            return None
        if number is not None and mark.get("number") != number:
            return None
        if "origin" not in mark and number is not None and self.early:
            return mark if self._is_published(number, mark) else None
        return mark if mark.get("origin") == self.origin else None

    def _is_published(self, number: int, mark: Mapping[str, Json]) -> bool:
        """Whether a mark says of a revision what the ledger says."""
        facts = self.ledger_facts(number)
        if facts is None:
            return False
        return all(mark.get(name) == value for name, value in facts.items())

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
            reason = (
                f"the folder to publish to cannot be looked into ({fault.strerror})"
            )
            advice = "Correct its permissions, or choose another --publish-to. Nothing was touched."
            raise MachineFault(reason, where=str(self.path), advice=advice) from None

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
        target = ""
        if self.current.is_symlink():
            target = os.readlink(self.current)
        name = target.rstrip("/").removeprefix("./")
        if self.mark(name) is not None or self._missing(name):
            return name
        reason = f"leads to {target}" if target else "is no link"
        raise Conflict(
            f"{CURRENT} {reason}: it is in the way", where=str(self.path), advice=ADVICE
        )

    def _missing(self, name: str) -> bool:
        """Whether `current` leads to a folder that was delivered and is gone: the ledger knows that
        number.
        """
        is_missing = NUMBER.fullmatch(name) is not None and not os.path.lexists(
            self.path / name
        )
        return is_missing and self.ledger_facts(int(name)) is not None

    def check(self) -> None:
        """Whether nothing that is not this model's lies where its revisions go.

        Raises:
            Conflict: something does; it is named, and nothing was touched.
        """
        parents = (self.path, *self.path.parents)
        nearest = next(path for path in parents if os.path.lexists(path))
        if not nearest.is_dir():
            raise Conflict(
                "it is no folder",
                where=str(nearest),
                advice="Choose another --publish-to. Nothing was touched.",
            )
        strangers = [
            f"{name} {self._why(name)}"
            for name in self._names()
            if NUMBER.fullmatch(name) and self.mark(name) is None
        ]
        if strangers:
            more = (
                f", and {len(strangers) - MAX_NAMED} more"
                if len(strangers) > MAX_NAMED
                else ""
            )
            reason = (
                f"{'; '.join(strangers[:MAX_NAMED])}{more}: "
                f"in the way of revisions of {self.model}"
            )
            raise Conflict(reason, where=str(self.path), advice=ADVICE)
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
        root = real(self.path)
        names = set[str]()
        links = (self.path / name for name in self._names())
        for link in links:
            if not link.is_symlink():
                continue
            for target in (
                Path(os.path.normpath(root / os.readlink(link))),
                real(link),
            ):
                if target.is_relative_to(root):
                    names.update(target.relative_to(root).parts[:1])
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
        with delivering(self):
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
        with delivering(self):
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
def delivering(folder: PublishFolder) -> Iterator[None]:
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
        reason = f"cannot deliver the checkpoint ({fault.what})"
        raise MachineFault(
            reason, where=str(folder.path), advice=f"{fault.advice} {AGAIN}".strip()
        ) from fault


def read_mark(folder: Path) -> dict[str, Json] | None:
    """What `revision.json` in a real folder says, None where there is none that is one of
    govd's.
    """
    path = folder / MARK
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode) or not stat.S_ISREG(
            os.lstat(path).st_mode
        ):
            return None
        if path.stat().st_size > MAX_MARK_BYTES:
            return None
        mark = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_mark = (
        isinstance(mark, dict)
        and isinstance(mark.get("files"), dict)
        and isinstance(mark.get("model"), str)
    )
    return mark if is_mark and type(mark.get("number")) is int else None
