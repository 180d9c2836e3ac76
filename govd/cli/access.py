"""Who a command talks to: a running daemon over HTTP, else the home itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from govd.cli.progress import bar

if TYPE_CHECKING:
    from govd.service.api import Api
    from govd.types import Progress


@contextmanager
def opened(home: Path | None, create: bool = False) -> Iterator[Api]:
    """Daemon or home, with a progress bar on standard error while long work is done. `create`: the
    home may be made by this.

    Raises:
        Usage: there is no home. HomeLocked: another process works on it.
    """
    with bar() as progress, access(home, progress, create) as api:
        yield api


def access(home: Path | None, progress: Progress, create: bool = False) -> Api:
    """The daemon at `$GOVD_URL`, the one that runs on the home, or the home itself."""
    from govd.home.home import announced, check_home, default_home

    url = os.environ.get("GOVD_URL")
    if url and home is None:
        from govd.client import connect

        return connect(url, os.environ.get("GOVD_TOKEN"))
    folder = home or default_home()
    running = announced(folder)
    if running:
        from govd.client import connect

        return connect(*running)
    from govd.cli.local import Local

    return Local(folder if create else check_home(folder), progress)
