"""Unlearning by gradient descent, as most papers do it: the projection alone is trained, everything
before it stays.

`x' = W x` with `W` from the identity: on pictures of forgotten labels the answers are to be what
they were among the retained ones, on all others what they were (both as softmax at the logit scale
of CLIPs). Adam; of the points on its way that one is taken which, on a fifth of the pool that it
did not train on, changes least of those that leave no more than `GOAL` named, or the one that
leaves fewest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from govd.edit.constants import GOAL
from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Map

SCALE = 100.0
RATE = 3e-4
STEPS = 200
LOOK = 20
"""Steps between the points of which one is taken."""
BATCH = 192
"""Pictures of forgotten and of other labels in a step, each."""
DECAY = (0.9, 0.999)
FOLDS = 5


@dataclass(frozen=True)
class Lesson:
    """Pictures `(n, d)` with the answers `(n, m)` that they are to get, and those of them that show
    what is forgotten.
    """

    x: np.ndarray
    wanted: np.ndarray
    own: np.ndarray

    @staticmethod
    def of(case: Case, label: np.ndarray) -> Lesson:
        """From the pool with labels `(n,)`: its own guesses, or true ones."""
        x = case.pool.astype(np.float32)
        logits = SCALE * x @ case.split.labels.vectors.T.astype(np.float32)
        own = np.isin(label, case.forgotten)
        logits[np.ix_(own, case.forgotten)] = -np.inf
        return Lesson(x, softmax(logits), own)


def unlearned(case: Case, label: np.ndarray | None) -> Map | None:
    """None where the pool's labels are not known."""
    if label is None or not np.isin(label, case.forgotten).any():
        return None
    lesson = Lesson.of(case, label)
    texts = case.split.labels.vectors.T.astype(np.float32)
    draw = np.random.default_rng(case.split.seed)
    apart = draw.permutation(len(lesson.x)) % FOLDS == 0
    own, rest = (
        np.flatnonzero(lesson.own & ~apart),
        np.flatnonzero(~lesson.own & ~apart),
    )
    weight = np.eye(lesson.x.shape[1], dtype=np.float32)
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    best, chosen = (np.inf, np.inf), weight
    for step in range(1, STEPS + 1):
        batch = np.concatenate(
            [draw.choice(rows, BATCH) for rows in (own, rest) if len(rows)]
        )
        moved = lesson.x[batch] @ weight.T
        error = (softmax(SCALE * moved @ texts) - lesson.wanted[batch]) * (
            SCALE / len(batch)
        )
        slope = (texts @ error.T) @ lesson.x[batch]  # (d, d)
        first = DECAY[0] * first + (1 - DECAY[0]) * slope
        second = DECAY[1] * second + (1 - DECAY[1]) * slope**2
        sizes = np.sqrt(second / (1 - DECAY[1] ** step)) + 1e-8
        weight = weight - RATE * (first / (1 - DECAY[0] ** step)) / sizes
        if step % LOOK == 0:
            rank = _judged(lesson, weight, texts, case.forgotten, apart)
            if rank < best:
                best, chosen = rank, weight
    return lambda x: x @ chosen.T.astype(np.float64)


def _judged(
    lesson: Lesson,
    weight: np.ndarray,
    texts: np.ndarray,
    forgotten: np.ndarray,
    apart: np.ndarray,
) -> tuple[float, float]:
    """How many pictures that were not trained on are named too often, and how many others have
    another answer.
    """
    answer = (lesson.x[apart] @ weight.T @ texts).argmax(1)
    own = lesson.own[apart]
    named = float(np.isin(answer[own], forgotten).mean()) if own.any() else 0.0
    return max(0.0, named - GOAL), float(
        (answer != lesson.wanted[apart].argmax(1))[~own].mean()
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Of each row `(n, m)`."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    shares: np.ndarray = shifted / shifted.sum(1, keepdims=True)
    return shares
