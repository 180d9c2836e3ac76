"""What the label that loses most, and the label in one domain, is expected to lose, where each has
few pictures.

The largest of many shares that are counted on few pictures each says little of the largest on other
pictures. Each label's share is taken as drawn of a Beta distribution, whose mean is all labels' and
whose width is what their shares differ by beyond chance; what a label then shows on other pictures
is beta-binomial, and of the largest of all these mean, standard deviation and quantiles follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from govd.edit.basis import Basis
from govd.edit.calibration import COVERED
from govd.edit.costs import LEAST, Costs, cells_of
from govd.edit.factors import Edit
from govd.edit.prediction import Mask, Watch
from govd.types import Figure, Floats

MOST: Final = 200
"""Other pictures of a label that are reckoned with at most."""
GRID: Final = 400
"""Steps of a share."""
FINEST: Final = 0.01
"""What is added to the standard deviation: no share is foretold more closely."""
JUDGED: Final = 0.5
"""Other pictures that are counted, as a share of those here: as many as errors of predictions are
measured on (`calibration.APART`).
"""
UNSEEN: Final = 0.5
"""What is added to the pictures that changed, and to those that did not, before it is said how much
chance alone may do (Jeffreys): where none changed here, one may elsewhere.
"""
FEW: Final = 3
"""Pictures of a label from which on it tells how far labels differ."""


def expected_worst(
    basis: Basis, before: Edit, after: Edit, scope: Mask | None
) -> Costs:
    """The expected costs of the label that loses most (`worst_label`), and of the label in one
    domain (`worst_cell`, where pictures are told apart by domains), on pictures that are in no
    scope: each names what is expected to lose most. Nothing where no picture is left.

    Args:
        basis: has a pool, all of whose pictures are counted: the few that no fit saw tell less of
            single labels than fits that saw the others flatter them.
        before: the edit without the forgets that are looked at.
        after: the edit with them.
        scope: `(n,)`, which pictures of the thinned pool are to go; None: none of them.
    """
    watch = Watch.of(basis)
    assert watch is not None
    retained = np.ones(len(watch.at), bool) if scope is None else ~scope[watch.at]
    if not retained.any():
        return {}
    changed = watch.answers(before) != watch.answers(after)
    group, figure = _expected(watch.top[retained], changed[retained])
    figures = {"worst_label": replace(figure, label=watch.names[group])}
    cells = cells_of(watch, retained)
    if cells is not None:
        group, figure = _expected(cells.group, changed[cells.of])
        figures["worst_cell"] = cells.named(group, figure)
    return figures


def _expected(group: Any, changed: Any) -> tuple[int, Figure]:
    """What the group of pictures that loses most is expected to lose, and which that will be.

    Args:
        group: `(n,)`, of each picture.
        changed: `(n,)`, which pictures changed.
    """
    count = np.bincount(group)
    lost = np.bincount(group, changed, len(count))
    judged, enough = judged_of(count)
    return expected_of(
        _posterior(count, lost), _posterior(count, lost, UNSEEN), count, judged, enough
    )


def judged_of(count: Any) -> tuple[Any, Mask]:
    """On how many other pictures a label's share is foretold `(m,)`, and which labels `(m,)` then
    have enough to be the worst.

    Args:
        count: `(m,)`, the pictures of each here.
    """
    judged = np.minimum(np.rint(JUDGED * count), MOST).astype(np.int64)
    enough = judged >= LEAST
    if not enough.any():
        judged, enough = np.maximum(judged, count > 0), count > 0
    return judged, enough


def expected_of(
    shape: tuple[Floats, Floats],
    unseen: tuple[Floats, Floats],
    count: Any,
    judged: Any,
    enough: Mask,
) -> tuple[int, Figure]:
    """What the label that loses most is expected to lose, and which that will be.

    Args:
        shape: both parameters `(m,)` of each label's Beta distribution.
        unseen: the same for what chance alone may do.
        count: `(m,)`, the pictures of each here.
        judged: `(m,)`, on how many others it is foretold.
        enough: `(m,)`, which labels can be the worst.
    """
    expected = _largest(shape, judged, enough)
    worst = _likeliest(shape, count, enough)
    return worst, Figure(
        expected.mean,
        int(count[worst]),
        spread=expected.deviation + FINEST,
        by_chance=_largest(unseen, judged, enough).ends,
    )


def _posterior(count: Any, lost: Any, unseen: float = 0.0) -> tuple[Floats, Floats]:
    """Both parameters `(m,)` of each label's Beta distribution, by moments; as if `unseen` pictures
    more had changed, and as many more had not.
    """
    mean, prior = moments(count, lost, unseen)
    tiny = 1e-3
    return (
        np.maximum(mean * prior + lost, tiny),
        np.maximum((1.0 - mean) * prior + count - lost, tiny),
    )


def moments(count: Any, lost: Any, unseen: float) -> tuple[float, float]:
    """The mean of the shares of labels, and as how many pictures of a label's own what is known of
    all of them counts, at least 1: the more, the less they differ beyond chance.

    Args:
        count: `(m,)`, the pictures of each.
        lost: `(m,)`, how many of them changed.
        unseen: as if so many pictures more had changed, and as many more had not.
    """
    mean = float((lost.sum() + unseen) / (count.sum() + 2.0 * unseen))
    chance = mean * (1.0 - mean)
    telling = count >= min(FEW, count.max())
    weights = count[telling]
    squared = (lost[telling] / weights - mean) ** 2
    beyond = float((squared * weights).sum() - chance * len(weights)) / float(
        weights.sum()
    )
    if chance > beyond:
        return mean, max(1.0, chance / max(beyond, 1e-6) - 1.0)
    return mean, 1.0


def _likeliest(shape: tuple[Floats, Floats], count: Any, enough: Mask) -> int:
    """The label with the largest mean; of equal ones that with most pictures."""
    means = np.where(enough, shape[0] / (shape[0] + shape[1]), -1.0)
    return int(np.lexsort((count, means))[-1])


@dataclass(frozen=True)
class Largest:
    """The largest of some shares: what is expected, its standard deviation, and the ends between
    which it lies with probability `COVERED`.
    """

    mean: float
    deviation: float
    ends: tuple[float, float]


def _largest(shape: tuple[Floats, Floats], judged: Any, enough: Mask) -> Largest:
    """Of the labels that are shown often `enough`."""
    return largest(*(part[enough] for part in (*shape, judged)))


def largest(lose: Floats, stay: Floats, pictures: Any) -> Largest:
    """The largest of some beta-binomial shares.

    Args:
        lose: `(m,)`, first parameters, positive.
        stay: `(m,)`, second parameters, positive.
        pictures: `(m,)`, of which the shares are, at least 1.
    """
    steps = np.arange(int(pictures.max()))
    n = pictures[:, None]
    remaining = np.maximum(n - steps, 1)
    odds = remaining * (lose[:, None] + steps)
    odds /= (steps + 1) * (stay[:, None] + remaining - 1)
    logs = np.cumsum(np.where(steps < n, np.log(odds), -np.inf), axis=1)
    logs = np.concatenate([np.zeros((len(n), 1)), logs], axis=1)
    masses = np.exp(logs - logs.max(1, keepdims=True))
    below = np.cumsum(masses, axis=1) / masses.sum(1, keepdims=True)
    shares = np.arange(GRID + 1) / GRID
    places = np.floor(shares * n + 1e-9).astype(np.int64)
    all_below = np.take_along_axis(below, places, 1).prod(0)
    mass = np.diff(all_below, prepend=0.0)
    mean = float(mass @ shares)
    tail = (1.0 - COVERED) / 2.0
    places = np.searchsorted(all_below, (tail, 1.0 - tail))
    least, most = shares[np.minimum(places, GRID)]
    least = max(0.0, least - 1.0 / GRID)  # the share itself lies between two steps
    deviation = float(np.sqrt(max(0.0, mass @ (shares - mean) ** 2)))
    return Largest(mean, deviation, (float(least), float(most)))
