"""The steps by which a fit becomes certain, from cheap to certain."""

from __future__ import annotations

from collections.abc import Sized
from typing import NamedTuple

from govd.edit.constants import CELL_WEIGHTS, LEVELS, PAIRS, REWEIGHTED


class Step(NamedTuple):
    """How a column is fitted: from cheap to certain. `margin`: the place in `LEVELS`, −1 where
    pictures count alike.
    """

    beta: float
    w: float
    margin: int = -1


STEPS = tuple(Step(beta, w) for beta, w in PAIRS)
CELL_STEPS = tuple(Step(0.0, w) for w in CELL_WEIGHTS)
"""The same where a forget names domains."""
WEIGHTED_STEPS = (
    *(Step(0.0, REWEIGHTED, place) for place in range(len(LEVELS))),
    *STEPS[1:],
)
"""The same where pictures may be weighted one by one, which is cheaper: then those of `STEPS`."""


def steps_of(domains: Sized, weighted: bool = False) -> tuple[Step, ...]:
    """The list that a forget goes down.

    Args:
        domains: that it names.
        weighted: its pictures are weighted one by one.
    """
    if len(domains):
        return CELL_STEPS
    return WEIGHTED_STEPS if weighted else STEPS
