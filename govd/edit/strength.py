"""How strong a forget must be: the smallest α that reaches its target, solved on images for this
forget alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.constants import (
    AVERAGE,
    CHANCE,
    ELSEWHERE,
    FAINT,
    FIRST_STRENGTH,
    GRIDDED,
    GUESSED,
    HALVINGS,
    MOST_STRENGTH,
    SAFETY,
    SMALLEST,
    TIE,
    UNNAMED,
)
from govd.types import Floats, Json


def unnamed(
    images: Floats, hit: Floats, removal: Floats, own: Floats, others: Floats
) -> tuple[float, dict[str, Json]]:
    """The smallest α at which at most `UNNAMED` of the images `(n, d)` score an own phrase `(p, d)`
    above all others `(m, d)`.

    `hit` `(n,)` is `xᵀu`, `removal` `(d, 1)`. Normalising the image changes no order among texts,
    so plain scores decide.
    """
    own_scores = exact.matmul(images, own.T)
    other_scores = exact.matmul(images, others.T)
    own_loss = exact.matmul(own, removal).T
    other_loss = exact.matmul(others, removal).T
    reach = np.maximum(hit, FAINT)[:, None]

    def share(alpha: float) -> float:
        own_after = own_scores - alpha * reach * own_loss
        others_after = other_scores - alpha * reach * other_loss
        is_named = own_after.max(1) > others_after.max(1)
        return float(np.count_nonzero(is_named)) / len(images)

    alpha, _ = smallest(share, UNNAMED)
    return SAFETY * alpha, {"named": share(SAFETY * alpha)}


@dataclass(frozen=True)
class _Ranked:
    """How a text ranks images while a removal takes from them: `xᵀu`, `xᵀr`, `xᵀt` `(n,)`, `rᵀt`
    and `rᵀr`.
    """

    hit: Floats
    cross: Floats
    score: Floats
    loss: float
    size: float

    @staticmethod
    def of(images: Floats, hit: Floats, removal: Floats, text: Floats) -> _Ranked:
        column = text[:, None]
        cross = exact.matmul(images, removal)[:, 0]
        score = exact.matmul(images, column)[:, 0]
        loss = float(exact.matmul(removal.T, column)[0, 0])
        size = float(exact.squares(removal.T)[0])
        return _Ranked(hit, cross, score, loss, size)

    def after(self, alpha: float) -> Floats:
        """Cosines `(n,)` of the text with the images `x − α (xᵀu) r`."""
        hit = self.hit
        along = 2 * alpha * hit * self.cross
        across = alpha * alpha * hit * hit * self.size
        length = np.sqrt(np.maximum(1 - along + across, SMALLEST))
        cosines: Floats = (self.score - alpha * hit * self.loss) / length
        return cosines


def level(
    images: Floats, hit: Floats, own: Any, among: Any, removal: Floats, text: Floats
) -> tuple[float, dict[str, Json]]:
    """The smallest α at which the text `(d,)` ranks its `own` images (a mask) no higher than those
    they are `among`: AUC 0.5.

    Args:
        images: `(n, d)`, unit.
        hit: `(n,)`, `xᵀu`: how much the detector sees of each.
        own: `(n,)`, a mask.
        among: `(n,)`, a mask.
        removal: `(d, 1)`.
        text: `(d,)`.
    """
    ranked = _Ranked.of(images, hit, removal, text)

    def area(alpha: float) -> float:
        after = ranked.after(alpha)
        return auc(after[own], after[among])

    alpha, area_after = smallest(area, 0.5)
    return alpha, {"auc": area_after}


def softly_level(
    images: Floats,
    hit: Floats,
    likely: Floats,
    removal: Floats,
    text: Floats,
    given: int = 0,
) -> tuple[float, dict[str, Json]]:
    """As `level`, where pictures `(n,)` show the concept with a likelihood between 0 and 1. Where
    they are few in all, α is drawn to 1, at which the text scores what an average anchor does.

    Args:
        images: `(n, d)`, unit.
        hit: `(n,)`, `xᵀu`.
        likely: `(n,)`, from 0 to 1.
        removal: `(d, 1)`.
        text: `(d,)`.
        given: how many of the last pictures somebody gave, with likelihood 1.
    """
    ranked = _Ranked.of(images, hit, removal, text)
    guessed = float(likely[: len(likely) - given].sum())
    weights = likely.copy()
    weights[len(likely) - given :] = max(1.0, guessed / GUESSED)

    def area(alpha: float) -> float:
        return soft_auc(ranked.after(alpha), weights, 1.0 - likely)

    alpha, _ = smallest(area, 0.5)
    evidence = float(weights.sum()) ** 2
    alpha = (evidence * alpha + AVERAGE**2) / (evidence + AVERAGE**2)
    return alpha, {"auc": area(alpha)}


def soft_auc(scores: Floats, likely: Floats, unlikely: Floats | None = None) -> float:
    """P(a picture that shows it scores above one that does not), each `(n,)` with its likelihood,
    or any weight, of either (`1 − likely`, where only one is said); 0.5 where there are none of a
    kind.
    """
    order = np.argsort(scores, kind="stable")
    positives = likely[order]
    rest = (1.0 - likely if unlikely is None else unlikely)[order]
    below = np.cumsum(rest) - rest / 2
    total = float(positives.sum()) * float(rest.sum())
    return float((positives * below).sum()) / total if total > 0 else 0.5


def scattered(
    images: Floats,
    inside: Any,
    hit: Floats,
    removal: Floats,
    labels: Floats,
    sinks: int,
) -> tuple[float, dict[str, Json]]:
    """The smallest α at which images in the domain keep the best of the labels `(m, d)` no more
    often than chance leaves it.

    `inside` is a mask, `hit` `(n, 1)` is `xᵀσ`, `removal` `(d, 1)`; chance is `CHANCE`/m, and what
    the `sinks` keep of their own. No more than what leaves `ELSEWHERE` of the answers outside as
    they were; `target_reached` says whether that was enough.
    """
    scores = exact.matmul(images, labels.T)
    change = hit * exact.matmul(labels, removal).T
    before = scores.argmax(1)

    def kept(alpha: float, where: Any) -> float:
        same = (scores[where] - alpha * change[where]).argmax(1) == before[where]
        return float(np.count_nonzero(same)) / len(same)

    by_chance = (sinks + CHANCE) / len(labels)
    least, _ = smallest(lambda alpha: kept(alpha, inside), by_chance)
    unbounded = SAFETY * least
    bound = _largest(lambda alpha: kept(alpha, ~inside), ELSEWHERE)
    alpha = min(unbounded, bound)
    return alpha, {
        "kept_inside": kept(alpha, inside),
        "kept_elsewhere": kept(alpha, ~inside),
        "target_reached": unbounded <= bound,
    }


def _largest(measure: Callable[[float], float], floor: float) -> float:
    """The largest α in [0, MOST_STRENGTH] up to which `measure(α) ≥ floor`, taken as falling."""
    low = 0.0
    high = MOST_STRENGTH
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if measure(middle) >= floor else (low, middle)
    return low


def smallest(measure: Callable[[float], float], goal: float) -> tuple[float, float]:
    """The smallest α in [0, MOST_STRENGTH] with `measure(α) ≤ goal`, taken as falling; where none
    is, the α of a fine grid that comes nearest.
    """
    if measure(0.0) <= goal:
        return 0.0, measure(0.0)
    high = FIRST_STRENGTH
    while measure(high) > goal:
        high *= 2
        if high > MOST_STRENGTH:
            grid = [MOST_STRENGTH * i / GRIDDED for i in range(GRIDDED + 1)]
            best = min(grid, key=measure)
            return best, measure(best)
    low = 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if measure(middle) <= goal else (middle, high)
    return high, measure(high)


def auc(positive: Floats, negative: Floats) -> float:
    """P(a positive scores above a negative), ties count half; 0.5 where either is empty.

    Scores nearer than `TIE` are a tie: where an edit leaves nothing, what is left in their last
    bits is rounding, and says nothing.
    """
    if not len(positive) or not len(negative):
        return 0.5
    ranks = np.sort(negative)
    near = TIE * np.maximum(1.0, np.abs(positive))
    below = np.searchsorted(ranks, positive - near, "left")
    upto = np.searchsorted(ranks, positive + near, "right")
    return float(int(below.sum()) + int(upto.sum())) / (
        2 * len(positive) * len(negative)
    )
