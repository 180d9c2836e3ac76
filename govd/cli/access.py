"""Who a command talks to: a running daemon over HTTP, else the home itself."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from govd.cli.progress import bar
from govd.errors import HomeLocked

if TYPE_CHECKING:
    from govd.service.api import Api
    from govd.types import Progress

T = TypeVar("T")
PATIENCE_SECONDS = 30.0
"""For which a command waits where another one works on the home, or a daemon is on its way up."""
TELLING_SECONDS = 1.0
"""After which it says so."""
LOOK_SECONDS = 0.1
"""Between two looks."""


def _tell(sentence: str) -> None:
    print(f"govd: {sentence}", file=sys.stderr)


@contextmanager
def opened(home: Path | None, create: bool = False) -> Iterator[Api]:
    """Daemon or home, with a progress bar on standard error while long work is done. `create`: the
    home may be made by this.

    Raises:
        Usage: there is no home. HomeLocked: another process works on it, and goes on.
    """
    with bar() as progress, access(home, progress, create) as api:
        yield api


def access(home: Path | None, progress: Progress, create: bool = False) -> Api:
    """The daemon at `$GOVD_URL`, the one that runs on the home, or the home itself.

    Raises:
        Usage: there is no home. HomeLocked: another process works on it, and goes on.
    """
    from govd.home.home import default_home

    url = os.environ.get("GOVD_URL")
    if url and home is None:
        from govd.client import connect

        return connect(url, os.environ.get("GOVD_TOKEN"))
    folder = home or default_home()
    return patiently(folder, lambda: _here(folder, progress, create))


def patiently(
    folder: Path, work: Callable[[], T], tell: Callable[[str], object] = _tell
) -> T:
    """Do something on a home, once whoever works on it has ended, if that is soon. `tell`: says
    that it waits.

    Raises:
        HomeLocked: another process works on it, and goes on.
    """
    began = time.monotonic()
    is_told = False
    while True:
        try:
            return work()
        except HomeLocked:
            waited = time.monotonic() - began
            if waited >= PATIENCE_SECONDS:
                raise
            if waited >= TELLING_SECONDS and not is_told:
                is_told = True
                tell(f"another command works on {folder}: waiting")
        time.sleep(LOOK_SECONDS)


def _here(folder: Path, progress: Progress, create: bool) -> Api:
    """The daemon that runs on a home, or the home itself."""
    from govd.home.home import announced, check_home

    running = announced(folder)
    if running:
        from govd.client import connect

        return connect(*running)
    from govd.cli.local import Local

    return Local(folder if create else check_home(folder), progress)
