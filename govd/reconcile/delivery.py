"""`--publish-to DIR`: each published revision as a model checkpoint in `DIR/N`, with the link
`DIR/current` swapped atomically.

Proven by `tests/reconcile/test_publishing.py`, `tests/reconcile/test_folders_in_the_way.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from govd.errors import Conflict, MachineFault
from govd.models.embeddings import file_digest
from govd.models.paths import within
from govd.models.publish_folder import ADVICE, CURRENT, MARK, PublishFolder, delivering
from govd.types import Json

log = logging.getLogger("govd")

Write = Callable[[Path], Mapping[str, str]]
"""Writes a checkpoint into a folder; its files with their SHA-256."""


class Delivery:
    """Folders that inference servers read. What was written is looked at again: whole by its
    digests once, then by its files' times.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[Any, str]] = {}
        self._left: set[Path] = set()

    def stands(
        self, folder: PublishFolder, wanted: Mapping[str, Json]
    ) -> dict[str, str] | None:
        """The files of `current` with their SHA-256, where that is what is wanted (`number`,
        `model_digest`, `edit_digest`) and every file of it is unchanged; else None.
        """
        name = str(wanted["number"])
        try:
            mark = folder.mark(name)
            if (
                mark is None
                or os.readlink(folder.current) != name
                or any(mark.get(key) != value for key, value in wanted.items())
            ):
                return None
            if self._unchanged(folder.path / name, mark["files"]):
                return dict(mark["files"])
            return None
        except (OSError, ValueError):
            return None

    def _unchanged(self, place: Path, files: Mapping[str, str]) -> bool:
        return all(
            Path(file).name == file and self._digest(place / file) == digest
            for file, digest in files.items()
        )

    def _digest(self, path: Path) -> str:
        """The SHA-256 of a regular file; nothing of a link."""
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return ""
        signature = (status.st_ino, status.st_size, status.st_mtime_ns)
        cached = self._seen.get(path)
        if cached is None or cached[0] != signature:
            cached = self._seen[path] = (signature, file_digest(path))
        return cached[1]

    def deliver(
        self,
        folder: PublishFolder,
        what: Mapping[str, Json],
        write: Write,
        check: Callable[[], None],
        said_of: Callable[[Mapping[str, str]], Mapping[str, Json]] = lambda files: {},
    ) -> dict[str, str]:
        """Write a checkpoint and point `current` at it; its files with their SHA-256. `check`
        raises where the folder cannot be this model's alone.

        Args:
            what: the model and the number of the revision, for the file that says where it is from.
            write: makes the files.
            check: see above.
            said_of: what that file says of those that were written, beside their digests.

        Raises:
            MachineFault: it cannot be written, or something that govd did not write is in the way;
            `current` stays where it was, nothing of anybody else's is touched, and nothing
            half-written is left. BadCheckpoint: the base is not the one that was registered.
        """
        number = str(what["number"])
        with delivering(folder):
            check()
            folder.path.mkdir(parents=True, exist_ok=True)
            with _alone(folder.path):
                folder.check()
                _check_foreign(folder, number)
                part = _name(folder, number)
                try:
                    (folder.path / part).mkdir()
                    files = dict(write(folder.path / part))
                    self._check_written(folder.path / part, files)
                    origin = {"origin": folder.origin, "files": files}
                    mark = {**what, **said_of(files), **origin}
                    (folder.path / part / MARK).write_text(
                        json.dumps(mark, indent=2, sort_keys=True) + "\n",
                        encoding="utf-8",
                    )
                    _durable(folder.path / part)
                    _put(folder, part, number)
                    return files
                finally:
                    folder.tidy()

    def _check_written(self, place: Path, files: Mapping[str, str]) -> None:
        """Whether the folder has these files with these bytes, and no others."""
        if set(os.listdir(place)) != set(files) or not self._unchanged(place, files):
            raise MachineFault(
                "the files written are not those that the backend reported",
                where=str(place),
            )

    def prune(
        self,
        folder: PublishFolder,
        published: int,
        keep: int,
        base: bool,
        used: Collection[Path],
    ) -> None:
        """Take away revisions older than the `keep` before the published one, and `0` where the
        base is not asked for (`base`).

        What a link here leads to stays, what `used` (paths that something is read from) lies in,
        and what has in it anything that was not delivered.

        Args:
            folder: that is published to.

        Raises:
            MachineFault: it cannot be taken away.
        """
        numbers = folder.numbers()
        before = [number for number in numbers if 0 < number < published]
        old = before[: max(0, len(before) - keep)] + (
            [0] if 0 in numbers and not base else []
        )
        if not old:
            return
        with delivering(folder), _alone(folder.path):
            pinned = folder.pinned()
            for name in map(str, old):
                place = folder.path / name
                if name in pinned or any(within(path, place) for path in used):
                    continue
                mark = folder.mark(name)
                whole = mark is not None and self._unchanged(place, mark["files"])
                if (not whole or not folder.remove(name)) and place not in self._left:
                    self._left.add(place)
                    log.warning(
                        "%s is kept: some of its files are not as they were delivered",
                        place,
                    )


def _check_foreign(folder: PublishFolder, number: str) -> None:
    """Refuse to replace a folder that something was put into."""
    if folder.mark(number) is not None and (foreign := folder.foreign(number)):
        names = ", ".join(foreign[:5])
        raise Conflict(
            f"{number} has {names} in it, which govd did not write",
            where=str(folder.path),
            advice=ADVICE,
        )


def _put(folder: PublishFolder, part: str, number: str) -> None:
    """Put what was written in its place and point `current` at it; nobody may find `current`
    dangling meanwhile.
    """
    root = folder.path
    if os.path.lexists(root / number):  # another base under the same number, or damaged
        _point(folder, part)
        twin = _name(folder, number)
        shutil.copytree(root / part, root / twin, copy_function=os.link)
        if not folder.remove(number):
            raise Conflict(
                f"{number} has something in it that govd did not write",
                where=str(root),
                advice=ADVICE,
            )
        os.rename(root / twin, root / number)
    else:
        os.rename(root / part, root / number)
    _point(folder, number)


def _durable(place: Path) -> None:
    """Have the files of a folder on the disk before anything leads to them: a machine that stops
    must not leave empty ones there.
    """
    for path in (*place.iterdir(), place):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _name(folder: PublishFolder, of: str) -> str:
    return f".{of}.{folder.tag}.{secrets.token_hex(4)}"


def _point(folder: PublishFolder, name: str) -> None:
    folder.leads_to()  # somebody may have put something in its place meanwhile
    link = folder.path / _name(folder, CURRENT)
    link.symlink_to(name, target_is_directory=True)
    os.replace(link, folder.current)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While this lasts no other govd writes to a folder; where the file system has no such locks,
    what lies there is looked at all the same.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "another process is writing to it", where=str(path)
            ) from None
        except OSError:
            log.debug("%s cannot be locked", path)
        yield
    finally:
        os.close(handle)
