"""Of which pictures a preview tells its figures, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from govd.cli.tables import count, escape

if TYPE_CHECKING:
    from govd.types import Json

TOLD_APART: Final = 0.5
"""A domain's pictures that are taken for it less others that are, as shares: half way from luck to
certainty.
"""


def of_pool(effect: Mapping[str, Json]) -> str:
    """Of how many pictures of the pool an effect is told."""
    alike = _shown(effect, "looks like it to the model", "look like it to the model")
    return f"of {alike}, among {escape(effect['on'])}"


def of_labelled(effect: Mapping[str, Json]) -> str:
    """Of how many labelled pictures it is."""
    alike = _shown(effect, "shows it", "show it")
    return f"of {alike}, by the labels of the evaluation set"


def _shown(effect: Mapping[str, Json], one: str, several: str) -> str:
    pictures = count(effect["pictures"], "picture")
    if effect["what"] == "domains":
        return f"{pictures} in it"
    return f"{pictures} that {one if effect['pictures'] == 1 else several}"


def told_apart(row: Mapping[str, Json]) -> str:
    """How many labelled pictures of a domain, and of others, a model takes for it."""
    line = (
        f"of {row['pictures']} labelled pictures in {escape(row['domain'])} {row['taken']} are"
        f" taken for it, of {row['others']} others {row['others_taken']}"
    )
    right = row["taken"] / row["pictures"] - row["others_taken"] / row["others"]
    if right >= TOLD_APART:
        return line
    return (
        f"[yellow]{line}: it is told apart badly, and what is counted on the pool is about other"
        " pictures[/]"
    )


def found_by_word(search: Mapping[str, Json]) -> str:
    """How well a word finds its pictures, which targets beside `unnamed` are about."""
    return (
        f"its word finds {count(search['pictures'], 'labelled picture')} among all others with AUC"
        f" {search['before']:.2f} → {search['after']:.2f} (0.5: no better than any)"
    )


def worth(figure: Mapping[str, Json]) -> str:
    """Of how many equal pictures weighted ones are worth."""
    return f", worth {count(figure['pictures'], 'picture')}"
