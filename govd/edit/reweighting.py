"""Pictures that are still too near to being named count for more: the fit of `levelling`, once more
with other weights until each picture is a margin away.

A ridge regression levels the average picture of a class. What decides whether a name is still
given are the few that lie nearest to it, so their weights in `C_F` are multiplied by `GROWTH`
wherever the forgotten label still leads, or follows by less than the margin, and the closed form is
solved again. What is far away already keeps its weight: the cost goes where it is needed, as in a
support vector machine.

Margins come in units of `PoolFit.unit`; from one to the next the weights only grow, so what is more
certain on the pictures that a fit sees is never less so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.constants import GROWTH, LEVELS, MOST_GROWTHS, REWEIGHTED
from govd.edit.judging import Answers, leads
from govd.edit.levelled import Levelled, class_rows
from govd.edit.pool import (
    GRID,
    WEIGHT,
    PoolFit,
    repeated_moment,
    ridge,
)
from govd.types import Floats


@dataclass(frozen=True)
class Reweighted:
    """For each margin of `LEVELS` the powers `(n, levels)` of a forget's rows, in the order of
    `class_rows`, and its columns `(d, p)`.
    """

    powers: Any
    columns: tuple[Floats, ...]


@dataclass(frozen=True)
class _Rows:
    """What is fitted, each row `(n, d)` with its class's weight `(n,)`, and the same as unit
    pictures, which judge.
    """

    fitted: Floats
    weights: Floats
    judged: Floats

    @staticmethod
    def of(pool: PoolFit, levelled: Levelled, half: int | None) -> _Rows:
        """Rows in the order of `class_rows`; guesses judge at length one."""
        rows, weights, _ = class_rows(pool, levelled, pool.seen(half))
        fitted = np.ldexp(rows, -GRID)
        return _Rows(fitted, weights, exact.unit(fitted))


def reweighted(
    pool: PoolFit,
    levelled: Levelled,
    aims: Floats,
    answers: Answers,
    removals: Floats,
    half: int | None = None,
) -> Reweighted:
    """The weights of one forget's pictures, alone and at full strength, for each margin.

    Args:
        pool: pictures that fits are made on.
        levelled: what the forget levels.
        aims: `(d, p)`, `t_j − t̄` of its targets.
        answers: what competes for a picture.
        removals: `(d, p)`, duals of its targets.
        half: of the pool, 0 or 1; None: all that fits see.
    """
    rows = _Rows.of(pool, levelled, half)
    forgotten = answers.mask(range(aims.shape[1]))
    solver = _primal if len(rows.fitted) > len(aims) else _dual
    fit = solver(pool, rows, aims, half)
    powers = np.zeros(len(rows.fitted), np.int64)
    by_level: list[Any] = []
    columns: list[Floats] = []
    detectors = fit(powers)
    for margin in LEVELS:
        while True:
            near = np.zeros(len(powers), bool)
            for texts in answers.texts:
                near |= leads(
                    rows.judged,
                    texts,
                    forgotten,
                    detectors,
                    removals,
                    -margin * pool.unit,
                )
            near &= powers < MOST_GROWTHS
            if not near.any():
                break
            powers = powers + near
            detectors = fit(powers)
        by_level.append(powers)
        columns.append(detectors)
    return Reweighted(np.stack(by_level, axis=1), tuple(columns))


def _dual(pool: PoolFit, rows: _Rows, aims: Floats, half: int | None) -> Any:
    """Solves `(K + D⁻¹) c = Z aims`, one unknown for each row `Z`; columns are `P⁻¹ Zᵀ c`."""
    inverse = pool.protected_inverse(REWEIGHTED, half)
    lifted = exact.matmul(inverse, rows.fitted.T)
    kernel = exact.matmul(rows.fitted, lifted)
    kernel = (kernel + kernel.T) / 2
    right_side = exact.matmul(rows.fitted, aims)
    inverted = np.ldexp(1.0, WEIGHT) / rows.weights

    def fit(powers: Any) -> Floats:
        system = kernel + np.diag(inverted / GROWTH**powers)
        return exact.matmul(lifted, exact.Factor(system).solve(right_side))

    return fit


def _primal(pool: PoolFit, rows: _Rows, aims: Floats, half: int | None) -> Any:
    """The same where there are more rows than dimensions."""
    protected = REWEIGHTED * pool.moment(half) + ridge(len(aims), REWEIGHTED)
    units = np.ldexp(rows.fitted, GRID)

    def fit(powers: Any) -> Floats:
        forgotten = repeated_moment(units, rows.weights, powers)
        right_side = exact.matmul(forgotten, aims)
        solved: Floats = exact.Factor(forgotten + protected).solve(right_side)
        return solved

    return fit
