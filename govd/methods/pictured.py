"""A concept that pictures show and its word does not: what is to go is told by the pictures alone.

A face or a logo may stand under a word that means nothing to the model. What the word names is
taken away then as any concept is, and beside it what the given pictures `x_i` show. Of the pool
those pictures join them that a discriminant calls more like them than like the rest, searched
twice; with their mean `m` and `x̄` of the rest

    l = S⁻¹ [m, x̄] ([m, x̄]ᵀ S⁻¹ [m, x̄])⁻¹ [1, 0]ᵀ,   S = C + τ I

is 1 at `m` and 0 at `x̄` (`C` the pool's covariance, τ its trace/d), and
`x → x − s (lᵀx) r`, where `r` is `d = m − x̄` less what labels see of it: all of it where they are
hard, so that none changes its score; softly where they are not, or where that would leave less than
`OFF_LABELS` of it. `s = PICTURED_STRENGTH (dᵀd)/(rᵀd)`: with 1 in the place of that constant, along
`d` such a picture is as the rest is. Target `shift` is that alone, `r = d` and `s = 1`, whatever
the word may name: `m` comes to lie where `x̄` is.

Who asks by a word that nobody listed finds them no more, as far as that word lies along `d`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.basis import Basis
from govd.edit.compose import Problem
from govd.edit.constants import (
    ENOUGH_GIVEN,
    FOUND_BY_WORD,
    OFF_LABELS,
    PICTURED_RIDGE,
    PICTURED_STRENGTH,
)
from govd.edit.pool import PoolFit
from govd.edit.selectors import ridge
from govd.errors import Unsupported
from govd.methods.alike import Alike, alike_everywhere, alike_in
from govd.methods.dual import Term
from govd.types import Floats, Json

BY_PICTURES = "discriminant of the pictures given"
"""The detector of such a concept, as facts say it."""


@dataclass(frozen=True)
class Pictured:
    """What given pictures show, facts about it, and whether the labels see most of it, so that none
    can be kept as it is.
    """

    alike: Alike
    softly: bool
    facts: Mapping[str, Json]

    def tensors(self, problem: Problem) -> dict[str, Floats]:
        """As columns `(d, 1)` of a contribution: the detector (in named domains also the one where
        a condition asks for the domain), and what it takes away in each mode, strength in it.
        """
        strength = PICTURED_STRENGTH * problem.spec.strength
        modes = ("hard", "soft") if problem.basis.hard else ("soft",)
        removals = {
            f"pictured_{mode}": _removal(problem.basis, self.alike.difference, mode)
            * strength
            for mode in modes
        }
        columns = {"pictured": self.alike.detector, **removals}
        if self.alike.inside is not None:
            columns["pictured_inside"] = self.alike.inside
        return {name: column[:, None] for name, column in columns.items()}

    @property
    def shifting(self) -> Term:
        """What takes the difference away by itself, at α = 1."""
        removal = np.ascontiguousarray(self.alike.difference[:, None])
        detector = np.ascontiguousarray(self.alike.detector[:, None])
        return Term(detector, (), {**self.facts, "alpha": 1.0}, removal=removal)


def pictured(problem: Problem) -> Pictured | None:
    """What the pictures of a request for one concept show; None where there are none, or where its
    word finds them or is a label.

    Args:
        problem: what is to be forgotten, of a basis with a pool.

    Raises:
        Unsupported: it is to go in some domains, and no condition asks for them.
    """
    given = problem.material.examples
    concepts = problem.spec.scope.concepts
    if given is None:
        return None
    if set(concepts[0].phrases) & set(problem.basis.labels):
        return None
    pool = PoolFit.of(problem.basis)
    pool_mask = pool.seen()
    if problem.domains:
        domain_of = problem.basis.tensors["pool_domains"][:: problem.basis.thinning]
        pool_mask &= np.isin(domain_of, problem.domains)
    phrases = problem.material.phrases[0]
    rank = _rank(pool.images[pool_mask], given, phrases)
    if rank > FOUND_BY_WORD or _names_most(problem, given, phrases):
        return None
    if not problem.domains:
        alike = alike_everywhere(pool, given)
    elif problem.basis.conditional:
        alike = alike_in(problem.basis, pool, given, problem.domains)
    else:
        raise _linear(problem, given)
    softly = _softly_alone(problem.basis, alike.difference)
    return Pictured(alike, softly, _facts(problem, given, rank, alike.joined, softly))


def _softly_alone(basis: Basis, difference: Floats) -> bool:
    """Whether hard labels would leave too little of a difference `(d,)`."""
    if not basis.hard:
        return False
    projection = _off_labels(basis.tensors["labels"], difference)
    pairs = np.stack([difference * difference, projection * difference])
    whole, rest = exact.row_sum(pairs)
    return bool(rest < OFF_LABELS * whole)


def _linear(problem: Problem, given: Floats) -> Unsupported:
    """Why what pictures show is not taken away in some domains by a linear edit."""
    name = problem.spec.scope.concepts[0].name
    called = _called(problem, given)
    word = (
        f"ask for {called}, which most of them are called"
        if called
        else "find a word for them"
    )
    return Unsupported(
        f"{name} does not find the pictures given, and what they show cannot be taken from"
        f" {', '.join(problem.spec.scope.domains)} alone by a linear edit",
        advice=(
            "Set the model to --conditional (govd model update), leave --domain out, or"
            f" {word}."
        ),
    )


def _facts(
    problem: Problem, given: Floats, rank: float, joined: int, softly: bool
) -> dict[str, Json]:
    """What there is to say of it: `rank` of the word, and how many of the pool `joined`."""
    count = len(given)
    consequence = (
        "moved onto the rest, and nothing else is"
        if problem.spec.target == "shift"
        else "taken away as well"
    )
    warning = (
        f"the word finds the pictures given no better than {round(100 * rank)} % of the pool:"
        f" what they and {joined} of the pool that look like them show is {consequence}"
    )
    if softly:
        warning += ". The labels see most of it: their scores cannot be kept exactly"
    called = _called(problem, given)
    if called:
        warning += f". Most of them are called {called}: perhaps that is the word"
    if count < ENOUGH_GIVEN:
        warning += f". {count} can tell little: give {ENOUGH_GIVEN} or more (--example)"
    domains = problem.spec.scope.domains
    name = problem.spec.scope.concepts[0].name
    return {
        "about": f"{name} in {', '.join(domains)}" if domains else name,
        "detector": BY_PICTURES,
        "images": count + joined,
        "warning": warning,
    }


def _called(problem: Problem, given: Floats) -> str:
    """The anchor that most of the pictures `(m, d)` are answered with, empty where none is."""
    names, anchors = problem.basis.anchors
    answers = exact.matmul(given, anchors.T).argmax(1)
    counts = np.bincount(answers, minlength=len(names))
    most = int(counts.argmax())
    return names[most] if 2 * int(counts[most]) > len(given) else ""


def _rank(images: Floats, given: Floats, phrases: Floats) -> float:
    """The share of the pool that the median given picture is ranked above by the best phrase."""
    scores = exact.matmul(images, phrases.T).max(1)
    own = np.sort(exact.matmul(given, phrases.T).max(1))
    return float(np.count_nonzero(scores < own[len(own) // 2])) / max(1, len(scores))


def _names_most(problem: Problem, given: Floats, phrases: Floats) -> bool:
    """Whether most of the pictures are answered with one of the phrases `(p, d)`."""
    names, anchors = problem.basis.anchors
    own_names = problem.spec.scope.concepts[0].phrases
    others = anchors[[i for i, name in enumerate(names) if name not in own_names]]
    own = exact.matmul(given, phrases.T).max(1)
    best = exact.matmul(given, others.T).max(1)
    return 2 * int(np.count_nonzero(own > best)) > len(given)


def _removal(basis: Basis, difference: Floats, mode: str) -> Floats:
    """`r` `(d,)` times `(dᵀd)/(rᵀd)`, for hard labels or soft ones."""
    removal = (
        _off_labels(basis.tensors["labels"], difference)
        if mode == "hard"
        else _softly(basis.anchors[1], difference)
    )
    along: Any = exact.row_sum(
        np.stack([difference * difference, removal * difference])
    )
    scaled: Floats = removal * (along[0] / along[1])
    return scaled


def _off_labels(labels: Floats, difference: Floats) -> Floats:
    """`d` less its projection on the span of the labels `(n, d)`."""
    factor = exact.Factor(exact.gram(labels.T))
    seen = factor.solve(exact.matmul(labels, difference[:, None]))
    removal: Floats = difference - exact.matmul(labels.T, seen)[:, 0]
    return removal


def _softly(anchors: Floats, difference: Floats) -> Floats:
    """`(M + PICTURED_RIDGE τ I)⁻¹ d`, `M` the second moment of the anchors `(n, d)`, τ its
    trace/d.
    """
    moment = exact.gram(anchors) / len(anchors)
    factor = exact.Factor(moment + ridge(moment, PICTURED_RIDGE))
    solved: Floats = factor.solve(difference[:, None])[:, 0]
    return solved
