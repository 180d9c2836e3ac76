"""Linear algebra whose bytes depend on no BLAS kernel, processor or thread count.

A product is cut into slices of integers so small that every partial sum is exact in float64: then the order in which a kernel
adds cannot matter (the idea is Ozaki's: "Error-free transformations of matrix multiplication", Numer. Algorithms 59, 2012). What is
left is elementwise arithmetic in a fixed order, which IEEE 754 fixes to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from govd.errors import OverCapacity
from govd.types import Floats

Matrix = Floats

SLICES = 3  # `matmul` spells out their products
"""Slices per factor: three of 21 bits hold all of a float64 that is not far below its row's largest."""
BLOCK = 96
DEPTH = 1 << 14
"""Terms that are summed at once; longer sums are cut, and the parts added in order."""


def _slices(a: Matrix, bits: int, axis: int) -> tuple[list[Matrix], Matrix]:
    """`a` ≈ (Σ_i slice_i · 2^(−bits·(i+1))) · scale with integer slices; `scale` is a power of two per row (axis 1) or column (axis 0)."""
    largest = np.maximum(a.max(axis=axis, keepdims=True), -a.min(axis=axis, keepdims=True))
    exponent = np.frexp(largest)[1]  # largest < 2^exponent
    scale, shift = np.ldexp(1.0, exponent), np.ldexp(1.0, bits)
    rest, found = a * np.ldexp(shift, -exponent), []  # powers of two: nothing is rounded
    for _ in range(SLICES - 1):
        whole = np.trunc(rest)
        found.append(whole)
        rest -= whole
        rest *= shift
    found.append(np.rint(rest))
    return found, scale


def _bits(terms: int) -> int:
    """Bits of a slice such that a sum of so many products is exact."""
    return (53 - max(1, math.ceil(math.log2(terms)) if terms > 1 else 1)) // 2


def matmul(a: Any, b: Any) -> Matrix:
    """`a @ b` for `(m, k)` and `(k, n)`, relative error about 2⁻⁶⁰ of row maximum times column maximum times k, the same bytes anywhere."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    k = a.shape[1]
    if k != b.shape[0]:
        raise ValueError(f"shapes {a.shape} and {b.shape} do not fit")
    if k > DEPTH:
        total = np.zeros((a.shape[0], b.shape[1]))
        for start in range(0, k, DEPTH):
            total = total + matmul(a[:, start : start + DEPTH], b[start : start + DEPTH])
        return total
    if not a.size or not b.size:
        return np.zeros((a.shape[0], b.shape[1]))
    bits = _bits(k)
    left, left_scale = _slices(a, bits, 1)
    right, right_scale = _slices(b, bits, 0)
    total = left[0] @ right[2]  # smallest first
    total += left[1] @ right[1]
    total += left[2] @ right[0]
    total *= 2.0**-bits
    low = left[0] @ right[1]
    low += left[1] @ right[0]
    total += low
    total *= 2.0**-bits
    total += left[0] @ right[0]
    total *= 2.0 ** (-2 * bits)
    total *= left_scale
    total *= right_scale
    return total


def gram(a: Any) -> Matrix:
    """`aᵀ a`, symmetric to the last bit: as `matmul`, with each slice taken once and the products that mirror each other computed once."""
    a = np.asarray(a, np.float64)
    k = a.shape[0]
    if k > DEPTH:
        total = np.zeros((a.shape[1], a.shape[1]))
        for start in range(0, k, DEPTH):
            total = total + gram(a[start : start + DEPTH])
        return total
    if not a.size:
        return np.zeros((a.shape[1], a.shape[1]))
    bits = _bits(k)
    (high, middle, low), scale = _slices(a, bits, 0)
    cross = high.T @ low
    total = cross + cross.T
    total += middle.T @ middle
    total *= 2.0**-bits
    cross = high.T @ middle
    total += cross + cross.T
    total *= 2.0**-bits
    total += high.T @ high
    total *= 2.0 ** (-2 * bits)
    total *= scale.T
    total *= scale
    return total


class Factor:
    """LDLᵀ of a symmetric positive definite matrix, without pivoting.

    Raises:
        OverCapacity: a pivot is not above `tolerance` times the largest diagonal element: columns depend on each other.
    """

    def __init__(self, a: Any, tolerance: float = 1e-13) -> None:
        a = np.array(a, np.float64)
        n = a.shape[0]
        self.n, self.blocks = n, [(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]
        self.lower, self.pivots = np.zeros((n, n)), np.zeros(n)
        self.corners: list[Matrix] = []  # inverses of the unit triangles on the diagonal
        limit = tolerance * float(np.max(np.abs(np.diagonal(a)))) if n else 0.0
        for start, end in self.blocks:
            panel = a[start:, start:end].copy()
            for j in range(end - start):
                pivot = float(panel[j, j])
                if not pivot > limit:
                    raise OverCapacity(
                        "the system is singular: what is to go cannot be told from what is to stay",
                        advice="Forget fewer concepts, drop near-duplicates, or use --use open (soft anchors).",
                        column=start + j,
                    )
                column = panel[j:, j] / pivot
                self.pivots[start + j] = pivot
                self.lower[start + j :, start + j] = column
                if j + 1 < end - start:
                    panel[j + 1 :, j + 1 :] -= column[1:, None] * (pivot * column[1 : end - start - j])[None, :]
            self.corners.append(_unit_inverse(self.lower[start:end, start:end]))
            if end < n:
                below = self.lower[end:, start:end]
                a[end:, end:] -= gram((below * np.sqrt(self.pivots[start:end])).T)

    def solve(self, b: Any) -> Matrix:
        """`a⁻¹ b` for `b` `(n, m)`."""
        x = np.array(b, np.float64)
        for (start, end), corner in zip(self.blocks, self.corners, strict=True):
            x[start:end] = matmul(corner, x[start:end])
            if end < self.n:
                x[end:] -= matmul(self.lower[end:, start:end], x[start:end])
        x /= self.pivots[:, None]
        for (start, end), corner in zip(reversed(self.blocks), reversed(self.corners), strict=True):
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
    """`a⁻¹` of a symmetric positive definite matrix, symmetric to the last bit: `XᵀD⁻¹X` with `X` the inverse of the unit triangle."""
    factor = Factor(a)
    n, blocks = factor.n, factor.blocks
    x = np.zeros((n, n))
    for (start, end), corner in zip(blocks, factor.corners, strict=True):
        x[start:end, start:end] = corner
        if start:
            x[start:end, :start] = -matmul(corner, matmul(factor.lower[start:end, :start], x[:start, :start]))
    scaled = x / factor.pivots[:, None]
    found = np.zeros((n, n))
    for start, end in blocks:
        found[start:end, :end] = matmul(x[start:, start:end].T, scaled[start:, :end])
        found[:start, start:end] = found[start:end, :start].T
        found[start:end, start:end] = (found[start:end, start:end] + found[start:end, start:end].T) / 2
    return found


def unit(a: Any) -> Matrix:
    """Rows `(n, d)` scaled to length one."""
    rows: Matrix = np.asarray(a, np.float64)
    return rows / np.sqrt(squares(rows))[:, None]


def squares(a: Matrix) -> Matrix:
    """Squared length of each row `(n, d)` → `(n,)`, added up in halves, so that the order is fixed."""
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
    found: Matrix = row_sum(rows.T.copy()) / rows.shape[0]
    return found


def spectral_norm(left: Matrix, right: Matrix, rounds: int = 40) -> float:
    """‖left rightᵀ‖₂ of thin factors `(d, r)`, by power iteration on the `(r, r)` Gram matrices: from below, to
    a few per cent, which is all that a bound needs."""
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
