"""`bilateral`: detectors learned from unlabelled images, strengths solved on them. Of this project;
see `govd.edit.compose`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from govd.edit import exact, strength
from govd.edit.basis import Basis
from govd.edit.compose import Problem
from govd.edit.constants import (
    CONFIDENT,
    CROSSED_FOLDS,
    FEWEST_PICTURES,
    PROTOTYPE_RIDGE,
    UNSEEN_CELL,
)
from govd.edit.duals import retained_mean
from govd.edit.pool import PoolFit
from govd.edit.selectors import dual_rows, ridge
from govd.edit.system import Dual
from govd.errors import Unsupported
from govd.methods.dual import (
    Term,
    by_selector,
    by_text,
    domain_terms,
    places_of,
    tensors_of,
)
from govd.types import Floats, Json


class Bilateral(Dual):
    """The detector is the discriminant of the concept (in the domain) among images: a pool's,
    pseudo-labelled by their best text, or synthesised ones. Strengths are solved for the target on
    the same images.
    """

    name = "bilateral"
    max_strength = 2.0
    learns_from_pictures = True

    def contribute(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Detectors `(d, m)` and strengths from images.

        Raises:
            Unsupported: there are no images, or the target is none of this scope's or use's.
        """
        basis = problem.basis
        spec = problem.spec
        if not basis.has_pool and problem.material.prototypes is None:
            advice = "Add one (govd model add --pool), use --prototypes N, or use --method oblique."
            raise Unsupported(
                "bilateral needs images: the model has no pool", advice=advice
            )
        if spec.target == "shift" and spec.scope.domains:
            raise Unsupported(
                "target shift is for concepts in all domains",
                advice="Choose --target unnamed.",
            )
        if spec.target == "level" and problem.material.examples is not None:
            _refuse_examples(problem)
        if spec.target == "shift" and basis.use == "labels":
            advice = (
                "Register the model with --use open or "
                "search, or choose --target unnamed or level."
            )
            raise Unsupported(
                "target shift keeps no label exactly, and this model is used with a label set",
                advice=advice,
            )
        if spec.scope.domains:
            return tensors_of(
                problem,
                domain_terms(problem, _term if basis.has_pool else by_selector),
                False,
            )
        return tensors_of(
            problem,
            [_term(problem, i, None) for i in range(len(spec.scope.concepts))],
            False,
        )


def _refuse_examples(problem: Problem) -> None:
    """Given pictures move the detector of a whole concept and are hit harder than others, so that
    new ones are ranked below the rest (AUC 0.38 to 0.46 on Caltech-101 and Oxford Pets).
    """
    if problem.basis.has_pool and not problem.spec.scope.domains:
        raise Unsupported(
            "bilateral finds no strength for target level with given pictures",
            advice="Use --method fitted (the default), or leave --example out.",
        )


def _term(problem: Problem, concept: int, domain: int | None) -> Term:
    """The discriminant of a concept, or of a cell, among images."""
    basis = problem.basis
    target = problem.spec.target
    images, concept_mask, inverse = _images(problem, concept)
    in_cell = concept_mask
    if domain is not None:
        domain_mask = basis.tensors["pool_domains"][basis.thinned_pool()[1]] == domain
        # examples are of what is to go
        in_cell = concept_mask & np.concatenate(
            [domain_mask, np.ones(len(images) - len(domain_mask), bool)]
        )
    place = places_of(problem)[concept]
    count = int(np.count_nonzero(in_cell))
    if count < FEWEST_PICTURES:
        return _few(problem, concept, domain, count)
    name = problem.spec.scope.concepts[concept].name
    facts: dict[str, Json] = {
        "about": name if domain is None else f"{name} in {basis.domains[domain]}",
        "detector": "discriminant",
    }
    facts |= {
        "images": count,
        "strength_from": f"{len(images)} {basis.pool_kind or 'prototype'} embeddings",
    }
    detector, points = _discriminant(images, in_cell, concept_mask & ~in_cell, inverse)
    if target == "shift":
        return Term(
            detector,
            (),
            facts | {"alpha": 1.0},
            removal=np.ascontiguousarray((points[0] - points[1])[:, None]),
        )
    hit = _crossed(images, in_cell, concept_mask & ~in_cell, inverse)
    rest = _others(problem)

    def solve(removal: Floats, own: Floats) -> tuple[float, Mapping[str, Json]]:
        if target == "level":
            among = ~in_cell if domain is None else ~concept_mask
            reach = _as_unseen(basis, hit)
            return strength.level(images, reach, in_cell, among, removal, own[0])
        return strength.unnamed(images[in_cell], hit[in_cell], removal, own, rest)

    return Term(detector, place, facts, solve=solve)


def _others(problem: Problem) -> Floats:
    """The anchors `(m, d)` that this forget does not name."""
    names, anchors = problem.basis.anchors
    phrases = {p for c in problem.spec.scope.concepts for p in c.phrases}
    rest: Floats = anchors[[i for i, name in enumerate(names) if name not in phrases]]
    return rest


def _images(problem: Problem, concept: int) -> tuple[Floats, Any, Floats]:
    """Embeddings, which of them get the concept's name (the examples that somebody gave among
    them), and the inverse covariance.
    """
    images, concept_mask, inverse = _found(problem, concept)
    examples = problem.material.examples
    if examples is None:
        return images, concept_mask, inverse
    return (
        np.concatenate([images, examples]),
        np.concatenate([concept_mask, np.ones(len(examples), bool)]),
        inverse,
    )


def _found(problem: Problem, concept: int) -> tuple[Floats, Any, Floats]:
    basis = problem.basis
    material = problem.material
    if not basis.has_pool:
        assert material.prototypes is not None
        images = material.prototypes
        centred = images - exact.mean(images)
        covariance = exact.gram(centred) / len(images)
        return (
            images,
            np.array(material.prototype_of) == concept,
            exact.inverse(covariance + ridge(covariance, PROTOTYPE_RIDGE)),
        )
    images, _ = basis.thinned_pool()
    phrases = {p for c in problem.spec.scope.concepts for p in c.phrases}
    own_scores = exact.matmul(images, material.phrases[concept].T).max(1)
    best = basis.pool_best("labels" if basis.labels else "vocabulary", phrases)
    # the other concepts of the same forget compete, too
    for i, texts in enumerate(material.phrases):
        if i != concept:
            best = np.maximum(best, exact.matmul(images, texts.T).max(1))
    if basis.labels and len(basis.vocabulary):
        return (
            images,
            _surest(
                own_scores - best, own_scores - basis.pool_best("vocabulary", phrases)
            ),
            basis.tensors["pool_inverse"],
        )
    return images, own_scores > best, basis.tensors["pool_inverse"]


def _surest(margin: Floats, beyond: Floats) -> Any:
    """Which images `(n,)` show a concept: those that win among the labels (`margin` > 0) and
    against the general vocabulary (`beyond` > 0).

    A label set is short, and everything that it has no name for gets the nearest one; most of a
    pool is of that kind. But a vocabulary may have another word for the concept itself: at least
    the `CONFIDENT` surest of the first kind stay.
    """
    concept_mask = margin > 0
    sure = concept_mask & (beyond > 0)
    if np.count_nonzero(sure) < CONFIDENT:
        sure[
            np.argsort(np.where(concept_mask, -margin, np.inf), kind="stable")[
                :CONFIDENT
            ]
        ] = True
    return sure & concept_mask


def _discriminant(
    images: Floats, chosen: Any, elsewhere: Any, inverse: Floats
) -> tuple[Floats, list[Floats]]:
    """`(d, 1)`: 1 at the mean of the chosen, 0 at the mean of the rest (and of the same concept in
    other domains), smallest in the images' metric; and those means.
    """
    points = [exact.mean(images[chosen]), exact.mean(images[~chosen & ~elsewhere])]
    if np.count_nonzero(elsewhere) >= FEWEST_PICTURES:
        points.append(exact.mean(images[elsewhere]))
    stacked = np.stack(points)
    rows = dual_rows(stacked, exact.matmul(inverse, stacked.T))
    return np.ascontiguousarray(rows[:1].T), points


def _crossed(images: Floats, chosen: Any, elsewhere: Any, inverse: Floats) -> Floats:
    """`xᵀu` `(n,)` with a detector that was made without `x`: what it will be on images that nobody
    has seen.
    """
    hit = np.zeros(len(images))
    turn = np.zeros(len(images), np.int64)
    turn[chosen] = np.arange(np.count_nonzero(chosen)) % CROSSED_FOLDS
    turn[~chosen] = np.arange(np.count_nonzero(~chosen)) % CROSSED_FOLDS
    folds = min(CROSSED_FOLDS, int(np.count_nonzero(chosen)))
    for fold in range(folds):
        fold_mask = turn % folds == fold
        detector, _ = (
            _discriminant(images, chosen & ~fold_mask, elsewhere & ~fold_mask, inverse)
            if (chosen & ~fold_mask).any()
            else (None, None)
        )
        if detector is not None:
            hit[fold_mask] = exact.matmul(images[fold_mask], detector)[:, 0]
    return hit


def _as_unseen(basis: Basis, hit: Floats) -> Floats:
    """`xᵀu` `(n,)` with a pool's covariance of before `x` was in it, by Sherman and Morrison: a
    detector sees less of the pictures that its covariance has seen, and a strength that was solved
    on those overshoots. Given pictures, the last rows, are in no covariance.
    """
    if not basis.has_pool:
        return hit
    share = PoolFit.of(basis).leverage / len(basis.tensors["pool"])
    unseen = hit.copy()
    unseen[: len(share)] /= 1.0 - share
    return unseen


def _few(problem: Problem, concept: int, domain: int | None, images: int) -> Term:
    """A concept of which the images show too few: detector from texts, strength by construction."""
    get = "image gets" if images == 1 else "images get"
    warning = f"only {images} {get} this name: the detector is made of texts"
    if domain is not None:
        term = _unseen_cell(problem, concept, domain)
    elif problem.spec.target == "shift":
        name = problem.spec.scope.concepts[concept].name
        raise Unsupported(
            f"only {images} {get} the name {name}",
            advice="Choose --target unnamed, or add to the pool.",
        )
    else:
        phrases = frozenset(p for c in problem.spec.scope.concepts for p in c.phrases)
        detector = exact.mean(problem.material.phrases[concept]) - retained_mean(
            problem.basis, phrases
        )
        term = by_text(
            detector,
            places_of(problem)[concept],
            problem.spec.scope.concepts[concept].name,
        )
    return replace(term, facts={**term.facts, "warning": warning, "images": images})


def _unseen_cell(problem: Problem, concept: int, domain: int) -> Term:
    """The domain's selector as detector; strength by the concept's images in the other domains,
    seen as the domain's images are.
    """
    term = by_selector(problem, concept, domain)
    basis = problem.basis
    images, concept_mask, _ = _images(problem, concept)
    if not basis.has_pool or not concept_mask.any() or problem.spec.target != "unnamed":
        return term
    pool, at = basis.thinned_pool()
    hits = np.sort(
        exact.matmul(pool[basis.tensors["pool_domains"][at] == domain], term.detectors)[
            :, 0
        ]
    )
    if not len(hits):
        return term
    hit = np.full(np.count_nonzero(concept_mask), hits[int(UNSEEN_CELL * len(hits))])
    rest = _others(problem)
    facts = {k: v for k, v in term.facts.items() if k != "alpha"} | {
        "strength_from": f"{len(hit)} images in other domains"
    }
    return replace(
        term,
        facts=facts,
        solve=lambda removal, own: strength.unnamed(
            images[concept_mask], hit, removal, own, rest
        ),
    )
