"""A pool as fits see it: which pictures a fit may use and which are held out, and second moments
whose bytes no addition order changes.

Pictures are rounded to a grid of 2^−`GRID` for moments: the parts of a sum of products are then
integers below 2^53, so every partial sum is exact, a plain matrix product gives the same bytes on
any machine, and sums can be kept by adding and taking off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.basis import ROWS, Basis
from govd.edit.constants import (
    FIT_RIDGE,
    GROWTH,
    POOL_FOLDS,
    SURE_QUANTILE,
    UNIT_SHARE,
)
from govd.types import Floats

GRID = 14
"""Bits of a coordinate after the point: a rounding of 6e-5 beside coordinates of 0.04, and far
below the ridge.
"""
WEIGHT = 14
"""Bits of a class's weight. With both, 2,048 classes fit into 53 bits."""


def on_grid(rows: Floats) -> Floats:
    """Rows `(n, d)` in units of the grid, whole numbers."""
    return np.rint(np.ldexp(np.asarray(rows, np.float64), GRID))


def weighted_moment(rows: Floats, weights: Floats | None = None) -> Floats:
    """`Σ weight · row rowᵀ` `(d, d)` of rows in units of the grid; weights in units of 2^−`WEIGHT`,
    one for all where there are none.
    """
    scaled = rows if weights is None else rows * weights[:, None]
    total: Floats = np.ldexp(
        scaled.T @ rows, -2 * GRID - (0 if weights is None else WEIGHT)
    )
    return total


def repeated_moment(rows: Floats, weights: Floats, powers: Any) -> Floats:
    """The same where each row counts `GROWTH ** power` times, `powers` `(n,)`: one exact sum for
    each power, so that weights stay whole numbers of few bits.
    """
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for power in np.unique(powers):
        at = powers == power
        total = total + float(GROWTH ** int(power)) * weighted_moment(
            rows[at], weights[at]
        )
    return total


@dataclass(frozen=True)
class PoolFit:
    """The (thinned) pool of a basis. Positions are those of thinned pictures."""

    basis: Basis
    images: Floats
    fold: Any
    _inverses: dict[tuple[float, int | None], Floats] = field(default_factory=dict)
    _moments: dict[int | None, Floats] = field(default_factory=dict)

    @staticmethod
    def of(basis: Basis) -> PoolFit:
        """The same object for the same basis, so that what it computes is computed once."""
        cached = vars(basis).get("pool_fit")
        if cached is None:
            images, _ = basis.thinned_pool()
            at = np.arange(len(images), dtype=np.uint64)
            # the golden ratio: even, and in step with no order of files
            spread = (at * np.uint64(2654435769)) & np.uint64(0xFFFFFFFF)
            cached = PoolFit(
                basis,
                images,
                ((spread * np.uint64(POOL_FOLDS)) >> np.uint64(32)).astype(np.int64),
            )
            vars(basis)["pool_fit"] = cached
        fit: PoolFit = cached
        return fit

    @cached_property
    def held(self) -> Any:
        """Mask `(n,)` of the pictures that no fit sees."""
        return self.fold == POOL_FOLDS - 1

    @cached_property
    def grid(self) -> Floats:
        """The pictures `(n, d)` in units of the grid."""
        return on_grid(self.images)

    @cached_property
    def leverage(self) -> Floats:
        """`(x − x̄)ᵀ Σ⁻¹ (x − x̄)` `(n,)` of each picture, with the pool's mean and covariance."""
        mean, inverse = (
            self.basis.tensors[f"pool_{name}"] for name in ("mean", "inverse")
        )
        parts = [
            exact.row_sum(centred * exact.matmul(centred, inverse))
            for start in range(0, len(self.images), ROWS)
            for centred in (self.images[start : start + ROWS] - mean,)
        ]
        return np.concatenate(parts)

    @cached_property
    def best_score(self) -> Floats:
        """The highest score `(n,)` of each picture with an anchor."""
        return self.basis.pool_best("labels" if self.basis.labels else "vocabulary", ())

    @cached_property
    def closeness(self) -> float:
        """ρ, the mean squared cosine of a picture to its own best text."""
        return float(exact.mean(self.best_score[:, None] ** 2)[0])

    @cached_property
    def unit(self) -> float:
        """What margins are measured in: a share of how far apart a picture's labels lie (the
        standard deviation of its scores), and no more than that share of how far ahead the label
        of a sure picture is.
        """
        anchors = self.basis.anchors[1]
        spread = exact.gram(anchors) / len(anchors)
        mean = exact.mean(anchors)
        variance = (spread - mean[:, None] * mean[None, :]) * self.moment()
        apart = math.sqrt(float(exact.row_sum(variance.reshape(1, -1))[0]))
        best = self.basis.pool_rivals(
            "labels" if self.basis.labels else "vocabulary", ()
        )
        if best.shape[1] < 2:
            return UNIT_SHARE * apart
        ahead = np.sort(best[:, 0] - best[:, 1])
        return UNIT_SHARE * min(
            apart, float(ahead[int(SURE_QUANTILE * (len(ahead) - 1))])
        )

    def seen(self, half: int | None = None) -> Any:
        """Mask `(n,)` of the pictures that fits see: all that are not held out, or a half (0 or 1)
        of those. Where a forget is chosen each half is fitted alone, and the other judges.
        """
        return ~self.held if half is None else ~self.held & (self.fold // 2 == half)

    def moment(self, half: int | None = None) -> Floats:
        """Mean outer product `(d, d)` of the pictures that fits see, or of a half of them."""
        if half not in self._moments:
            rows = self.grid[self.seen(half)]
            self._moments[half] = weighted_moment(rows) / max(1, len(rows))
        return self._moments[half]

    def protected_inverse(self, w: float, half: int | None) -> Floats:
        """`(w C + λ τ I)⁻¹` `(d, d)` with the moment `C` of a half of the pool, or of all that
        fits see.
        """
        key = (w, half)
        if key not in self._inverses:
            self._inverses[key] = exact.inverse(
                w * self.moment(half) + ridge(self.basis.dim, w)
            )
        return self._inverses[key]


def ridge(dim: int, w: float) -> Floats:
    """`λ τ I`, `τ = (1 + w)/d`: pictures are unit vectors, so a moment's trace is 1."""
    matrix: Floats = np.eye(dim) * (FIT_RIDGE * (1.0 + w) / dim)
    return matrix
