"""Warnings about a forget's targets, for people: of one that is not reached, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from govd.cli.tables import escape, share

if TYPE_CHECKING:
    from govd.types import Json

MODES: Final = ("hard", "soft")
"""How an edit may hold the labels; a target is solved for each."""


def target_lines(predicted: Mapping[str, Json]) -> Iterator[str]:
    """Warnings of a prediction's targets, and how far those got that are not reached."""
    for term in predicted.get("targets") or ():
        warnings = [term["warning"]] if term.get("warning") else []
        for words in (*warnings, *_unreached(term, predicted)):
            yield f"[yellow]{escape(term['about'])}: {escape(words)}[/]"


def _unreached(
    term: Mapping[str, Json], predicted: Mapping[str, Json]
) -> Iterator[str]:
    """In words that a target is not reached, where the labels are held as the edit holds them; of a
    conditional edit by the linear one, which a checkpoint gets.
    """
    anchors = predicted.get("anchors")
    mode = next((m for m in MODES if m == anchors and f"alpha_{m}" in term), None)
    if mode is None:
        mode = next((m for m in MODES if f"alpha_{m}" in term), MODES[0])
    prefix = "in a checkpoint " if predicted.get("checkpoint") else ""
    if term.get(f"target_reached_{mode}") is False:
        yield (
            f"{prefix}the target, that its pictures keep their answer no more often than by chance,"
            f" is not reached: {share(term[f'kept_inside_{mode}'])} of them keep it at strength 1"
            f" ({term.get('strength_from', 'the pictures that it was solved on')}). Nearer to it"
            " too many answers in other domains would change, of which"
            f" {share(term[f'kept_elsewhere_{mode}'])} stay"
        )
    remainder = term.get(f"named_{mode}")
    if remainder is None:
        return
    from govd.edit.constants import UNNAMED  # which loads NumPy

    if remainder > UNNAMED:
        yield (
            f"{prefix}the target, that at most {share(UNNAMED)} of its pictures are still named so,"
            f" is not reached: {share(remainder)} are at strength 1"
        )
