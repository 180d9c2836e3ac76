"""How many other answers a forget was predicted to change, and the interval of what was measured,
as a report shows them beside each other.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from govd.edit.outcomes import LEVEL, RESAMPLED
from govd.types import Json, Record

SEED: Final = 0


def foretold(predicted: Record) -> dict[str, Json] | None:
    """How many other answers a forget was predicted to change when it was filed, with its interval
    where there is one: `of` pictures that show a label (`shown`), as labelled ones do and as
    bounds look at it, with `all` beside it; of `all` where the other is not known.
    """
    if predicted.get("disagreement") is None:
        return None
    costs = predicted.get("costs") or {}
    of_all = _with_interval(
        {"share": predicted["disagreement"], **costs.get("all", {})}
    )
    if "shown" not in costs:
        return {**of_all, "of": "all", "all": of_all}
    return {**_with_interval(costs["shown"]), "of": "shown", "all": of_all}


def _with_interval(figure: Record) -> dict[str, Json]:
    """A predicted share with its interval, where there is one."""
    low = figure.get("low")
    high = figure.get("high")
    interval = None if low is None or high is None else [low, high]
    return {"share": figure["share"], "interval": interval}


def interval(count: int, total: int) -> list[float]:
    """The bootstrap interval of a share; where no picture, or each, is counted, its open end is the
    exact binomial bound.
    """
    if not total:
        return [0.0, 1.0]
    bound = 1 - ((1 - LEVEL) / 2) ** (1 / total)
    if count in (0, total):
        return [0.0, bound] if not count else [1 - bound, 1.0]
    drawn = (
        np.random.default_rng(SEED).binomial(total, count / total, RESAMPLED) / total
    )
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]
