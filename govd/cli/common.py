"""What every command shares: options, the way results are printed, a progress bar for long work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govd.types import Json, Progress, silent

if TYPE_CHECKING:
    from govd.cli.access import Local
    from govd.client import Daemon

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
HomeOption = Annotated[Path | None, typer.Option("--home", help="The home (default: $GOVD_HOME, else the user's data folder).")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept in the ledger.")]


@contextmanager
def opened(home: Path | None) -> Iterator[Daemon | Local]:
    """Daemon or home, with a progress bar on standard error while long work is done."""
    from govd.cli.access import access

    with bar() as progress, access(home, progress) as found:
        yield found


@contextmanager
def bar() -> Iterator[Progress]:
    """A progress bar for people; nothing where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total)
            shown.update(tasks[what], completed=done, total=total)

        yield progress


def print_json(value: Json) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=float))


def put(value: Json, as_json: bool, human: Callable[[Any], None]) -> None:
    """Print a result for scripts or for people."""
    if as_json:
        print_json(value)
    else:
        human(value)
