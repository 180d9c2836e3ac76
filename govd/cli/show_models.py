"""Models that were taken out of service, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from govd.cli.tables import console, count, escape

if TYPE_CHECKING:
    from govd.types import Json


def show_removed(model: Mapping[str, Json]) -> None:
    """A model that was taken out of service: what became of its forgets, its name and its
    folder.
    """
    out, name = console(), escape(model["name"])
    if model["state"] == "retired":
        kept = count(len(model["requests"]), "forget")
        out.print(
            f"[bold]{name}[/] is retired, with {kept} in force: they keep their states, and nothing"
            " was published back."
        )
        out.print(
            "  Nothing answers for it any more, and its name is not used again; `govd audit`"
            " answers about it as before."
        )
    else:
        out.print(f"[bold]{name}[/] is taken out of service; its entries stay.")
    if model["current_removed"]:
        out.print(
            f"  {escape(model['publish_to'])}/current is taken away: a server that follows it finds"
            " nothing there."
        )
    if model["published"]:
        kept = ", ".join(model["published"][:10])
        left = f"revisions {kept} are" if model["published"][1:] else f"revision {kept} is"
        out.print(
            f"  {escape(model['publish_to'])}: {left} left (with --delete-published nothing would"
            " be)."
        )
    if model["left"]:
        out.print(
            f"  Something that govd did not write lies in {', '.join(model['left'])}: left as they"
            " are."
        )


def show_retired(models: list[Mapping[str, Json]]) -> None:
    """Models that were retired, a line each."""
    for model in models:
        kept = count(model["in_force"] + model["subsumed"], "forget")
        why = f": {escape(model['reason'])}" if model["reason"] else ""
        console().print(
            f"[dim]{escape(model['name'])} was retired on {model['at'][:10]} with {kept} in"
            f" force{why}[/]"
        )
