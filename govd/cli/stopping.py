"""A command that somebody stops: by Ctrl-C, by `kill`, by closing its terminal. What it had open is
closed, what it had for itself in a temporary folder is taken away, and what follows is told.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
"""Beside SIGINT."""
INTERRUPTED: Final = 128 + signal.SIGINT
TOLD: Final = (
    "stopped, and nothing is half done. What was filed goes on with the next command on this home,"
    " with `govd reconcile`, or in its daemon; anything else is to be asked again."
)


def prepare() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt`, and signals that would end the process at once end it
    as Ctrl-C does; a second one ends it at once. What somebody ignores (`nohup`) stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def is_stopped(code: object) -> bool:
    """Whether this is the exit code of a command that was stopped."""
    return code in (INTERRUPTED, *(128 + number for number in SIGNALS))


def leave(code: int) -> NoReturn:
    """End the process at once with an exit code, when all it had open is closed: threads that still
    compute for nobody would be ended within their libraries, which abort it then.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _stop(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(128 + number)
