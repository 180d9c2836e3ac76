"""One concept tried on a pool: which pictures show it, and what each step of `fitted` leaves of it
on pictures that its fit did not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.compose import Problem
from govd.edit.constants import DOUBTED, FEWEST_PICTURES
from govd.edit.duals import retained_mean
from govd.edit.judging import Answers, named
from govd.edit.levelled import Levelled
from govd.edit.levelling import alone
from govd.edit.pool import PoolFit
from govd.edit.reweighting import Reweighted, reweighted
from govd.edit.steps import Step, steps_of
from govd.methods.likely import by_texts_alone
from govd.types import Floats, Json

OTHERS = 512
"""Pictures of other things that the cost of a step is told from, at most about so many."""
DIGITS = 6
"""Decimals of the figures that are kept with a contribution."""


def about(problem: Problem, at: int) -> str:
    """What a forget's concept is called, with the domains that it goes in."""
    scope = problem.spec.scope
    name = scope.concepts[at].name
    return f"{name} in {', '.join(scope.domains)}" if scope.domains else name


@dataclass(frozen=True)
class Concept:
    """One concept of a request: its pictures and those of the same concept in other domains
    (positions in the thinned pool), how many of its pictures are `likely` to show it, examples
    `(m, d)`, the guess `(d,)` that a fit leans on, its phrases `(p, d)`.
    """

    at: int
    rows: Any
    elsewhere: Any
    likely: float
    examples: Floats
    guess: Floats
    texts: Floats

    @staticmethod
    def of(problem: Problem, pool: PoolFit, at: int, shows: Sequence[Any]) -> Concept:
        """From the pictures `(n,)` that show each concept."""
        basis = problem.basis
        texts = problem.material.phrases[at]
        text = exact.unit(exact.mean(texts)[None])[0]
        guess = np.sqrt(pool.closeness) * text
        rows = np.flatnonzero(shows[at])
        elsewhere = rows[:0]
        if problem.spec.scope.domains:
            domain_of = basis.tensors["pool_domains"][:: basis.thinning]
            inside = np.isin(domain_of, problem.domains)
            elsewhere = np.flatnonzero(shows[at] & ~inside)
            rows = np.flatnonzero(shows[at] & inside)
            guess = _cell_guess(pool, shows[at], inside, text, guess)
        given = problem.material.examples
        examples = np.zeros((0, basis.dim)) if given is None or at else given
        phrases = problem.spec.scope.concepts[at].phrases
        likely = by_texts_alone(pool, rows, phrases, texts)
        return Concept(at, rows, elsewhere, likely, examples, guess, texts)

    @property
    def is_doubtful(self) -> bool:
        """Texts are sure of so few pictures with its name that most got it by chance."""
        return self.likely < DOUBTED * len(self.rows)

    @property
    def evidence(self) -> float:
        """How many pictures tell what a fit leaves of it: those that are likely to show it, none
        where names are got by chance, and those that somebody gave.
        """
        return (0.0 if self.is_doubtful else self.likely) + len(self.examples)

    def facts(self, problem: Problem) -> dict[str, Json]:
        """What there is to say of it before anything is chosen, without its name."""
        facts: dict[str, Json] = {
            "detector": "fitted on the pool",
            "images": len(self.rows) + len(self.examples),
        }
        count = len(self.rows)
        if count < FEWEST_PICTURES:
            facts["warning"] = (
                f"only {count} {'image gets' if count == 1 else 'images get'} this name: the"
                " detector leans on texts"
            )
            return facts
        if self.is_doubtful and not problem.spec.scope.domains:
            facts["warning"] = (
                f"{count} images get this name, and about {self.likely:.0f} are likely to show it:"
                " the detector leans on texts"
            )
        return facts


@dataclass(frozen=True)
class Trial:
    """One concept of a problem, alone and at full strength, fitted on one half of the pool and
    judged on the other. `removals` `(d, p)` are duals of its phrases.
    """

    problem: Problem
    pool: PoolFit
    concept: Concept
    removals: Floats
    _kept: dict[Any, Any] = field(default_factory=dict)

    @property
    def weighted(self) -> bool:
        """Whether its pictures are weighted one by one: those of cells are not."""
        return not self.problem.spec.scope.domains

    @property
    def steps(self) -> tuple[Step, ...]:
        """The list that it goes down."""
        return steps_of(self.problem.domains, self.weighted)

    @cached_property
    def answers(self) -> Answers:
        """What competes for a picture, the concept's phrases first among the targets."""
        targets = np.ascontiguousarray(self.concept.texts.T)
        return Answers.of(self.problem.basis, targets)

    @cached_property
    def aims(self) -> Floats:
        """`t_j − t̄` `(d, p)` of its phrases."""
        concept = self.problem.spec.scope.concepts[self.concept.at]
        mean = retained_mean(self.problem.basis, frozenset(concept.phrases))
        aims: Floats = self.concept.texts.T - mean[:, None]
        return aims

    def reweighted(self, half: int | None) -> Reweighted:
        """Its pictures' weights, fitted on a half of the pool, or on all that fits see."""
        if half not in self._kept:
            self._kept[half] = reweighted(
                self.pool,
                self._levelled(self.steps[0]),
                self.aims,
                self.answers,
                self.removals,
                half,
            )
        known: Reweighted = self._kept[half]
        return known

    def columns(self, step: Step, half: int) -> Floats:
        """Detectors `(d, p)` at a step, fitted on a half of the pool."""
        if step.beta == 1.0:
            return self.aims
        if step.margin < 0:
            return alone(self.pool, self._levelled(step), self.aims, step, half)
        return self.reweighted(half).columns[step.margin]

    def others(self, half: int) -> _Sample:
        """Pictures of other things, the same for every step."""
        if ("others", half) not in self._kept:
            self._kept["others", half] = _Sample.of(
                self.pool, half, self.concept.rows, self.answers
            )
        sample: _Sample = self._kept["others", half]
        return sample

    def _levelled(self, step: Step) -> Levelled:
        """This concept alone, at a step and full strength."""
        concept = self.concept
        width = len(self.concept.texts)
        return Levelled(
            tuple(self.problem.domains),
            (concept.rows,),
            (concept.elsewhere,),
            (concept.examples,),
            (concept.guess,),
            tuple(range(width)),
            (self.steps.index(step),) * width,
            1.0,
        )

    def outcome(self, step: Step) -> tuple[int, int, dict[str, Json]]:
        """Over both halves of the pool, each fitted without the other: how many of the concept's
        pictures are still named with it by the worst of the prompts, how many there are; and of
        other pictures, the share whose answer changed, and how far they moved. Of a cell also the
        share of the same concept's pictures in other domains that are no longer named with it.
        """
        rows = self.concept.rows
        elsewhere = self.concept.elsewhere
        counts = [0] * len(self.answers.texts)
        total = 0
        lost = 0
        cost = _Cost()
        for half in (0, 1):
            left = self.columns(step, half)
            judges = rows[self.pool.seen(1 - half)[rows]]
            total += len(judges)
            for i, texts in enumerate(self.answers.texts):
                counts[i] += self._named(judges, texts, left)
            same = elsewhere[self.pool.seen(1 - half)[elsewhere]]
            lost += len(same) - self._named(same, self.answers.texts[0], left)
            self._add_cost(cost, left, half)
        figures = cost.figures()
        if len(elsewhere):
            judged = int(np.count_nonzero(~self.pool.held[elsewhere]))
            figures["elsewhere_lost"] = round(lost / max(1, judged), DIGITS)
        return max(counts), total, figures

    def _named(self, positions: Any, texts: Floats, left: Floats) -> int:
        """How many of some pool pictures are named with the concept, by one set of texts."""
        forgotten = self.answers.mask(range(len(self.concept.texts)))
        images = self.pool.images[positions]
        return int(
            np.count_nonzero(named(images, texts, forgotten, left, self.removals))
        )

    def _add_cost(self, cost: _Cost, left: Floats, half: int) -> None:
        """What a fit does to pictures of other things in the half that it did not see."""
        forgotten = self.answers.mask(range(len(self.concept.texts)))
        sample = self.others(half)
        hit = self.pool.images[sample.positions] @ left
        lost = hit @ (self.removals.T @ self.answers.texts[0].T)
        after = (sample.scores - lost).argmax(1)
        kept = ~forgotten[sample.top]
        cost.changed += int(np.count_nonzero(after[kept] != sample.top[kept]))
        cost.moved += float(((hit @ self.removals.T) ** 2).sum())
        cost.others += len(sample.positions)


@dataclass
class _Cost:
    """Other pictures, how many of them are answered otherwise, and how far all of them moved,
    squared.
    """

    others: int = 0
    changed: int = 0
    moved: float = 0.0

    def figures(self) -> dict[str, Json]:
        """As shares, for a contribution's facts."""
        count = max(1, self.others)
        return {
            "others_changed": round(self.changed / count, DIGITS),
            "others_moved": round((self.moved / count) ** 0.5, DIGITS),
        }


@dataclass(frozen=True)
class _Sample:
    """Pictures of other things in the half that was not fitted: positions `(n,)`, scores `(n, m)`
    with the answers' texts before any edit, and the best `(n,)`.
    """

    positions: Any
    scores: Floats
    top: Any

    @staticmethod
    def of(pool: PoolFit, half: int, own: Any, answers: Answers) -> _Sample:
        """All but the concept's `own` (positions)."""
        rest = pool.seen(1 - half)
        rest[own] = False
        positions = np.flatnonzero(rest)
        positions = positions[:: max(1, len(positions) // OTHERS)]
        scores: Floats = pool.images[positions] @ answers.texts[0].T
        return _Sample(positions, scores, scores.argmax(1))


def _cell_guess(
    pool: PoolFit, shows: Any, inside: Any, text: Floats, guess: Floats
) -> Floats:
    """Where a cell's pictures should lie: the concept's mean, or its text where no picture shows
    it, moved as the domain's mean is from the pool's.
    """
    if not inside.any() or inside.all():
        return guess
    away = exact.mean(pool.images[inside]) - exact.mean(pool.images)
    if np.count_nonzero(shows) < FEWEST_PICTURES:
        return guess + away
    place: Floats = exact.mean(pool.images[shows]) + away
    return place
