"""Options that several commands share, and the files that they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from govd.errors import BadFile, Usage
from govd.models.phrases import Listing, listing, text_of

TOLD = 20
"""Lines that were left out of a file and are told one by one."""
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output.")
]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="The home (default: $GOVD_HOME, else the user's data folder)."
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; it is kept in the ledger.")
]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help=(
            "table (for people), json (one document), csv (for spreadsheets) or ndjson (a line a"
            " record)."
        ),
    ),
]
ModelOption = Annotated[str, typer.Option("--model", help="The registered model.")]
OfModelOption = Annotated[
    str | None, typer.Option("--model", help="Only of this model.")
]
RevisionOption = Annotated[
    int | None,
    typer.Option("--revision", help="This revision instead of the published one."),
]
BaseOption = Annotated[bool, typer.Option("--base", help="Ask the unedited model.")]
KeyOption = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="The same key files the same request once."),
]
RequestArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A request's id, or an unambiguous beginning of it."
    ),
]
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="The registered model.")
]
NumberArgument = Annotated[
    int, typer.Argument(metavar="N", help="A revision's number.")
]


def split(text: str | None) -> list[str] | None:
    """`a,b` as a list."""
    return (
        None
        if text is None
        else [part.strip() for part in text.split(",") if part.strip()]
    )


def names_of(path: Path | None, what: str) -> Listing | None:
    """The names in a text file, one a line; what is left out of it is told on standard error.

    Raises:
        Usage: there is no such file. BadFile: it is no text.
    """
    if path is None:
        return None
    try:
        names = listing(path)
    except BadFile as fault:
        wrong = BadFile if path.is_file() else Usage
        raise wrong(
            f"the {what} {fault.what}", where=fault.where, advice=fault.advice
        ) from None
    left_out = [
        f"line {number} is a comment ({text[:40]})"
        for number, text in names.comments[:TOLD]
    ]
    more = len(names.comments) - TOLD
    left_out += [f"{more} more comments"] if more > 0 else []
    left_out += (
        [f"{names.blank} blank line{'s' if names.blank > 1 else ''}"]
        if names.blank
        else []
    )
    if left_out:
        typer.echo(f"{path}: left out: {'; '.join(left_out)}", err=True)
    return names


def lines(path: Path | None, what: str) -> list[str] | None:
    """The names in a text file; see `names_of`."""
    names = names_of(path, what)
    return None if names is None else list(names.names)


def other_words(path: Path | None) -> dict[str, Any]:
    """Other words for labels from a JSON file, `{label: [word]}` or `{label: {language: [word]}}`;
    none where there is no file.

    Raises:
        BadFile: it is no such file.
    """
    if path is None:
        return {}
    advice = 'It is {"label": ["word", …]} or {"label": {"language": ["word", …]}}.'
    try:
        words = json.loads(text_of(path))
    except ValueError as fault:
        raise BadFile(f"no JSON ({fault})", where=str(path), advice=advice) from None
    lists = list(words.values()) if isinstance(words, dict) else [None]
    flat = [
        listed
        for listing in lists
        for listed in (listing.values() if isinstance(listing, dict) else [listing])
    ]
    if not all(
        isinstance(listed, list) and all(isinstance(word, str) for word in listed)
        for listed in flat
    ):
        raise BadFile("no lists of words by label", where=str(path), advice=advice)
    return words  # type: ignore[no-any-return]


def absolute(path: Path | None) -> str | None:
    """A path as it is called from everywhere: a daemon works in another folder."""
    return str(path.absolute()) if path else None


def absolute_reference(reference: str) -> str:
    """The same of a model's reference, where it names a file or folder of this machine; a backend's
    own may stand in front of its path (`delta:`) and something behind it (`#JOB`).
    """
    whole = Path(reference).expanduser()
    if whole.exists():
        return str(whole.absolute())
    before, colon, rest = reference.rpartition(":")
    name, mark, job = rest.partition("#")
    path = Path(name).expanduser()
    if not name or not path.exists():
        return reference
    return f"{before}{colon}{path.absolute()}{mark}{job}"
