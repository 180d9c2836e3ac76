"""The capacity curve in a line: what random forgets of a model cost, and where it is among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from govd.cli.tables import share

if TYPE_CHECKING:
    from govd.types import Json

MARKS: Final = {"here": "now", "then": "with this"}


def of_others(curve: Mapping[str, Json]) -> str:
    """Which answers a curve counts, in words."""
    if curve["of"] == "shown":
        return "other answers that change, of pictures that show a label"
    return "all other answers that change"


def capacity_line(curve: Mapping[str, Json]) -> str:
    """Numbers of forgets, each with the share of other answers that changes; where the model is, or
    would be, stands among them.
    """
    rows = [
        (point["forgets"], 0, f"{point['forgets']:.0f}: {share(point['changed'])}")
        for point in curve["points"]
    ]
    for name, words in MARKS.items():
        place = curve.get(name)
        if place is not None and place["changed"] is not None:
            rows.append(
                (
                    place["forgets"],
                    1,
                    f"[bold]{words} {place['forgets']}: {share(place['changed'])}[/]",
                )
            )
    return " · ".join(text for _, _, text in sorted(rows))
