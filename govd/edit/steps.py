"""The steps by which a fit becomes certain, from cheap to certain."""

from __future__ import annotations

from collections.abc import Sized
from typing import NamedTuple

REWEIGHTED = 30.0
"""The weight w of retained pictures where those of a class are weighted one by one. It matters
little: what is nearest to being named grows until it is heard (10 to 300 gave the same tables on
Caltech-101 and Oxford Pets).
"""
LEVELS = (1.0, 1.25, 1.5, 2.0)
"""Margins that pictures are to be away from being named, in units of `PoolFit.unit`."""
ALONE = len(LEVELS)
"""The first of `WEIGHTED_STEPS` that a forget alone is tried with, (0, 3), where pictures count
alike: it is chosen on a few dozens of pictures of a pool, whose like the next ones need not be. On
`mini`'s calibration drawings, which other vendors drew than its pool, the same with w = 10 leaves
12 of 408 named, this one 1, the next none.
"""


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
