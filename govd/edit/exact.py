"""Linear algebra whose bytes depend on no BLAS kernel, processor or thread count.

A factor is cut into slices of so few bits that every partial sum of their products is exact in
float64: then the order in which a kernel adds cannot matter (Ozaki et al., "Error-free
transformations of matrix multiplication", Numer. Algorithms 59, 2012; slices as in Rump, Ogita and
Oishi, "Accurate floating-point summation", SIAM J. Sci. Comput. 31, 2008). What is left is
elementwise arithmetic in a fixed order, which IEEE 754 fixes to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from govd.errors import OverCapacity
from govd.types import Floats

Matrix = Floats

SLICES = 3  # `matmul` and `gram` spell out their products
"""Slices per factor: three of about 20 bits hold all of a float64 that is not far below its row's
largest.
"""
BLOCK = 64
UNIT = 1e-14
"""A squared length that is nearer to one is one: what scaling to length one leaves of rounding is
less.
"""
DEPTH = 1 << 14
"""Terms that are summed at once; longer sums are cut, and the parts added in order."""


def _bits(terms: int) -> int:
    """Bits of a slice such that a sum of `SLICES` times so many products is exact."""
    return (53 - math.ceil(math.log2(SLICES * terms))) // 2


def _cut(a: Matrix, bits: int, axis: int, into: Iterable[Matrix]) -> None:
    """`a` ≈ the sum of `into`, largest slice first, each a multiple of 2^−bits of the one before:
    per row (axis 1) or column (axis 0).

    Adding and taking off `1.5 · 2^52` units rounds to a multiple of the unit, and the rest is
    exact.
    """
    largest = np.maximum(
        a.max(axis=axis, keepdims=True), -a.min(axis=axis, keepdims=True)
    )
    # largest < 2^exponent; the unit is 2^(exponent − bits)
    round_off = np.ldexp(1.5, np.frexp(largest)[1] + (52 - bits))
    rest = a
    for i, piece in enumerate(into):
        np.add(rest, round_off, out=piece)
        piece -= round_off
        if i + 1 < SLICES:
            rest = np.subtract(rest, piece, out=None if i == 0 else rest)
            round_off = np.ldexp(round_off, -bits)


def matmul(a: Any, b: Any) -> Matrix:
    """`a @ b` for `(m, k)` and `(k, n)`, relative error about 2⁻⁵⁷ of row maximum times column
    maximum times k, the same bytes anywhere.

    Raises:
        ValueError: the shapes do not fit.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    k = a.shape[1]
    if k != b.shape[0]:
        raise ValueError(f"shapes {a.shape} and {b.shape} do not fit")
    if k > DEPTH:
        total = np.zeros((a.shape[0], b.shape[1]))
        for start in range(0, k, DEPTH):
            total = total + matmul(
                a[:, start : start + DEPTH], b[start : start + DEPTH]
            )
        return total
    if not a.size or not b.size:
        return np.zeros((a.shape[0], b.shape[1]))
    bits = _bits(k)
    left = np.empty((a.shape[0], SLICES * k))
    right = np.empty((SLICES * k, b.shape[1]))
    _cut(a, bits, 1, [left[:, i * k : (i + 1) * k] for i in range(SLICES)])
    # the other way round: orders that match lie together
    _cut(b, bits, 0, [right[i * k : (i + 1) * k] for i in reversed(range(SLICES))])
    total = left @ right  # smallest first
    part = left[:, : 2 * k] @ right[k:]
    total += part
    total += np.matmul(left[:, :k], right[2 * k :], out=part)
    return total


def gram(a: Any) -> Matrix:
    """`aᵀ a`, symmetric to the last bit: as `matmul`, with each slice taken once and the products
    that mirror each other computed once.
    """
    a = np.asarray(a, np.float64)
    k = a.shape[0]
    if k > DEPTH:
        total: Matrix = np.zeros((a.shape[1], a.shape[1]))
        for start in range(0, k, DEPTH):
            total = total + gram(a[start : start + DEPTH])
        return total
    if not a.size:
        return np.zeros((a.shape[1], a.shape[1]))
    high, middle, low = (np.empty(a.shape) for _ in range(SLICES))
    _cut(a, _bits(k), 0, (high, middle, low))
    cross = high.T @ low
    both = np.empty((a.shape[1], a.shape[1]))
    total = np.add(cross, cross.T)
    total += np.matmul(middle.T, middle, out=both)
    np.matmul(high.T, middle, out=cross)
    total += np.add(cross, cross.T, out=both)
    total += np.matmul(high.T, high, out=both)
    return total


class Factor:
    """LDLᵀ of a symmetric positive definite matrix, without pivoting.

    Raises:
        OverCapacity: a pivot is not above `tolerance` times the largest diagonal element: columns
        depend on each other.
    """

    def __init__(self, a: Any, tolerance: float = 1e-13) -> None:
        a = np.asarray(a, np.float64)
        n = a.shape[0]
        self.n = n
        self.blocks = [(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]
        self.lower = np.zeros((n, n))
        self.pivots = np.zeros(n)
        self.corners: list[
            Matrix
        ] = []  # inverses of the unit triangles on the diagonal
        limit = tolerance * float(np.max(np.abs(np.diagonal(a)))) if n else 0.0
        for start, end in self.blocks:
            panel = a[start:, start:end].copy()
            if start:
                panel -= matmul(
                    self.lower[start:, :start],
                    self.lower[start:end, :start].T * self.pivots[:start, None],
                )
            self._eliminate(panel, start, end, limit)
            self.corners.append(_unit_inverse(self.lower[start:end, start:end]))

    def _eliminate(self, panel: Matrix, start: int, end: int, limit: float) -> None:
        """Columns `start` to `end` of the factor from what the ones before have left of them."""
        for j in range(end - start):
            pivot = float(panel[j, j])
            if not pivot > limit:
                raise OverCapacity(
                    "the system is singular: what is to go cannot be told from what is to stay",
                    advice=(
                        "Forget fewer concepts, drop near-duplicates, or use --use open (soft"
                        " anchors)."
                    ),
                    column=start + j,
                )
            column = panel[j:, j] / pivot
            self.pivots[start + j] = pivot
            self.lower[start + j :, start + j] = column
            if j + 1 < end - start:
                panel[j + 1 :, j + 1 :] -= (
                    column[1:, None] * (pivot * column[1 : end - start - j])[None, :]
                )

    def solve(self, b: Any) -> Matrix:
        """`a⁻¹ b` for `b` `(n, m)`."""
        x = np.array(b, np.float64)
        for (start, end), corner in zip(self.blocks, self.corners, strict=True):
            x[start:end] = matmul(corner, x[start:end])
            if end < self.n:
                x[end:] -= matmul(self.lower[end:, start:end], x[start:end])
        x /= self.pivots[:, None]
        for (start, end), corner in zip(
            reversed(self.blocks), reversed(self.corners), strict=True
        ):
            x[start:end] = matmul(corner.T, x[start:end])
            if start:
                x[:start] -= matmul(self.lower[start:end, :start].T, x[start:end])
        return x


def _unit_inverse(lower: Matrix) -> Matrix:
    """Inverse of a unit lower triangle, by forward substitution on the identity."""
    n = lower.shape[0]
    x = np.eye(n)
    for j in range(n - 1):
        x[j + 1 :, : j + 1] -= lower[j + 1 :, j : j + 1] * x[j : j + 1, : j + 1]
    return x


def inverse(a: Any) -> Matrix:
    """`a⁻¹` of a symmetric positive definite matrix, symmetric to the last bit: `XᵀD⁻¹X` with `X`
    the inverse of the unit triangle.
    """
    factor = Factor(a)
    n = factor.n
    blocks = factor.blocks
    x = np.zeros((n, n))
    for (start, end), corner in zip(blocks, factor.corners, strict=True):
        x[start:end, start:end] = corner
        if start:
            x[start:end, :start] = -matmul(
                corner, matmul(factor.lower[start:end, :start], x[:start, :start])
            )
    scaled = x / factor.pivots[:, None]
    product = np.zeros((n, n))
    for start, end in blocks:
        product[start:end, :end] = matmul(x[start:, start:end].T, scaled[start:, :end])
        product[:start, start:end] = product[start:end, :start].T
        product[start:end, start:end] = (
            product[start:end, start:end] + product[start:end, start:end].T
        ) / 2
    return product


def unit(a: Any) -> Matrix:
    """Rows `(n, d)` scaled to length one; those that are so already, but for rounding, stay as they
    are to the last bit.
    """
    rows: Matrix = np.asarray(a, np.float64)
    size = squares(rows)
    return rows / np.where(np.abs(size - 1.0) < UNIT, 1.0, np.sqrt(size))[:, None]


def squares(a: Matrix) -> Matrix:
    """Squared length of each row `(n, d)` → `(n,)`, added up in halves, so that the order is
    fixed.
    """
    return row_sum(a * a)


def row_sum(a: Matrix) -> Matrix:
    """Sum of each row `(n, d)` → `(n,)`, in halves."""
    a = np.asarray(a, np.float64)
    while a.shape[1] > 1:
        half = a.shape[1] // 2
        folded = a[:, :half] + a[:, half : 2 * half]
        a = np.concatenate([folded, a[:, 2 * half :]], axis=1)
    return a[:, 0] if a.shape[1] else np.zeros(a.shape[0])


def mean(a: Any) -> Matrix:
    """Mean of the rows `(n, d)` → `(d,)`."""
    rows: Matrix = np.asarray(a, np.float64)
    averaged: Matrix = row_sum(rows.T.copy()) / rows.shape[0]
    return averaged


def spectral_norm(left: Matrix, right: Matrix, rounds: int = 40) -> float:
    """‖left rightᵀ‖₂ of thin factors `(d, r)`, by power iteration on the `(r, r)` Gram matrices:
    from below, to a few per cent, which is all that a bound needs.

    Args:
        left: `(d, r)`.
        right: `(d, r)`.
        rounds: of the iteration.
    """
    if not left.shape[1]:
        return 0.0
    step = matmul(gram(left), gram(right))
    v: Matrix = np.ones((left.shape[1], 1))
    value = 0.0
    for _ in range(rounds):
        v = matmul(step, v)
        size = float(np.max(np.abs(v)))
        if size == 0.0:
            return 0.0
        v, value = v / size, size
    return math.sqrt(value)
