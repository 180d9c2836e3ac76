"""How many more unlisted words, or neighbours, could be kept: the edit of `fitted` on some splits
of a set, and what gradient descent makes of it.

All edits `x' = x − B Lᵀ x` of the same rank are tried that keep hard labels exactly: `B` is moved
where no label sees it, `L` anywhere; where labels are soft, both anywhere. Descent learns to keep
each picture's softmax over words, or over the other pictures, or both (and that over soft labels),
and to leave no picture of what is forgotten named, twice: from what a forget knows (the pool, its
guessed labels, the vocabulary), and told the pool's true labels, half of the judging pictures and
half of the unlisted words as well. On the other half of the pictures every point of its ways is
judged, by the other half of the words, by those that the told one learned with, or by nearest
pictures. Of the points that leave at most `ALLOWED` named and change at most `CHANGED` more answers
than `fitted` (and more words, where both are to stay) the best is taken, which nobody could choose:
a bound, as far as descent finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from govd.edit import compose
from tests.benchmarks.forgetting.cases import Case, cases
from tests.benchmarks.forgetting.figures import nearest
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
CHANGED = 0.002
"""Answers to other pictures that may change more than by `fitted`."""

Aim = Literal["words", "neighbours"]
"""What is asked for."""
Learned = Literal["words", "neighbours", "both"]
"""What is to stay."""

LEARNED: dict[Aim, tuple[Learned, ...]] = {
    "words": ("words",),
    "neighbours": ("neighbours", "both"),
}

Edited = tuple[Any, Any]
"""`L` and `B`, `(d, k)` each."""


@dataclass(frozen=True)
class Judged:
    """Pictures that are left named, and what of others stays: answers, best words, nearest
    pictures; as shares.
    """

    named: float
    unchanged: float
    words: float
    neighbours: float

    def stays(self, to_stay: Learned) -> float:
        """The share that is to be large."""
        return self.words if to_stay == "words" else self.neighbours

    def is_allowed(self, before: Judged, to_stay: Learned) -> bool:
        """No point is counted otherwise."""
        return (
            self.named <= ALLOWED
            and self.unchanged >= before.unchanged - CHANGED
            and (to_stay != "both" or self.words >= before.words - CHANGED)
        )


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

    @cached_property
    def nearest(self) -> np.ndarray:
        """Of each picture that is not to be forgotten the nearest other, unedited."""
        return nearest(self.x[~self.own])

    def figures(self, edited: Edited) -> Judged:
        """What an edit leaves named, and keeps."""
        left, right = (np.asarray(part, np.float64) for part in edited)
        moved = self.x - (self.x @ left) @ right.T
        answers, before = ((x @ self.labels.T).argmax(1) for x in (moved, self.x))
        rest = ~self.own
        first, second = ((x[rest] @ self.words.T).argmax(1) for x in (self.x, moved))
        lengths = np.linalg.norm(moved[rest], axis=1, keepdims=True)
        return Judged(
            float(self.forgotten[answers[self.own]].mean()),
            float((answers == before)[self.kept].mean()),
            float((first == second).mean()),
            float((self.nearest == nearest(moved[rest] / lengths)).mean()),
        )


def frontier_line(title: str, splits: Sequence[Split], count: int, aim: Aim) -> str:
    """A line for forgets of `count` labels, means over those of all splits: what `fitted` leaves
    and keeps on the halves that judge, and the best that descents find.
    """
    tried = [
        _shares(case, aim) for split in splits for case in cases(split, "labels", count)
    ]
    means = np.mean(tried, axis=0)
    return f"| {title} | {count} | {' | '.join(f'{share:.3f}' for share in means)} |"


def _shares(case: Case, aim: Aim) -> tuple[float, ...]:
    """Pictures that `fitted` leaves named; the unlisted words or nearest pictures that it keeps,
    that the best edit keeps which knows what a forget knows, and that the best one keeps which is
    told more. Of words the same by those that the latter learned with, of nearest pictures the last
    two where as many words stay as by `fitted`.
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
    start: Edited = (edit.L, edit.B)
    by = [(to_stay, ~learned) for to_stay in LEARNED[aim]]
    if aim == "words":
        by.append(("words", learned))
    judges = [
        Told.of(case, split.x[~half], split.label[~half], words[w]) for _, w in by
    ]
    before = [judge.figures(start) for judge in judges]
    shares = [before[0].named]
    for (to_stay, _), judge, first in zip(by, judges, before, strict=True):
        ways = (points(lesson, start, to_stay, basis.hard) for lesson in lessons)
        best = [_best(way, first, judge, to_stay) for way in ways]
        shares += [*([first.stays(to_stay)] if to_stay != "both" else []), *best]
    return tuple(shares)


def _best(
    way: Iterable[Edited], before: Judged, judge: Told, to_stay: Learned
) -> float:
    """The largest share that stays by an edit on the way that is allowed, or `before` it."""
    judged = (judge.figures(point) for point in way)
    allowed = [one for one in judged if one.is_allowed(before, to_stay)]
    return max(one.stays(to_stay) for one in (before, *allowed))


def points(
    lesson: Told, start: Edited, to_stay: Learned, hard: bool
) -> Iterator[Edited]:
    """Edits on the descent's ways, a way for each of `WAYS`. `hard`: labels are kept exactly."""
    free = (
        np.linalg.svd(lesson.labels)[2][len(lesson.labels) :].T
        if hard
        else np.eye(lesson.labels.shape[1])
    )
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
        is_own, is_kept = own_mask[rows], kept_mask[rows]
        strays = jnp.zeros(len(rows))
        if to_stay != "neighbours":
            strays += _strays(x[rows] @ words.T, moved @ words.T)
        if to_stay != "words":
            apart = jnp.where(jnp.eye(len(rows), dtype=bool) | is_own, -1.0, 0.0)
            unit = moved / jnp.linalg.norm(moved, axis=1, keepdims=True)
            strays += _strays(x[rows] @ x[rows].T + apart, unit @ unit.T + apart)
        if not hard:
            strays += _strays(x[rows] @ labels.T, moved @ labels.T)
        scores = SCALE * moved @ labels.T
        ahead = jnp.where(gone, scores, -jnp.inf).max(1)
        ahead = jax.nn.softplus(1.0 + ahead - jnp.where(gone, -jnp.inf, scores).max(1))
        named = (ahead * is_own).sum() / jnp.maximum(1, is_own.sum())
        newly = (ahead * is_kept).sum() / jnp.maximum(1, is_kept.sum())
        others = (strays * ~is_own).sum() / jnp.maximum(1, (~is_own).sum())
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


def _strays(before: Any, after: Any) -> Any:
    """The cross-entropy of each row's softmax over its scores, before and after."""
    logits = jax.nn.log_softmax(SCALE * after)
    return -(jax.nn.softmax(SCALE * before) * logits).sum(1)
