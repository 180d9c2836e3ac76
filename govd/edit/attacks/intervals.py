"""Intervals of what attacks attain: exact for shares, Newcombe's for areas under a curve. Standard
library and NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from govd.edit.outcomes import LEVEL

OUTSIDE: Final = (1 - LEVEL) / 2
"""How often a value lies beyond one end of its interval."""
HALVINGS: Final = 50
"""Of an interval's end, which is then exact to the last bit of a double."""


def share_interval(count: int, total: int) -> tuple[float, float]:
    """The interval at `LEVEL` of a share of `count` in `total`, exact (Clopper and Pearson,
    Biometrika 26, 1934); (0, 1) of nothing.
    """
    if total == 0:
        return 0.0, 1.0
    low = (
        0.0 if count == 0 else _crossing(lambda p: _at_least(count, total, p) - OUTSIDE)
    )
    high = (
        1.0
        if count == total
        else _crossing(lambda p: OUTSIDE - (1 - _at_least(count + 1, total, p)))
    )
    return low, high


def area_interval(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """The interval at `LEVEL` of an AUC of `positives` against `negatives`; (0, 1) where either is
    none.

    All θ with `|area − θ| ≤ z √V(θ)`, so that its ends stay within 0 and 1 and an area of exactly 1
    has a width, too (method 5 of Newcombe, "Confidence intervals for an effect size measure based
    on the Mann–Whitney statistic", part 2, Statistics in Medicine 25, 2006). At θ = ½ V is the
    variance of the Mann–Whitney statistic under no difference.
    """
    if not positives or not negatives:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(1 - OUTSIDE)
    extra = (positives + negatives) / 2 - 1

    def spread(theta: float) -> float:
        shape = 1 + extra * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return z * math.sqrt(theta * (1 - theta) * shape / (positives * negatives))

    low = (
        _crossing(lambda theta: theta + spread(theta) - area, 0.0, area)
        if area > 0
        else 0.0
    )
    high = (
        _crossing(lambda theta: theta - spread(theta) - area, area, 1.0)
        if area < 1
        else 1.0
    )
    return low, high


def _crossing(
    rises: Callable[[float], float], low: float = 0.0, high: float = 1.0
) -> float:
    """Where a function that is below 0 at `low` and not at `high` crosses."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if rises(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_least(count: int, total: int, p: float) -> float:
    """P(X ≥ count) of a binomial."""
    if p <= 0 or p >= 1:
        return float(p >= 1 or count == 0)
    k = np.arange(count, total + 1)
    logs = _choices(total)[count:] + k * math.log(p) + (total - k) * math.log1p(-p)
    return float(min(1.0, np.exp(logs).sum()))


@lru_cache(64)
def _choices(total: int) -> Any:
    """Logarithms of the binomial coefficients of `total`, `(total + 1,)`."""
    factorial = np.array([math.lgamma(k + 1) for k in range(total + 1)])
    return factorial[-1] - factorial - factorial[::-1]
