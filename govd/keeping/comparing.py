"""Vectors against queries where no index is, and vectors known again by a few numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from govd.types import Batch, Floats, Hit

NUMBERS: Final = 4
"""Of a trace."""
NEAR: Final = 1e-4
"""Two vectors whose numbers differ by less are taken for one: last bits change where a store brings
vectors to unit length.
"""
SHORT: Final = 1e-15
LONG: Final = 1e15
"""Lengths of which single precision holds the square, with room on either side."""


def nearest(
    batches: Iterable[Batch], queries: Floats, limit: int
) -> tuple[Sequence[Sequence[Hit]], Mapping[str, Floats]]:
    """The best of batches for each of the queries `(n, d)`, and the vectors `(d,)` of all hits."""
    best: list[list[tuple[float, str, Floats]]] = [[] for _ in queries]
    for batch in batches:
        cosines = np.nan_to_num(queries @ _unit(batch.vectors).T, nan=-1)
        for place, scores in enumerate(cosines):
            top = np.argsort(-scores, kind="stable")[:limit]
            rows = [
                (float(scores[i]), batch.keys[int(i)], batch.vectors[int(i)])
                for i in top
            ]
            best[place] = sorted(best[place] + rows, key=_score)[:limit]
    vectors = {key: vector.copy() for rows in best for _, key, vector in rows}
    return [[Hit(key, score) for score, key, _ in rows] for rows in best], vectors


def _unit(vectors: Floats) -> Floats:
    """Rows `(n, d)` of length 1, float32, also those whose square single precision cannot hold; a
    row of zeros stays, one that is not finite is NaN.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.asarray(vectors, np.float32)
        length = np.linalg.norm(rows, axis=1)
        unit: Floats = rows / np.where(length > 0, length, 1)[:, None]
        extreme = (length < SHORT) | (length > LONG)
        if extreme.any():
            precise = np.asarray(vectors[extreme], np.float64)
            long = np.linalg.norm(precise, axis=1)[:, None]
            unit[extreme] = precise / np.where(long > 0, long, 1)
    return unit


def _score(row: tuple[float, str, Floats]) -> float:
    return -row[0]


def trace_of(vector: Floats) -> list[float]:
    """A few numbers that a vector `(d,)` is known by: products with fixed directions, whatever its
    length.
    """
    x = np.asarray(vector, np.float64)
    length = float(np.linalg.norm(x)) or 1.0
    return [round(float(number), 6) for number in _directions(len(x)) @ (x / length)]


@lru_cache
def _directions(dim: int) -> Floats:
    """Directions `(NUMBERS, d)`, always the same."""
    directions: Floats = np.random.default_rng(dim).normal(size=(NUMBERS, dim))
    return directions


def is_near(some: Sequence[float] | None, others: Sequence[float] | None) -> bool:
    """Whether both are of one vector."""
    if not some or not others:
        return False
    return all(abs(a - b) < NEAR for a, b in zip(some, others, strict=True))
