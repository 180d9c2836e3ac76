"""What `oblique` and `bilateral` share: a detector on the image side, a dual on the text side (see
`govd.edit.compose`). And `oblique`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit import exact, strength
from govd.edit.algebra import Host
from govd.edit.basis import Basis
from govd.edit.compose import Problem
from govd.edit.constants import SINKS
from govd.edit.duals import Targets, duals, retained_mean
from govd.edit.system import Dual
from govd.errors import OverCapacity, Unsupported
from govd.types import Floats, Json


@dataclass(frozen=True)
class Term:
    """Detectors `(d, m)` with one strength: what they remove, and the images that the strength is
    solved on.

    `removes`: positions of the targets that go, or `removal` `(d, m)`, directions of its own.
    `solve(removal, mode)` gives α* and what is left at it; None where α* is known
    (`facts["alpha"]`).
    """

    detectors: Floats
    removes: tuple[int, ...]
    facts: Mapping[str, Json]
    removal: Floats | None = None
    solve: Callable[[Floats, Floats], tuple[float, Mapping[str, Json]]] | None = None


def tensors_of(
    problem: Problem, terms: list[Term], minus_mean: bool
) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
    """Terms as the tensors of a contribution, each with its strength solved alone, in every mode
    that composing may choose.

    Args:
        problem: what is to be forgotten, with its material.
        terms: a detector each, with the targets that it takes away.
        minus_mean: targets are taken less the mean of what is retained.
    """
    basis = problem.basis
    # a shift moves images and has no target among the texts
    removing = any(t.removes for t in terms)
    phrases: list[str] = []
    if removing:
        phrases = problem.targets
    texts = np.zeros((0, basis.dim))
    if phrases:
        texts = np.concatenate(problem.material.phrases)
    widths = [t.detectors.shape[1] for t in terms]
    rows = [
        [float(i in t.removes) for i in range(len(phrases))]
        for t, m in zip(terms, widths, strict=True)
        for _ in range(m)
    ]
    tensors: dict[str, Floats] = {
        "targets": np.ascontiguousarray(texts.T),
        "lifted": exact.matmul(basis.tensors["metric_inverse"], texts.T),
        "detectors": np.concatenate([t.detectors for t in terms], axis=1),
        "incidence": np.array(rows).reshape(sum(widths), len(phrases)),
    }
    facts_of = [dict(t.facts) for t in terms]
    for mode in ("hard", "soft") if basis.hard else ("soft",):
        alone = removals_alone(basis, tensors, phrases, mode)
        alphas = [
            _strength_alone(term, facts, alone, texts, mode)
            for term, facts in zip(terms, facts_of, strict=True)
        ]
        tensors[f"strength_{mode}"] = (
            np.repeat(np.array(alphas), widths) * problem.spec.strength
        )
    if any(t.removal is not None for t in terms):
        tensors["removal"] = _removals(terms, basis.dim)
    return tensors, {"targets": phrases, "terms": facts_of, "minus_mean": minus_mean}


def _removals(terms: Sequence[Term], dim: int) -> Floats:
    """What each detector takes away `(dim, r)`; zeros where a term says nothing of it."""
    removals = []
    for term in terms:
        nothing = np.zeros((dim, term.detectors.shape[1]))
        removals.append(nothing if term.removal is None else term.removal)
    return np.concatenate(removals, axis=1)


def _strength_alone(
    term: Term, facts: dict[str, Json], alone: Floats, texts: Floats, mode: str
) -> float:
    """A term's α as if nothing else were in force, `alone` `(d, p)` being what it then takes away;
    what is left at it is added to the facts.
    """
    if term.solve is None:
        return float(facts["alpha"])
    removal = term.removal
    if removal is None:
        removal = exact.row_sum(alone[:, list(term.removes)].copy())[:, None]
    alpha, left = term.solve(removal, texts[list(term.removes)])
    facts |= {
        f"{name}_{mode}": value for name, value in {"alpha": alpha, **left}.items()
    }
    return alpha


def removals_alone(
    basis: Basis, tensors: Mapping[str, Floats], phrases: list[str], mode: str
) -> Floats:
    """The duals `(d, p)` of a forget's phrases as if nothing else were in force; soft ones where
    there are no hard ones.

    Args:
        basis: has the labels and the metric of the texts.
        tensors: `targets` and `lifted` of the contribution.
        mode: `hard` or `soft`.

    Raises:
        OverCapacity: two phrases mean the same to this model.
    """
    position = {name: i for i, name in enumerate(basis.labels)}
    label = tuple(position.get(p, -1) for p in phrases)
    targets = Targets(tensors["targets"], tensors["lifted"], label, frozenset())
    try:
        return duals(basis, targets, mode == "hard", Host())  # type: ignore[no-any-return]
    except OverCapacity as error:
        if mode == "hard":
            return duals(basis, targets, False, Host())  # type: ignore[no-any-return]
        advice = "Two of the phrases mean the same to this model: leave one out."
        raise OverCapacity(
            f"the phrases {', '.join(phrases)} cannot be told apart", advice=advice
        ) from error


def places_of(problem: Problem) -> list[tuple[int, ...]]:
    """The targets of each concept: positions of its phrases among all phrases."""
    places = []
    start = 0
    for rows in problem.material.phrases:
        places.append(tuple(range(start, start + len(rows))))
        start += len(rows)
    return places


class Oblique(Dual):
    """`u = t_c − t̄`, α = 1: the concept scores what an average retained anchor scores. Needs
    nothing but texts; domains by their prompts.

    On a hard label set and with α = 1, a forgotten label can never be the best one, and the order
    of the retained labels is what it was.
    """

    name = "oblique"
    max_strength = 1.5

    def contribute(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Detectors `(d, m)` from texts alone.

        Raises:
            Unsupported: the target is shift, which needs images.
        """
        scope = problem.spec.scope
        if problem.spec.target == "shift":
            raise Unsupported(
                "target shift needs images",
                advice="Add a pool to the model and use --method bilateral.",
            )
        if not scope.domains:
            pairs = zip(
                problem.material.phrases,
                places_of(problem),
                scope.concepts,
                strict=True,
            )
            return tensors_of(
                problem,
                [
                    by_text(exact.mean(texts), place, c.name)
                    for texts, place, c in pairs
                ],
                True,
            )
        return tensors_of(problem, domain_terms(problem, by_selector), False)


def by_text(detector: Floats, place: tuple[int, ...], about: str) -> Term:
    """A term whose detector is a text.

    Args:
        detector: `(d,)`, `t_c − t̄`.
        place: positions of the concept's phrases among all phrases.
        about: the concept, for the facts.
    """
    facts: dict[str, Json] = {
        "about": about,
        "detector": "text minus the mean of the retained",
        "alpha": 1.0,
    }
    return Term(np.ascontiguousarray(detector[:, None]), place, facts)


def domain_terms(
    problem: Problem, cell: Callable[[Problem, int, int], Term]
) -> list[Term]:
    """A term for each cell, or for each whole domain."""
    concepts = range(len(problem.spec.scope.concepts))
    return [cell(problem, i, s) for s in problem.domains for i in concepts] or [
        _whole(problem, s) for s in problem.domains
    ]


def by_selector(problem: Problem, concept: int, domain: int) -> Term:
    """The domain's selector as detector, for a cell that no images show; strength by the margin
    between texts.

    Args:
        problem: what is to be forgotten, with its material.
        concept: its position in the scope.
        domain: its position among the domains of the basis.
    """
    basis = problem.basis
    margin = 1.0 - float(
        exact.matmul(
            problem.material.phrases[concept][:1],
            retained_mean(basis, frozenset())[:, None],
        )[0, 0]
    )
    facts: dict[str, Json] = {
        "about": f"{problem.spec.scope.concepts[concept].name} in {basis.domains[domain]}",
        "detector": "domain selector",
        "alpha": margin,
    }
    if not basis.has_pool:
        facts["warning"] = (
            "the domain is told apart by prompts alone: expect half of the effect and more"
            " collateral; add a pool"
        )
    return Term(
        np.ascontiguousarray(basis.tensors["selectors"][domain][:, None]),
        places_of(problem)[concept],
        facts,
    )


def _whole(problem: Problem, domain: int) -> Term:
    """Everything in a domain: its selector is the detector, and what it adds pulls every image
    towards a few anchors, the *sinks*.

    All images of the domain get the same shift, so content no longer decides, but which sink is
    nearest; images of other domains are hardly seen by the selector. Sinks are anchors in an order
    seeded by model and domain; their own images in the domain keep their answer by chance. α is the
    smallest that reaches the target, and at most what leaves `ELSEWHERE` of the answers in other
    domains as they were.
    """
    basis = problem.basis
    images, inside = _in_domain(basis, domain)
    if not inside.any() or inside.all():
        raise Unsupported(
            f"no embeddings tell the domain {basis.domains[domain]} from others",
            advice="Add to the pool, or name concepts.",
        )
    names, anchors = basis.anchors
    sinks = _sinks(basis, domain)
    pull = exact.matmul(
        basis.tensors["metric_inverse"], exact.row_sum(anchors[sinks].T.copy())[:, None]
    )
    pull = pull / exact.mean(exact.matmul(anchors[sinks], pull))
    selector = np.ascontiguousarray(basis.tensors["selectors"][domain][:, None])
    hit = exact.matmul(images, selector)

    def solve(removal: Floats, _: Floats) -> tuple[float, Mapping[str, Json]]:
        return strength.scattered(images, inside, hit, removal, anchors, len(sinks))

    kind = (
        f"{len(images)} {basis.pool_kind} embeddings"
        if basis.has_pool
        else f"{len(images)} prompts"
    )
    facts: dict[str, Json] = {
        "about": basis.domains[domain],
        "detector": "domain selector",
        "strength_from": kind,
    }
    facts["sinks"] = [names[i] for i in sinks]
    if not basis.has_pool:
        facts["warning"] = (
            "the domain is told apart by prompts alone: expect half of the effect and more"
            " collateral; add a pool"
        )
    return Term(selector, (), facts, removal=np.ascontiguousarray(-pull), solve=solve)


def _sinks(basis: Basis, domain: int) -> list[int]:
    """Positions of the anchors that a forgotten domain's images are pulled to."""
    names = basis.anchors[0]

    def drawn(place: int) -> bytes:
        seed = f"{basis.model}\0{basis.domains[domain]}\0{names[place]}"
        return hashlib.sha256(seed.encode()).digest()

    order = sorted(range(len(names)), key=drawn)
    return sorted(order[: max(1, min(SINKS, len(names) // 4))])


def _in_domain(basis: Basis, domain: int) -> tuple[Floats, Any]:
    """Embeddings `(n, d)` and which are of the domain: the pool, or without one the prompts."""
    if basis.has_pool:
        images, at = basis.thinned_pool()
        return images, basis.tensors["pool_domains"][at] == domain
    prompts = basis.tensors["domain_prompts"]
    return (
        prompts.reshape(-1, basis.dim),
        np.arange(prompts.shape[0] * prompts.shape[1]) // prompts.shape[1] == domain,
    )
