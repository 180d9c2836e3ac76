"""`govd rank`: pictures by how well they fit a text, or texts by how well they fit a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govd.cli.access import opened
from govd.cli.options import (
    BaseOption,
    HomeOption,
    JsonOption,
    ModelArgument,
    RevisionOption,
)
from govd.cli.output import put

if TYPE_CHECKING:
    from govd.types import Json


def rank(
    model: ModelArgument,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE…",
            help="Picture files, or .npy of unedited image vectors (n, d).",
        ),
    ],
    texts: Annotated[
        list[str],
        typer.Option("--text", help="A text, as it is; may be said several times."),
    ],
    by: Annotated[
        str,
        typer.Option(
            help="text: each text ranks the pictures; image: each picture the texts."
        ),
    ] = "text",
    top: Annotated[
        int | None, typer.Option(min=1, help="So many of each ranking.")
    ] = None,
    revision: RevisionOption = None,
    base: BaseOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What fits best, by the published revision. Exit 1 where a picture cannot be read."""
    with opened(home) as api:
        ranked = api.rank(
            model, texts, [str(i) for i in images], by, top, revision, base
        )
    put(ranked, as_json, show_rankings)
    if ranked["unread"]:
        raise typer.Exit(1)


def show_rankings(ranked: Mapping[str, Json]) -> None:
    """Rankings, best first."""
    from govd.cli.tables import console, escape

    out = console()
    for ranking in ranked["rankings"]:
        asks = ranking["text"] if ranked["by"] == "text" else ranking["path"]
        out.print(f"[bold]{escape(asks)}[/]  (revision {ranked['revision'] or 'base'})")
        for place in ranking["ranking"]:
            name = place.get("path") or place.get("text")
            out.print(f"  {place['score']:.3f}  {escape(str(name))}")
    for picture in ranked["unread"]:
        out.print(
            f"{escape(picture['path'])}  [red]not read: {escape(picture['error'])}[/]"
        )
