"""What a label that is forgotten in one domain is expected to lose in the others.

The pool has few pictures of a label there, fewer still that no fit saw, and the others flatter the
fit. So a label's share is taken as drawn of a Beta distribution, that of random cells on pictures
that nothing was fitted on (`Tried`), to which all the pool's own pictures of the label are added,
as many of them lost as would be, had the fit not seen them; what it then shows on other pictures is
beta-binomial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from govd.edit.basis import Basis
from govd.edit.calibration import ELSEWHERE, ENOUGH, unit_of
from govd.edit.costs import Cell, Costs, lost_elsewhere
from govd.edit.factors import Edit
from govd.edit.prediction import Mask, Watch
from govd.edit.tried import Tried
from govd.edit.worst import UNSEEN, expected_of, judged_of, moments
from govd.types import Figure, Floats


@dataclass(frozen=True)
class Tries:
    """A random cell: what its labels lost in other domains, `counted` for each on pictures that
    the fit may have seen, and `measured` on others for the one that lost most.
    """

    counted: tuple[Figure, ...]
    measured: Figure


def expected_elsewhere(
    basis: Basis,
    before: Edit,
    after: Edit,
    scope: Mask | None,
    cells: Sequence[Cell],
    tried: Tried | None,
) -> Costs:
    """What the label of `cells` that loses most in other domains is expected to lose there, on
    pictures that are in no scope. Nothing where too few random cells were tried, or the pool shows
    none of their labels elsewhere.

    Args:
        basis: has a pool, all of whose pictures are counted.
        before: the edit without the forgets that are looked at.
        after: the edit with them.
        scope: `(n,)`, which pictures of the thinned pool are to go; None: none of them.
        tried: what random cells lost.
    """
    counted = counted_elsewhere(basis, before, after, scope, cells)
    return (
        {ELSEWHERE: expected(counted, tried)} if counted and tried is not None else {}
    )


def counted_elsewhere(
    basis: Basis,
    before: Edit,
    after: Edit,
    scope: Mask | None,
    cells: Sequence[Cell],
) -> list[Figure]:
    """What each label of `cells` loses in other domains, on all pictures of the thinned pool; for
    arguments see `expected_elsewhere`.
    """
    watch = Watch.of(basis)
    assert watch is not None
    retained = np.ones(len(watch.at), bool) if scope is None else ~scope[watch.at]
    return lost_elsewhere(
        watch, watch.answers(before), watch.answers(after), retained, cells
    )


def expected(
    counted: Sequence[Figure], tried: Tried, pictures: int | None = None
) -> Figure:
    """The largest share that labels that lost what was `counted` are expected to lose.

    Args:
        counted: of each label, at least one.
        tried: what random cells lost.
        pictures: of each label on which it is measured; None: half as many as were counted.
    """
    count, lost = _counts(counted)
    lost = _had_none_been_seen(count, lost, tried.beyond)
    judged, enough = judged_of(count)
    if pictures is not None:
        judged = np.full_like(count, pictures)
    worst, figure = expected_of(
        _posterior(count, lost, tried),
        _posterior(count + 2.0 * UNSEEN, lost + UNSEEN, tried),
        count,
        judged,
        enough,
    )
    return Figure(
        figure.share,
        figure.pictures,
        counted[worst].label,
        spread=figure.spread,
        by_chance=figure.by_chance,
    )


def _posterior(count: Floats, lost: Floats, tried: Tried) -> tuple[Floats, Floats]:
    """Both parameters `(m,)` of each label's Beta distribution."""
    return (
        tried.share * tried.weight + lost,
        (1.0 - tried.share) * tried.weight + count - lost,
    )


def _had_none_been_seen(count: Floats, lost: Floats, beyond: float) -> Floats:
    """How many pictures `(m,)` of each label would be lost, had the fit seen none of them."""
    share = (lost + UNSEEN) / (count + 2.0 * UNSEEN)
    odds = share / (1.0 - share) * np.exp(beyond)
    unseen: Floats = lost + count * (odds / (1.0 + odds) - share)
    return np.minimum(np.maximum(unseen, 0.0), count)


def tried_of(tries: Sequence[Tries]) -> Tried | None:
    """What random cells lost; None where an interval cannot be told from so few."""
    return _beta(tries) if len(tries) >= ENOUGH else None


def _beta(tries: Sequence[Tries]) -> Tried:
    measured = [cell.measured for cell in tries]
    seen = [
        figure
        for cell in tries
        for figure in cell.counted
        if figure.label == cell.measured.label
    ]
    beyond = _log_odds(*_counts(measured)) - _log_odds(*_counts(seen))
    return replace(distribution_of(measured), beyond=beyond if seen else 0.0)


def distribution_of(figures: Sequence[Figure]) -> Tried:
    """What shares that were measured are drawn of, by moments.

    Args:
        figures: of random forgets, at least one, on pictures that nothing was fitted on.
    """
    count, lost = _counts(figures)
    share, weight = moments(count, lost, UNSEEN)
    # where they differ by no more than chance, as much is known as they have pictures
    return Tried(share, min(weight, float(count.sum())))


def _log_odds(count: Floats, lost: Floats) -> float:
    """Of having been lost, of all pictures together."""
    return float(np.log((lost.sum() + UNSEEN) / ((count - lost).sum() + UNSEEN)))


def _counts(figures: Sequence[Figure]) -> tuple[Floats, Floats]:
    """The pictures of each label `(m,)`, and how many of them were lost."""
    count = np.array([figure.pictures for figure in figures], dtype=np.float64)
    return count, np.rint([figure.share * figure.pictures for figure in figures])


def errors_of(tries: Sequence[Tries]) -> list[float]:
    """Errors of what each cell was expected to lose, had all others been tried alone: in standard
    deviations of a share of as many pictures as it was measured on; empty where they are too few.
    """
    if len(tries) < ENOUGH:
        return []
    return [
        _error(cell, _beta([*tries[:place], *tries[place + 1 :]]))
        for place, cell in enumerate(tries)
    ]


def _error(cell: Tries, tried: Tried) -> float:
    figure = expected(cell.counted, tried, cell.measured.pictures)
    return (cell.measured.share - figure.share) / unit_of(figure)
