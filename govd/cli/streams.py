"""Standard streams as they are wherever govd is started: closed, of an encoding that has not every
letter, or on a pipe whose reader has seen enough.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Final

READER_GONE: Final = 141
"""What a shell says of a program whose output nobody reads any more: 128 + SIGPIPE."""
SHOWN_AS: Final = "backslashreplace"
"""How a letter is shown that the encoding has not."""


def prepare() -> None:
    """A stream where one was closed (`>&-`), and one that can show every text, if by numbers."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 - open as long as the process
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=SHOWN_AS)


def speak_utf8() -> None:
    """Standard output in UTF-8, whatever the terminal has: JSON, CSV and NDJSON are the same bytes
    everywhere. What is no letter at all becomes a `\\u` escape, as JSON has it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors=SHOWN_AS)


def reader_is_gone() -> bool:
    """Whether a command ended since nobody reads standard output: Typer and Rich exit with 1 then,
    which would be a negative answer, and put a stream or a device that swallows the rest in its
    place.
    """
    replaced = type(sys.stdout).__name__ == "PacifyFlushWrapper"
    return replaced or (_leads_nowhere() and not _led_nowhere)


def _leads_nowhere() -> bool:
    try:
        return os.fstat(1).st_rdev == os.stat(os.devnull).st_rdev
    except OSError:  # closed
        return True


_led_nowhere = _leads_nowhere()
