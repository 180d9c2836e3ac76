"""The steps by which a fit becomes certain, from cheap to certain."""

from __future__ import annotations

from collections.abc import Sized
from typing import NamedTuple

from govd.edit.constants import LEVELS, REWEIGHTED


class Step(NamedTuple):
    """How a column is fitted: from cheap to certain. `margin`: the place in `LEVELS`, −1 where
    pictures count alike.
    """

    beta: float
    w: float
    margin: int = -1


STEPS = (
    Step(0.0, 10.0),
    Step(0.0, 3.0),
    Step(0.0, 1.0),
    Step(0.25, 1.0),
    Step(0.25, 0.3),
    Step(0.5, 0.3),
    Step(0.75, 0.3),
    Step(1.0, 0.0),
)
CELL_STEPS = (
    Step(0.0, 10.0),
    Step(0.0, 3.0),
    Step(0.0, 1.0),
    Step(0.0, 0.3),
    Step(0.0, 0.1),
)
"""The same where a forget names domains: β is none, since it reaches into all of them."""


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
