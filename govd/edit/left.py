"""What may be left of a forget on other pictures than the few that it was counted on.

Most forgets leave nothing, so that errors of predictions say little of those that leave something.
The share that is left is taken as drawn of a Beta distribution, that of random forgets on pictures
that nothing was fitted on (`Tried`), to which a forget's own pictures are added; what is then left
on other pictures is beta-binomial (Gelman et al., "Bayesian Data Analysis", 2013, chapter 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from govd.edit.attacks.intervals import share_interval
from govd.edit.calibration import ENOUGH, NAMED
from govd.edit.elsewhere import distribution_of
from govd.edit.tried import Tried
from govd.edit.worst import judged_of, largest
from govd.types import Figure

POSITIVE: Final = 1e-9
"""A parameter of a Beta distribution is not below."""


def left_by(measured: Sequence[tuple[str, Figure]]) -> dict[str, Tried]:
    """What random forgets left, by its name in `NAMED`; none where they are too few.

    Args:
        measured: of each forget the name, and its share on pictures that nothing was fitted on.
    """
    by_name = {
        name: [figure for kind, figure in measured if kind == name]
        for name in NAMED.values()
    }
    return {
        name: distribution_of(figures)
        for name, figures in by_name.items()
        if len(figures) >= ENOUGH
    }


def with_chance(name: str, figure: Figure, tried: Mapping[str, Tried]) -> Figure:
    """What is left of a forget, with the ends between which chance alone puts it.

    Args:
        name: of the figure in `NAMED`.
        tried: what random forgets left; without it, what the pictures themselves say: nothing of
            what is not seen on any.
    """
    count = round(figure.share * figure.pictures)
    ends = share_interval(count, figure.pictures) if count else (0.0, 0.0)
    distribution = tried.get(name)
    if distribution is not None:
        foretold = _foretold(count, figure.pictures, distribution)
        ends = min(ends[0], foretold[0]), max(ends[1], foretold[1])
    return replace(figure, by_chance=ends)


def _foretold(count: int, pictures: int, tried: Tried) -> tuple[float, float]:
    shape = (
        tried.share * tried.weight + count,
        (1.0 - tried.share) * tried.weight + pictures - count,
    )
    lose, stay = (np.array([max(POSITIVE, parameter)]) for parameter in shape)
    judged, _ = judged_of(np.array([pictures]))
    return largest(lose, stay, judged).ends
