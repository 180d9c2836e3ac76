"""`fitted`: detectors fitted on a pool, as certain as each forget needs. Of this project; see
`govd.edit.levelling`.

The default where a model has a pool. For target `unnamed` a contribution says which pictures of the
pool are its own, and how certain its columns must be: of the steps from cheap to certain, the first
that on pictures that its fit did not see leaves the label unnamed. What was tried, what each step
leaves and what it costs are facts of the contribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from govd.edit import exact, strength
from govd.edit.compose import Problem
from govd.edit.duals import retained_mean
from govd.edit.judging import Answers, enough, named
from govd.edit.levelling import Levelled, Step, alone, steps_of
from govd.edit.pool import PoolFit
from govd.edit.system import Dual
from govd.methods.bilateral import FEWEST, Bilateral
from govd.methods.dual import (
    Oblique,
    Term,
    by_selector,
    domain_terms,
    places_of,
    removals_alone,
    tensors_of,
)
from govd.types import Floats, Json

FLOOR = 1
"""The first step that is tried. Chosen on `mini`'s calibration drawings, which other vendors drew
than its pool: there the step before leaves 12 of 408 named, this one 1, the next none.
"""
TEMPERATURE = 100.0
"""The logit scale that CLIPs are trained to."""
OTHERS = 512
"""Pictures of other things that the cost of a step is told from, at most about so many."""
DIGITS = 6
"""Decimals of the figures that are kept with a contribution."""


class Fitted(Dual):
    """Levels what is forgotten on its own pictures by a ridge regression on the pool.

    `floor` is the first of `STEPS` that a forget of concepts everywhere is tried with.
    """

    name = "fitted"
    max_strength = 2.0
    learns_from_pictures = True

    def __init__(self, floor: int = FLOOR) -> None:
        self.floor = floor

    def contribute(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Pool rows and a step for each target; for `level` detectors and strengths.

        Raises:
            Unsupported: target `shift` where it is not possible.
        """
        basis, spec = problem.basis, problem.spec
        if not basis.has_pool:
            method = Oblique() if problem.material.prototypes is None else Bilateral()
            return method.contribute(problem)
        if spec.target == "shift":
            return Bilateral().contribute(problem)
        if spec.scope.paradigm == "domains":
            return tensors_of(problem, domain_terms(problem, by_selector), False)
        if spec.target == "level":
            if spec.scope.domains or problem.material.examples is not None:
                return Bilateral().contribute(problem)
            return tensors_of(
                problem,
                [_level(problem, i) for i in range(len(spec.scope.concepts))],
                True,
            )
        return self._levelled(problem)

    def _levelled(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        basis, scope = problem.basis, problem.spec.scope
        pool = PoolFit.of(basis)
        shows = shown(problem, pool)
        texts = np.concatenate(problem.material.phrases)
        targets = np.ascontiguousarray(texts.T)
        lifted = exact.matmul(basis.tensors["metric_inverse"], targets)
        concepts = [
            _Concept.of(problem, pool, i, shows) for i in range(len(scope.concepts))
        ]
        tensors: dict[str, Any] = {
            "targets": targets,
            "lifted": lifted,
            "domains": np.array(problem.domains, np.int32),
        }
        for name in ("rows", "elsewhere"):
            parts = [getattr(concept, name) for concept in concepts]
            tensors[name] = (np.concatenate(parts) * basis.thinning).astype(np.int32)
            tensors[f"{name}_of"] = np.repeat(
                np.arange(len(parts)), [len(part) for part in parts]
            ).astype(np.int32)
        if problem.material.examples is not None:
            tensors["examples"] = np.ascontiguousarray(problem.material.examples.T)
        tensors["guess"] = np.stack([concept.guess for concept in concepts], axis=1)
        tensors["strength"] = np.array([problem.spec.strength])
        terms = [concept.facts(problem) for concept in concepts]
        phrases = [phrase for concept in scope.concepts for phrase in concept.phrases]
        removals = removals_alone(basis, tensors, phrases, "soft")
        choices = []
        for concept, place, facts in zip(
            concepts, places_of(problem), terms, strict=True
        ):
            step, tried = self._chosen(problem, pool, concept, removals[:, list(place)])
            facts |= {"beta": step.beta, "w": step.w, "tried": tried}
            choices += [step] * len(place)
        tensors["beta"], tensors["w"] = (
            np.array([step[i] for step in choices]) for i in (0, 1)
        )
        return tensors, {"targets": phrases, "terms": terms, "minus_mean": True}

    def _chosen(
        self, problem: Problem, pool: PoolFit, concept: _Concept, removals: Floats
    ) -> tuple[Step, list[dict[str, Json]]]:
        """The first step that leaves so few of the concept's pictures named that it is enough, and
        all that were tried.
        """
        tried: list[dict[str, Json]] = []
        for step in steps_of(problem.domains)[self.floor :]:
            left, total, cost = concept.outcome(problem, pool, step, removals)
            tried.append(
                {"beta": step.beta, "w": step.w, "named": left, "of": total, **cost}
            )
            if enough(left, total):
                break
        return step, tried


@dataclass(frozen=True)
class _Concept:
    """One concept of a request: its pictures and those of the same concept in other domains
    (positions in the thinned pool), examples `(m, d)`, the guess `(d,)` that a fit leans on, its
    phrases `(p, d)`.
    """

    at: int
    rows: Any
    elsewhere: Any
    examples: Floats
    guess: Floats
    texts: Floats
    _samples: dict[int, _Sample] = field(default_factory=dict)

    @staticmethod
    def of(problem: Problem, pool: PoolFit, at: int, shows: Sequence[Any]) -> _Concept:
        """From the pictures `(n,)` that show each concept."""
        basis, texts = problem.basis, problem.material.phrases[at]
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
        return _Concept(at, rows, elsewhere, examples, guess, texts)

    def facts(self, problem: Problem) -> dict[str, Json]:
        """What there is to say of it before anything is chosen."""
        name = problem.spec.scope.concepts[self.at].name
        where = (
            f"{name} in {', '.join(problem.spec.scope.domains)}"
            if problem.spec.scope.domains
            else name
        )
        facts: dict[str, Json] = {
            "about": where,
            "detector": "fitted on the pool",
            "images": len(self.rows) + len(self.examples),
        }
        if len(self.rows) < FEWEST:
            facts["warning"] = (
                f"only {len(self.rows)} images get this name: the detector leans on texts"
            )
        return facts

    def others(self, pool: PoolFit, half: int, answers: Answers) -> _Sample:
        """Pictures of other things, the same for every step."""
        if half not in self._samples:
            self._samples[half] = _Sample.of(pool, half, self.rows, answers)
        return self._samples[half]

    def _levelled(self, problem: Problem, step: Step) -> Levelled:
        """This concept alone, at a step and full strength."""
        width = len(self.texts)
        return Levelled(
            tuple(problem.domains),
            (self.rows,),
            (self.elsewhere,),
            (self.examples,),
            (self.guess,),
            tuple(range(width)),
            (steps_of(problem.domains).index(step),) * width,
            1.0,
        )

    def outcome(
        self, problem: Problem, pool: PoolFit, step: Step, removals: Floats
    ) -> tuple[int, int, dict[str, Json]]:
        """Over both halves of the pool, each fitted without the other: how many of the concept's
        pictures are still named with it by the worst of the prompts, how many there are; and of
        other pictures, the share whose answer changed, and how far they moved. Of a cell also the
        share of the same concept's pictures in other domains that are no longer named with it.
        """
        basis, width = problem.basis, len(self.texts)
        phrases = frozenset(
            phrase for phrase in problem.spec.scope.concepts[self.at].phrases
        )
        aims = self.texts.T - retained_mean(basis, phrases)[:, None]
        levelled = self._levelled(problem, step)
        answers = Answers.of(basis, np.ascontiguousarray(self.texts.T))
        forgotten = answers.mask(range(width))
        counts = [0] * len(answers.texts)
        total, changed, moved, others, lost = 0, 0, 0.0, 0, 0
        for half in (0, 1):
            left = alone(pool, levelled, aims, step, half)
            judges = self.rows[pool.seen(1 - half)[self.rows]]
            total += len(judges)
            for i, texts in enumerate(answers.texts):
                counts[i] += int(
                    np.count_nonzero(
                        named(pool.images[judges], texts, forgotten, left, removals)
                    )
                )
            same = pool.images[self.elsewhere[pool.seen(1 - half)[self.elsewhere]]]
            lost += len(same) - int(
                np.count_nonzero(
                    named(same, answers.texts[0], forgotten, left, removals)
                )
            )
            sample = self.others(pool, half, answers)
            hit = pool.images[sample.positions] @ left
            after = (sample.scores - hit @ (removals.T @ answers.texts[0].T)).argmax(1)
            kept = ~forgotten[sample.top]
            changed += int(np.count_nonzero(after[kept] != sample.top[kept]))
            moved += float(((hit @ removals.T) ** 2).sum())
            others += len(sample.positions)
        cost = {
            "others_changed": round(changed / max(1, others), DIGITS),
            "others_moved": round((moved / max(1, others)) ** 0.5, DIGITS),
        }
        if len(self.elsewhere):
            judged = int(np.count_nonzero(~pool.held[self.elsewhere]))
            cost["elsewhere_lost"] = round(lost / max(1, judged), DIGITS)
        return max(counts), total, cost


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
    if np.count_nonzero(shows) < FEWEST:
        return guess + away
    place: Floats = exact.mean(pool.images[shows]) + away
    return place


def shown(problem: Problem, pool: PoolFit) -> list[Any]:
    """For each concept of a request a mask `(n,)` of the (thinned) pool's pictures that it is the
    best text of, among the labels in use and the request's other concepts.
    """
    basis, material = problem.basis, problem.material
    phrases = {
        phrase for concept in problem.spec.scope.concepts for phrase in concept.phrases
    }
    rest = basis.pool_best("labels" if basis.labels else "vocabulary", phrases)
    scores = [exact.matmul(pool.images, texts.T).max(1) for texts in material.phrases]
    masks = []
    for i, own in enumerate(scores):
        best = rest
        for j, other in enumerate(scores):
            if j != i:
                best = np.maximum(best, other)
        masks.append(own > best)
    return masks


def likelihood(problem: Problem, pool: PoolFit, concept: int) -> Floats:
    """How likely each (thinned) pool picture `(n,)` shows a concept, as the model itself answers:
    its share of a softmax over the labels in use, in steps of 2^−20, so that no machine's
    exponential enters a digest.

    Args:
        problem: what is to be forgotten, with its material.
        pool: pictures that fits are made on.
        concept: its position in the scope.
    """
    phrases = {
        phrase for each in problem.spec.scope.concepts for phrase in each.phrases
    }
    scores = [
        exact.matmul(pool.images, texts.T).max(1) for texts in problem.material.phrases
    ]
    rivals = problem.basis.pool_rivals(
        "labels" if problem.basis.labels else "vocabulary", phrases
    )
    others = [own for i, own in enumerate(scores) if i != concept]
    beside = np.concatenate([rivals, *(own[:, None] for own in others)], axis=1)
    odds = np.exp(
        np.clip(TEMPERATURE * (beside - scores[concept][:, None]), -80.0, 80.0)
    ).sum(1)
    rounded: Floats = np.ldexp(np.rint(np.ldexp(1.0 / (1.0 + odds), 20)), -20)
    return rounded


def _level(problem: Problem, concept: int) -> Term:
    """`t_c − t̄` with the strength at which the text ranks the pictures that show the concept, as
    far as can be told, like any others.
    """
    basis = problem.basis
    pool = PoolFit.of(basis)
    texts = problem.material.phrases[concept]
    text = exact.mean(texts)
    phrases = frozenset(problem.spec.scope.concepts[concept].phrases)
    detector = text - retained_mean(basis, phrases)
    hit = exact.matmul(pool.images, detector[:, None])[:, 0]
    soft = likelihood(problem, pool, concept)
    facts: dict[str, Json] = {
        "about": problem.spec.scope.concepts[concept].name,
        "detector": "text minus the mean of the retained",
        "images": round(float(soft.sum()), 1),
        "strength_from": f"{len(pool.images)} {basis.pool_kind} embeddings, softly labelled",
    }

    def solve(removal: Floats, own: Floats) -> tuple[float, Mapping[str, Json]]:
        return strength.softly_level(pool.images, hit, soft, removal, own[0])

    return Term(
        np.ascontiguousarray(text[:, None]),
        places_of(problem)[concept],
        facts,
        solve=solve,
    )
