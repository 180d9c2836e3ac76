"""`govd` and `python -m govd`: the command line, and Ctrl-C while that is not there yet."""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line. Ctrl-C before it is loaded, and after a command has ended, ends the
    process at once: there is nothing to tell and nothing open.
    """
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, _leave)
    from govd.cli import main as run  # takes a third of a second

    try:
        run()
    finally:
        if is_heard:
            signal.signal(signal.SIGINT, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    main()
