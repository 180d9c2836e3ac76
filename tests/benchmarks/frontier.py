"""What the unlisted words cost at most less: the edit of `fitted` on some splits of a set, and what
gradient descent makes of it.

All edits `x' = x − B Lᵀ x` of the same rank are tried that keep hard labels exactly: `B` is moved
where no label sees it, `L` anywhere. Descent learns to keep each picture's softmax over words, and
to leave no picture of what is forgotten named, twice: from what a forget knows (the pool, its
guessed labels, the vocabulary), and told the pool's true labels, half of the judging pictures and
half of the unlisted words as well. On the other half of the pictures every point of its ways is
judged, by the other half of the words and by those that the told one learned with; of the points
that leave at most `ALLOWED` named the best is taken, which nobody could choose: a bound, as far as
descent finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from govd.edit import compose
from tests.benchmarks.forgetting.cases import Case, cases
from tests.benchmarks.forgetting.rows import DEFAULT, METHODS, contributions
from tests.benchmarks.forgetting.sets import Split

SCALE = 100.0
"""The logit scale that CLIPs are trained to."""
WAYS = ((1e-4, 0.1), (3e-4, 0.1))
"""Rates, and what a named picture weighs beside a word that has changed."""
STEPS, LOOK, BATCH = 300, 20, 1024
DECAY = (0.9, 0.99)
ALLOWED = 0.01
"""Pictures that may be left named."""

Edited = tuple[Any, Any]
"""`L` and `B`, `(d, k)` each."""


@dataclass(frozen=True)
class Told:
    """Pictures `(n, d)`, which of them `own` are to be forgotten, and of the others which `kept`
    have a retained label; words `(m, d)`.
    """

    x: np.ndarray
    own: np.ndarray
    kept: np.ndarray
    words: np.ndarray
    labels: np.ndarray
    forgotten: np.ndarray

    @staticmethod
    def of(case: Case, x: np.ndarray, label: np.ndarray, words: np.ndarray) -> Told:
        vectors = case.split.labels.vectors
        gone = np.isin(np.arange(len(vectors)), case.forgotten)
        own = np.isin(label, case.forgotten)
        kept = ~own & ~gone[(x @ vectors.T).argmax(1)]
        return Told(x, own, kept, words, vectors, gone)

    def figures(self, edited: Edited) -> tuple[float, float]:
        """How many are named, and how many of the others keep their best word."""
        left, right = (np.asarray(part, np.float64) for part in edited)
        moved = self.x - (self.x @ left) @ right.T
        named = self.forgotten[(moved[self.own] @ self.labels.T).argmax(1)]
        rest = ~self.own
        before = (self.x[rest] @ self.words.T).argmax(1)
        after = (moved[rest] @ self.words.T).argmax(1)
        return float(named.mean()), float((before == after).mean())


def frontier_line(title: str, splits: Sequence[Split], count: int) -> str:
    """A line for forgets of `count` labels, means over those of all splits: what `fitted` leaves
    and keeps on the halves that judge, and the best that descents find.
    """
    tried = [
        _shares(case) for split in splits for case in cases(split, "labels", count)
    ]
    means = np.mean(tried, axis=0)
    return f"| {title} | {count} | {' | '.join(f'{share:.3f}' for share in means)} |"


def _shares(case: Case) -> tuple[float, ...]:
    """Pictures that `fitted` leaves named; the unlisted words that it keeps, that the best edit
    keeps which knows what a forget knows, and that the best one keeps which is told more; the same
    by the words that the latter learned with.
    """
    split, method = case.split, METHODS["fitted"]
    basis = split.basis
    parts = contributions(case, DEFAULT, method, "unnamed", 1.0, basis)
    edit = compose(basis, parts, {method.name: method})
    draw = np.random.default_rng(0)
    half = draw.uniform(size=len(split.x)) < 0.5
    words = split.unlisted.vectors
    learned = draw.uniform(size=len(words)) < 0.5
    vocabulary = basis.tensors["vocabulary"]
    assert split.pool_label is not None
    lessons = (
        Told.of(case, case.pool, case.guessed, vocabulary),
        Told.of(
            case,
            np.concatenate([case.pool, split.x[half]]),
            np.concatenate([split.pool_label, split.label[half]]),
            np.concatenate([vocabulary, words[learned]]),
        ),
    )
    judges = [
        Told.of(case, split.x[~half], split.label[~half], chosen)
        for chosen in (words[~learned], words[learned])
    ]
    start: Edited = (edit.L, edit.B)
    before = [judge.figures(start) for judge in judges]
    best = [_best(lesson, start, judges) for lesson in lessons]
    return (
        before[0][0],
        *(
            share
            for i in range(len(judges))
            for share in (before[i][1], *(found[i] for found in best))
        ),
    )


def _best(lesson: Told, start: Edited, judges: Sequence[Told]) -> list[float]:
    """For each judge the largest share of words that an edit on the way keeps, `start` among them,
    of those that leave at most `ALLOWED` named.
    """
    best = [judge.figures(start)[1] for judge in judges]
    for point in points(lesson, start):
        for i, judge in enumerate(judges):
            named, kept = judge.figures(point)
            if named <= ALLOWED:
                best[i] = max(best[i], kept)
    return best


def points(lesson: Told, start: Edited) -> Iterator[Edited]:
    """Edits on the descent's ways, a way for each of `WAYS`."""
    free = np.linalg.svd(lesson.labels)[2][len(lesson.labels) :].T
    fixed = [jnp.asarray(part, jnp.float32) for part in (*start, free)]
    x, words, labels = (
        jnp.asarray(part, jnp.float32)
        for part in (lesson.x, lesson.words, lesson.labels)
    )
    own, kept, gone = lesson.own, lesson.kept, jnp.asarray(lesson.forgotten)

    def edited(step: Any) -> Edited:
        return fixed[0] + step[0], fixed[1] + fixed[2] @ step[1]

    def loss(step: Any, rows: Any, weight: float) -> Any:
        left, right = edited(step)
        moved = x[rows] - (x[rows] @ left) @ right.T
        logits = jax.nn.log_softmax(SCALE * moved @ words.T)
        spelled = -(jax.nn.softmax(SCALE * x[rows] @ words.T) * logits).sum(1)
        scores = SCALE * moved @ labels.T
        ahead = jnp.where(gone, scores, -jnp.inf).max(1)
        ahead = jax.nn.softplus(1.0 + ahead - jnp.where(gone, -jnp.inf, scores).max(1))
        is_own, is_kept = own_mask[rows], kept_mask[rows]
        named = (ahead * is_own).sum() / jnp.maximum(1, is_own.sum())
        newly = (ahead * is_kept).sum() / jnp.maximum(1, is_kept.sum())
        others = (spelled * ~is_own).sum() / jnp.maximum(1, (~is_own).sum())
        return others + weight * (named + newly)

    own_mask, kept_mask = jnp.asarray(own), jnp.asarray(kept)
    slope = jax.jit(jax.grad(loss))
    for rate, weight in WAYS:
        draw = np.random.default_rng(1)
        step = [jnp.zeros_like(fixed[0]), jnp.zeros((free.shape[1], len(fixed[1].T)))]
        first = [jnp.zeros_like(part) for part in step]
        second = [jnp.zeros_like(part) for part in step]
        for i in range(1, STEPS + 1):
            rows = jnp.asarray(draw.choice(len(x), min(BATCH, len(x)), replace=False))
            slopes = slope(step, rows, weight)
            first = [
                DECAY[0] * m + (1 - DECAY[0]) * g
                for m, g in zip(first, slopes, strict=True)
            ]
            second = [
                DECAY[1] * v + (1 - DECAY[1]) * g**2
                for v, g in zip(second, slopes, strict=True)
            ]
            pace = rate / (1 - DECAY[0] ** i)
            step = [
                part - pace * m / (jnp.sqrt(v / (1 - DECAY[1] ** i)) + 1e-8)
                for part, m, v in zip(step, first, second, strict=True)
            ]
            if i % LOOK == 0:
                yield edited(step)
