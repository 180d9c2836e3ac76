"""How far predictions are off on a model: measured with random forgets on pool pictures that
neither fit nor prediction saw.

Split conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World",
2005, chapter 4): errors of predictions, in units of their own spread, of which the quantiles of
both ends are kept. An interval then covers what comes with the stated probability, over forgets
that are drawn alike, whatever the model and the method do. It covers figures by pseudo-label.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from govd.edit.capacity import Load
from govd.edit.tried import Tried
from govd.errors import BadFile
from govd.types import Figure, Json

FORMAT: Final = "govd-prediction-8"
OTHERWISE: Final = {
    FORMAT: (),
    "govd-prediction-7": ("loads",),
    "govd-prediction-6": ("loads",),
    "govd-prediction-5": ("elsewhere", "loads"),
    "govd-prediction-4": ("elsewhere", "loads"),
    "govd-prediction-3": ("elsewhere", "loads", "named"),
    "govd-prediction-2": ("elsewhere", "loads", "named", "worst_cell"),
    "govd-prediction-1": ("elsewhere", "loads", "named", "worst_cell", "worst_label"),
}
"""Formats that are read, and the figures and facts that meant something else then and are of no use
now.
"""
COVERED: Final = 0.9
"""Share of figures that an interval is to cover; what it misses is shared between its ends."""
ALIKE: Final = ("all", "shown")
"""Figures whose errors on a part of a pool are alike, since the same pictures are counted whatever
is forgotten: in which direction they go is that part's luck, so that an interval is as long in
both.
"""
APART: Final = 3
"""One part in so many of a pool is what predictions are compared with; the rest is what they are
made on. Each part has its turn, as far as there is time: single pictures of one part shift all
errors alike.
"""
BESIDE: Final = math.sqrt(1 + 1 / APART)
"""How much further a new draw strays from the mean of `APART` others than from the true one, in
standard deviations. Every interval is so much longer: a new part of a pool strays further from a
few than those did from each other.
"""
NAMED: Final[Mapping[str, str]] = {
    "concepts": "named",
    "cells": "named, cells",
    "domains": "named, domains",
}
"""What is left of a forget, by its paradigm: what holds of concepts says nothing of the others."""
WHOLE: Final[Mapping[str, str]] = {
    name: f"{name}, domains" for name in ("all", "shown", "worst_label", "worst_cell")
}
"""What whole domains cost: errors are larger where an edit asks for a domain first, and they are
few. Beside those of all other requests they can only make an interval longer.
"""
ELSEWHERE: Final = "elsewhere"
"""What the same labels lose in other domains than those that they are forgotten in."""
ROUNDING: Final = 1e-9
ENOUGH: Final = math.ceil(2 / (1 - COVERED) - ROUNDING) - 1
"""Fewest errors of a figure that an interval can be told from."""


@dataclass(frozen=True)
class Calibration:
    """Errors of each figure's predictions, `(measured − predicted) / spread`, smallest first;
    `pictures` that were predicted on as a share of what predictions are made on now.
    """

    errors: Mapping[str, Sequence[float]]
    pictures: float
    facts: Mapping[str, Json] = field(default_factory=dict)
    is_current: bool = True
    """It was measured as this version does."""

    @property
    def loads(self) -> list[Load]:
        """What more and more random forgets cost; empty where an older version measured."""
        return [Load.of(row) for row in self.facts.get("loads", ())]

    @property
    def tried(self) -> dict[str, Tried]:
        """What random forgets left, by its name in `NAMED`, and what random cells lost `elsewhere`;
        nothing of what too few were tried of, or an older version measured.
        """
        rows = {**self.facts.get("left", {}), ELSEWHERE: self.facts.get(ELSEWHERE)}
        return {name: Tried.of(row) for name, row in rows.items() if row}

    @property
    def is_enough(self) -> bool:
        """What all other answers cost can be told with an interval."""
        return len(self.errors.get("all", ())) >= ENOUGH

    def around(self, name: str, figure: Figure, *, whole: bool = False) -> Figure:
        """A figure with its interval, in which what chance alone may do has room, where the figure
        says it; without one where too few errors are known.

        `whole`: whole domains are among what is forgotten.
        """
        ends = _ends(self.errors.get(name, ()))
        if ends is None:
            return figure
        whole_errors = (
            self.errors.get(WHOLE[name], ()) if whole and name in WHOLE else ()
        )
        below, above = _beyond(ends, whole_errors, name in ALIKE)
        unit = BESIDE * unit_of(figure, self.pictures)
        low, high = figure.share - below * unit, figure.share + above * unit
        least, most = figure.by_chance or (figure.share, figure.share)
        return replace(
            figure,
            low=max(0.0, min(figure.share, low, least)),
            high=min(1.0, max(figure.share, high, most)),
        )

    def to_bytes(self) -> bytes:
        """As an artifact."""
        document = {
            "format": FORMAT,
            "errors": {name: list(e) for name, e in self.errors.items()},
            "pictures": self.pictures,
            "facts": dict(self.facts),
        }
        return json.dumps(document, sort_keys=True).encode()

    @staticmethod
    def from_bytes(data: bytes, where: str = "") -> Calibration:
        """Read what `to_bytes` wrote.

        Raises:
            BadFile: it is none.
        """
        try:
            document = json.loads(data)
            if document["format"] not in OTHERWISE:
                raise BadFile(
                    "errors of predictions in a format that this version does not read",
                    where=where,
                )
            errors = {
                str(name): [float(e) for e in listed]
                for name, listed in document["errors"].items()
                if name not in OTHERWISE[document["format"]]
            }
            facts = {
                name: fact
                for name, fact in document["facts"].items()
                if name not in OTHERWISE[document["format"]]
            }
            return Calibration(
                errors,
                float(document["pictures"]),
                facts,
                document["format"] == FORMAT,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise BadFile(
                "not the errors of predictions",
                where=where,
                advice="`govd model update NAME` measures them anew.",
            ) from fault


def unit_of(figure: Figure, pictures: float = 1.0) -> float:
    """What errors of a figure's prediction are told in: its own spread, or that of a share of so
    many times its pictures.
    """
    if figure.spread is not None:
        return figure.spread
    return spread(figure.share, figure.pictures * pictures)


def spread(share: float, pictures: float) -> float:
    """How far a share of so many pictures strays by chance: a binomial's standard deviation, with a
    picture added at either end.
    """
    few = 1.0 / max(1.0, pictures)
    return math.sqrt((share + few) * (1.0 - share + few) * few)


def _ends(errors: Sequence[float]) -> tuple[float, float] | None:
    """The errors between which the next one lies with probability `COVERED`; None where they are
    too few to say.
    """
    ordered = sorted(errors)
    tail = (1 - COVERED) / 2
    below = math.floor((len(ordered) + 1) * tail + ROUNDING)
    above = math.ceil((len(ordered) + 1) * (1 - tail) - ROUNDING)
    return (
        (ordered[below - 1], ordered[above - 1])
        if below >= 1 and above <= len(ordered)
        else None
    )


def _beyond(
    ends: tuple[float, float], whole: Sequence[float], alike: bool
) -> tuple[float, float]:
    """How far an interval goes below and above what is predicted, in units of its spread.

    Args:
        ends: of the errors of all requests.
        whole: errors of whole domains, where some are among what is forgotten: of few the
            outermost count.
        alike: in which direction errors go is luck.
    """
    if alike:
        sizes = sorted(abs(error) for error in whole)
        rank = math.ceil((len(sizes) + 1) * COVERED - ROUNDING)
        farthest = sizes[min(rank, len(sizes)) - 1] if sizes else 0.0
        farthest = max(-ends[0], ends[1], farthest)
        return farthest, farthest
    outer = _ends(whole) or (min(whole, default=0.0), max(whole, default=0.0))
    return max(0.0, -ends[0], -outer[0]), max(0.0, ends[1], outer[1])
