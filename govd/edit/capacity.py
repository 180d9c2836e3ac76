"""The capacity curve of a model: what forgetting more and more costs the answers that are to stay.

Measured once, when a model is registered, with the random forgets that predictions are calibrated
with (`govd.edit.calibration`), on pool pictures that neither their fit nor their prediction saw.
Each counts as far as it shows a label (`shown`), where that is known, as for bounds: answers about
other things change first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from govd.types import Json

GROUPS: Final = (1, 2, 6, 18, 54)
"""Numbers of forgets from which on a new point of the curve begins: even on a logarithmic axis."""


@dataclass(frozen=True, order=True)
class Load:
    """What some forgets together did: how many, the share of other answers that changed, how many
    pictures that was counted on.
    """

    forgets: int
    changed: float
    pictures: int

    @staticmethod
    def of(row: Sequence[float]) -> Load:
        """Read a row as it is kept."""
        forgets, changed, pictures = row
        return Load(int(forgets), float(changed), int(pictures))

    def as_row(self) -> list[Json]:
        """As it is kept."""
        return [self.forgets, round(self.changed, 6), self.pictures]


def changed_of(figures: Mapping[str, Json]) -> float | None:
    """What a curve is about, of a revision's data-free figures (`unlabelled`): the share of other
    answers that change, of pictures that show a label, where that is known. None: neither is.
    """
    changed = figures.get("shown_disagreement", figures.get("predicted_disagreement"))
    return None if changed is None else float(changed)


def curve(loads: Iterable[Load]) -> list[dict[str, Json]]:
    """Points with `forgets` (the mean of a group), `changed` (the median), `low` and `high` (the
    least and the most) and `draws`.
    """
    points: list[dict[str, Json]] = []
    ordered = sorted(loads)
    for least, next_ in zip(GROUPS, (*GROUPS[1:], 1 << 30), strict=True):
        group = [load for load in ordered if least <= load.forgets < next_]
        if not group:
            continue
        changed = np.array([load.changed for load in group])
        forgets = round(float(np.mean([load.forgets for load in group])), 1)
        low, middle, high = (float(np.quantile(changed, q)) for q in (0.0, 0.5, 1.0))
        points.append(
            {
                "forgets": forgets,
                "changed": middle,
                "low": low,
                "high": high,
                "draws": len(group),
            }
        )
    return points
