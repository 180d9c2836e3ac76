"""Options that several commands share, and the files that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from govd.errors import Usage

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
HomeOption = Annotated[Path | None, typer.Option("--home", help="The home (default: $GOVD_HOME, else the user's data folder).")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept in the ledger.")]
FormatOption = Annotated[str, typer.Option("--format", help="table, json, csv or ndjson.")]
ModelOption = Annotated[str, typer.Option("--model", help="The registered model.")]
OfModelOption = Annotated[str | None, typer.Option("--model", help="Only of this model.")]
RevisionOption = Annotated[int | None, typer.Option("--revision", help="This revision instead of the published one.")]
BaseOption = Annotated[bool, typer.Option("--base", help="Ask the unedited model.")]
KeyOption = Annotated[str | None, typer.Option("--idempotency-key", help="The same key files the same request once.")]
RequestArgument = Annotated[str, typer.Argument(metavar="ID", help="A request's id, or an unambiguous beginning of it.")]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="The registered model.")]
NumberArgument = Annotated[int, typer.Argument(metavar="N", help="A revision's number.")]


def split(text: str | None) -> list[str] | None:
    """`a,b` as a list."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def lines(path: Path | None, what: str) -> list[str] | None:
    """The lines of a file that are neither empty nor comments.

    Raises:
        Usage: it cannot be read.
    """
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise Usage(f"the {what} cannot be read ({fault})", where=str(path)) from None
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def absolute(path: Path | None) -> str | None:
    """A path as it is called from everywhere: a daemon works in another folder."""
    return str(path.absolute()) if path else None
