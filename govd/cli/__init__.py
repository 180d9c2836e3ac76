"""The command line: thin, loads each command's work when it is asked for."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from govd.errors import GovdError

app = typer.Typer(
    name="govd", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="CLIP-like models that can forget."
)

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@app.callback()
def root() -> None:
    """CLIP-like models that can forget."""


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Versions, devices and plugins: what is wrong and what to do."""
    from govd.doctor import examine

    found = examine()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        from govd.cli.show import show_doctor

        show_doctor(found)
    if found["faults"]:
        raise typer.Exit(4)


def main() -> None:
    """The entry point: errors of govd become a message and their exit code; a bug is reported as one."""
    try:
        app()
    except GovdError as error:
        print(f"govd: {error.message}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
