"""A foreign checkpoint's files, tried in a process of its own before this one parses them: that one
can be ended.

A tokenizer may hold a regular expression that searches for years, or rules that make terabytes of a
text; a config may ask for a list of all integers. Such code runs within libraries that nobody can
interrupt. So another process reads those files first, within a limited time and memory; where it
comes through, this one does the same. What was tried is not tried again: files with the same
SHA-256 in this process, and those of a model that is registered. What ships with this package is
tried as little as the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from govd.errors import BadCheckpoint, MachineFault
from govd_clip.checkpoint import PICTURES, TOKENIZER, sha256
from govd_clip.child import Child
from govd_clip.headers import INDEX
from govd_clip.layouts import CONFIG, OPEN_CONFIG

WAIT_SECONDS = 120.0
"""By the clock: for the process to start and to import what it needs, a second of processor time,
and then for each file.
"""
FILE_SECONDS = 20
"""Of processor time for each file. A tokenizer with 250,000 tokens takes two; a machine that has
much else to do makes it no slower.
"""
MEMORY_BYTES = 3 * 2**30
"""Of address space; the imports take 160 MB of it."""
MODULE: Final = "govd_clip.trial_process"
PARSED: Final = (CONFIG, OPEN_CONFIG, *PICTURES, *TOKENIZER, INDEX)
"""The files that are parsed. Of weights only the headers are, which have bounds of their own."""
SHIPPED: Final = Path(__file__).resolve().parent / "mini"
ADVICE: Final = "Take this file from the original checkpoint."

_fine: set[frozenset[tuple[str, str]]] = set()


class Trial:
    """The trial of one checkpoint, begun when it is made, so that this process can do something
    else meanwhile.

    `registered`: the files of the model that is registered from this folder, with their SHA-256.
    """

    def __init__(self, folder: Path, registered: Mapping[str, str]) -> None:
        self.folder = folder
        self.files = digests(folder)
        digest_of = {
            name: digest for name, digest in registered.items() if name in PARSED
        }
        self._is_known = (
            self.files == digest_of
            or frozenset(self.files.items()) in _fine
            or folder.resolve() == SHIPPED
        )
        limits = (str(MEMORY_BYTES), str(FILE_SECONDS))
        self._process = (
            None if self._is_known else Child(MODULE, (str(folder), *limits))
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.end()

    def wait(self) -> None:
        """Until it is over.

        Raises:
            BadCheckpoint: a file is broken, or cannot be read within the time and memory that there
            are. MachineFault: the process did not start.
        """
        if self._process is None:
            return
        place = ""
        while (answer := self._process.answer(WAIT_SECONDS)) is not None:
            if "fault" in answer:
                if answer["fault"] is not None:
                    raise _told(answer["fault"])
                _fine.add(frozenset(self.files.items()))
                return
            place = str(answer["where"])
        raise self._unanswered(place)

    def check(self, files: Mapping[str, str]) -> None:
        """That what is opened now is what was tried. `files`: the checkpoint's files with their
        SHA-256.

        Raises:
            BadCheckpoint: a file was changed meanwhile.
        """
        for name in PARSED:
            if name in files and files[name] != self.files.get(name):
                place = str(self.folder / name)
                raise BadCheckpoint(
                    "was changed while the checkpoint was opened",
                    where=place,
                    advice="Try again.",
                )

    def _unanswered(self, where: str) -> BadCheckpoint | MachineFault:
        """Why the process said nothing more, after it had begun with the file `where`."""
        assert self._process is not None
        ending = self._process.ending() or f"not within {WAIT_SECONDS:g} s"
        if not where:
            reason = (
                f"the process that tries a checkpoint's files does not start ({ending})"
            )
            return MachineFault(
                reason,
                where=str(self.folder),
                advice="Look whether this machine has memory and processes left; try again.",
            )
        if ending.startswith("SIGXCPU"):
            reason = f"takes more than {FILE_SECONDS} s of processor time to be read and tried"
        elif ending.startswith("SIG"):
            reason = (
                f"ends the process that reads it ({ending}), as what needs more than"
                f" {MEMORY_BYTES / 2**30:g} GiB of memory does"
            )
        else:
            reason = f"cannot be read and tried ({ending})"
        return BadCheckpoint(reason, where=where, advice=ADVICE)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files that are parsed, by name.

    Raises:
        BadCheckpoint: one cannot be read.
    """
    files = {}
    for path in (folder / name for name in PARSED):
        if path.exists():
            try:
                files[path.name] = sha256(path)
            except OSError as fault:
                reason = f"cannot be read ({fault.strerror or fault})"
                raise BadCheckpoint(
                    reason, where=str(path), advice="Give the right to read it."
                ) from None
    return files


def _told(fault: Mapping[str, Any]) -> BadCheckpoint:
    """The error that the other process raised."""
    return BadCheckpoint(
        fault["what"],
        where=fault["where"],
        advice=fault.get("advice") or ADVICE,
        **fault.get("details", {}),
    )
