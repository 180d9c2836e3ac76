"""`fitted`: detectors fitted on a pool, as certain as each forget needs. Of this project; see
`govd.edit.levelling`.

The default where a model has a pool. For target `unnamed` a contribution says which pictures of the
pool are its own, and how certain its columns must be: of the steps from cheap to certain, the first
that on pictures that its fit did not see leaves the label unnamed. What was tried, what each step
leaves and what it costs are facts of the contribution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Sized
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import numpy as np

from govd.edit import exact, strength
from govd.edit.cache import Cache
from govd.edit.compose import Problem
from govd.edit.constants import (
    ALONE,
    CELL_FLOOR,
    FEWEST_PICTURES,
    LEVELS,
    SURER,
)
from govd.edit.duals import retained_mean
from govd.edit.judging import enough
from govd.edit.pool import PoolFit
from govd.edit.steps import Step
from govd.edit.system import Dual
from govd.methods.bilateral import Bilateral
from govd.methods.dual import (
    Oblique,
    Term,
    by_selector,
    domain_terms,
    places_of,
    removals_alone,
    tensors_of,
)
from govd.methods.likely import likelihood
from govd.methods.pictured import pictured
from govd.methods.trial import Concept, Trial, about
from govd.types import Floats, Json

KEPT: Final = 8
"""Forgets whose steps are kept with a basis."""


class Fitted(Dual):
    """Levels what is forgotten on its own pictures by a ridge regression on the pool.

    `floor` is the first of `WEIGHTED_STEPS` that a forget of concepts everywhere is tried with.
    """

    name = "fitted"
    max_strength = 2.0
    learns_from_pictures = True

    def __init__(self, floor: int = ALONE) -> None:
        self.floor = floor

    def contribute(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Pool rows and a step for each target; for `level` detectors and strengths.

        Raises:
            Unsupported: target `shift` where it is not possible.
        """
        basis = problem.basis
        spec = problem.spec
        if not basis.has_pool:
            method = Oblique() if problem.material.prototypes is None else Bilateral()
            return method.contribute(problem)
        if spec.target == "shift" and (basis.use == "labels" or spec.scope.domains):
            return Bilateral().contribute(problem)
        if spec.scope.paradigm == "domains":
            return tensors_of(problem, domain_terms(problem, by_selector), False)
        shows = pictured(problem)
        if shows is None:
            return self._named(problem)
        if spec.target == "shift":
            return tensors_of(problem, [shows.shifting], False)
        word = replace(problem, material=replace(problem.material, examples=None))
        tensors, facts = self._named(word)
        terms = [*facts["terms"], dict(shows.facts)]
        tensors = {**tensors, **shows.tensors(problem)}
        softly: dict[str, Json] = {"softly": True} if shows.softly else {}
        return tensors, {**facts, "terms": terms, **softly}

    def _named(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """What words name, in everything but whole domains."""
        spec = problem.spec
        if spec.target == "unnamed":
            return self._levelled(problem)
        if spec.target == "shift" or spec.scope.domains:
            return Bilateral().contribute(problem)
        terms = [_level(problem, i) for i in range(len(spec.scope.concepts))]
        return tensors_of(problem, terms, True)

    def _levelled(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Steps are tried at full strength, so that what is chosen is the same for each: it is kept
        with the basis for the others, which a preview asks for next, without a name: that of a
        private forget may be destroyed.
        """
        material = problem.material
        examples = material.examples
        asked = hashlib.sha256(
            repr((self.floor, replace(problem.spec, strength=1.0))).encode()
        )
        for rows in (*material.phrases, *(() if examples is None else (examples,))):
            asked.update(rows.tobytes())
        key = asked.hexdigest()
        kept: Cache[str, Any] = vars(problem.basis).setdefault("fits", Cache(KEPT))
        tensors, terms = kept.get(key) or kept.put(key, self._fitted(problem))
        facts = {
            "targets": problem.targets,
            "terms": [
                {"about": about(problem, at), **deepcopy(term)}
                for at, term in enumerate(terms)
            ],
            "minus_mean": True,
        }
        return {**tensors, "strength": np.array([problem.spec.strength])}, facts

    def _fitted(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Sequence[Mapping[str, Json]]]:
        """Pool rows and a step for each target, of any strength; what there is to say of each
        concept, without its name.
        """
        basis = problem.basis
        scope = problem.spec.scope
        pool = PoolFit.of(basis)
        shows = shown(problem, pool)
        texts = np.concatenate(problem.material.phrases)
        targets = np.ascontiguousarray(texts.T)
        lifted = exact.matmul(basis.tensors["metric_inverse"], targets)
        concepts = [
            Concept.of(problem, pool, i, shows) for i in range(len(scope.concepts))
        ]
        tensors: dict[str, Any] = {
            "targets": targets,
            "lifted": lifted,
            "domains": np.array(problem.domains, np.int32),
        }
        for name in ("rows", "elsewhere"):
            parts = [getattr(concept, name) for concept in concepts]
            tensors[name] = (np.concatenate(parts) * basis.thinning).astype(np.int32)
            tensors[f"{name}_of"] = _numbered(parts)
        if problem.material.examples is not None:
            tensors["examples"] = np.ascontiguousarray(problem.material.examples.T)
        tensors["guess"] = np.stack([concept.guess for concept in concepts], axis=1)
        terms = [concept.facts(problem) for concept in concepts]
        removals = removals_alone(basis, tensors, problem.targets, "soft")
        choices = []
        powers = []
        for concept, place, facts in zip(
            concepts, places_of(problem), terms, strict=True
        ):
            trial = Trial(problem, pool, concept, removals[:, list(place)])
            step, tried = self._chosen(trial)
            facts |= {"beta": step.beta, "w": step.w, "tried": tried}
            choices += [step] * len(place)
            if trial.weighted:
                powers.append(trial.reweighted(None).powers)
        tensors["beta"] = np.array([step.beta for step in choices])
        tensors["w"] = np.array([step.w for step in choices])
        if powers:
            tensors |= _weighted(powers, choices, places_of(problem))
        return tensors, terms

    def _first_step(self, concept: Concept) -> int:
        """The place in `WEIGHTED_STEPS` that a concept everywhere is tried with first."""
        known = concept.evidence
        return self.floor + max(
            (further for fewer, further in SURER if known < fewer), default=0
        )

    def _chosen(self, trial: Trial) -> tuple[Step, list[dict[str, Json]]]:
        """The first step that leaves so few of the concept's pictures named that it is enough, and
        all that were tried.
        """
        tried: list[dict[str, Json]] = []
        first = self._first_step(trial.concept) if trial.weighted else CELL_FLOOR
        floor = min(first, len(trial.steps) - 1)
        for step in trial.steps[floor:]:
            left, total, cost = trial.outcome(step)
            margin = {"margin": LEVELS[step.margin]} if step.margin >= 0 else {}
            figures = {"beta": step.beta, "w": step.w, **margin, "named": left}
            tried.append({**figures, "of": total, **cost})
            if enough(left, total):
                break
        return step, tried


def shown(problem: Problem, pool: PoolFit) -> list[Any]:
    """For each concept of a request a mask `(n,)` of the (thinned) pool's pictures that it is the
    best text of, among the labels in use and the request's other concepts.
    """
    basis = problem.basis
    material = problem.material
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


def _level(problem: Problem, concept: int) -> Term:
    """`t_c − t̄` with the strength at which the text ranks the pictures that show the concept, as
    far as can be told, and those that somebody gave, like any others.
    """
    basis = problem.basis
    pool = PoolFit.of(basis)
    texts = problem.material.phrases[concept]
    text = exact.mean(texts)
    phrases = frozenset(problem.spec.scope.concepts[concept].phrases)
    detector = text - retained_mean(basis, phrases)
    given = problem.material.examples
    examples = np.zeros((0, basis.dim)) if given is None else given
    images = np.concatenate([pool.images, examples])
    hit = exact.matmul(images, detector[:, None])[:, 0]
    soft = np.concatenate([likelihood(problem, pool, concept), np.ones(len(examples))])
    facts = _facts_of_level(problem, concept, float(soft.sum()), len(examples))

    def solve(removal: Floats, own: Floats) -> tuple[float, Mapping[str, Json]]:
        return strength.softly_level(images, hit, soft, removal, own[0], len(examples))

    return Term(
        np.ascontiguousarray(text[:, None]),
        places_of(problem)[concept],
        facts,
        solve=solve,
    )


def _facts_of_level(
    problem: Problem, concept: int, count: float, examples: int
) -> dict[str, Json]:
    """What is known of a concept before its strength is solved: about `count` pictures show it,
    `examples` that somebody gave among them.
    """
    basis = problem.basis
    pool = PoolFit.of(basis)
    source = f"{len(pool.images)} {basis.pool_kind} embeddings, softly labelled"
    facts: dict[str, Json] = {
        "about": problem.spec.scope.concepts[concept].name,
        "detector": "text minus the mean of the retained",
        "images": round(count, 1),
        "strength_from": f"{source}, and {examples} given" if examples else source,
    }
    if count < FEWEST_PICTURES:
        facts["warning"] = (
            f"about {count:.0f} images show it: its text will score about what an average label"
            " scores; how well it then finds pictures is not known"
        )
    return facts


def _weighted(
    powers: Sequence[Any], choices: Sequence[Step], places: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Tensors of a forget whose pictures may be weighted one by one: the powers `(n, levels)` of
    each concept's rows, one after the other; whose they are; each target's concept, and one more
    than its step's margin.
    """
    return {
        "powers": np.concatenate(powers).ravel().astype(np.int32),
        "powers_of": _numbered(powers),
        "concept_of": _numbered(places),
        "margin": np.array([step.margin + 1 for step in choices], np.int32),
    }


def _numbered(parts: Sequence[Sized]) -> Any:
    """The number of the part `(n,)` that each row is of, where parts stand one after the other."""
    lengths = [len(part) for part in parts]
    return np.repeat(np.arange(len(lengths)), lengths).astype(np.int32)
