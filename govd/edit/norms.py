"""The norm of an edit, at a cost that grows with its rank and not with the rank's cube."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from govd.edit.factors import Edit
from govd.types import Floats

DIRECT = 64
"""Up to this rank an edit's norm is taken from its decomposition."""
EXACT = 1e-12
"""Relative change of a norm below which it has been found."""


def norm(edit: Edit) -> float:
    """‖B Lᵀ‖₂; of a conditional edit the largest that a vector meets by one of its conditions."""
    factors = [(edit.L, edit.B)]
    factors += [
        (np.concatenate([edit.L, c.L], axis=1), np.concatenate([edit.B, c.B], axis=1))
        for c in edit.conditions
    ]
    return max(_norm(left, right) for left, right in factors)


def _norm(left: Floats, right: Floats) -> float:
    if not left.shape[1]:
        return 0.0
    if left.shape[1] <= DIRECT:
        return float(
            np.linalg.norm(np.linalg.qr(right)[1] @ np.linalg.qr(left)[1].T, 2)
        )
    return _largest(
        lambda v: right @ (left.T @ v), lambda v: left @ (right.T @ v), len(left)
    )


def _largest(
    forward: Callable[[Floats], Floats], backward: Callable[[Floats], Floats], dim: int
) -> float:
    """The largest singular value of a map of `(dim,)`, given with its transpose, by
    Golub–Kahan–Lanczos bidiagonalisation, every vector made orthogonal to all before it (Golub and
    Kahan, "Calculating the singular values and pseudo-inverse of a matrix", SIAM J. Numer. Anal. B
    2, 1965): its cost grows with the rank, that of a decomposition with the rank's cube.
    """
    start = np.random.default_rng(0).normal(size=dim)
    rights = [start / np.linalg.norm(start)]
    lefts = list[Floats]()
    diagonal = list[float]()
    beside = list[float]()
    value = 0.0
    for _ in range(dim):
        left = forward(rights[-1]) - (beside[-1] * lefts[-1] if beside else 0.0)
        left, size = _beyond(left, lefts)
        diagonal.append(size)
        lefts.append(left)
        before, value = (
            value,
            float(np.linalg.norm(np.diag(diagonal) + np.diag(beside, 1), 2)),
        )
        right, size = _beyond(backward(left) - diagonal[-1] * rights[-1], rights)
        if value - before <= EXACT * value or size <= EXACT * value:
            break
        beside.append(size)
        rights.append(right)
    return value


def _beyond(vector: Floats, others: Sequence[Floats]) -> tuple[Floats, float]:
    """What of a vector is orthogonal to unit vectors that are so to each other, at length one, and
    its length.
    """
    if others:
        stacked = np.stack(others)
        vector = vector - stacked.T @ (stacked @ vector)
    size = float(np.linalg.norm(vector))
    return (vector / size if size else vector), size
