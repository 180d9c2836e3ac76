"""Conditional edits: a vector is asked first, and what it need not lose it keeps.

A linear edit can only shift scores by how much a picture looks like what is forgotten, and pays
for it elsewhere. Where govd itself edits vectors, served or stored, an edit may ask first.

*For its answer*, where concepts are forgotten everywhere: `x' = x − 1[x is named, or nearly, by
what is forgotten] B Lᵀ x`, with the factors of the linear edit. A picture that is not asked for
keeps its vector, so every answer of it stays, whatever it is compared with; and whoever is still
named after this edit is so after the linear one.

*For its domain*: `x' = x − 1[xᵀσ_s > τ_s ‖x‖] B_s L_sᵀ x`. Inside the condition cells are levelled
as `oblique` does it, and only for pictures that are named so as well; a whole domain is
*reflected*: `x − 2Hx`, `H` the projector on a half of the span of the centred anchors, drawn by
model and domain, so that the content no longer decides which anchor is nearest, while pictures of
the domain keep their distances.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from govd.edit import exact
from govd.edit.algebra import Algebra
from govd.edit.basis import Basis
from govd.edit.condition import Condition, OfAnswer, OfDomain, Question
from govd.edit.constants import ASKED_MARGIN, DEPENDENT_ANCHOR, REFLECTED
from govd.edit.duals import duals, retained_mean, targets_of
from govd.edit.factors import Edit
from govd.edit.judging import Answers
from govd.edit.pool import PoolFit
from govd.errors import OverCapacity
from govd.types import Contribution, Floats

Parts = Callable[[Sequence[Contribution]], tuple[Floats, Floats]]
"""Factors `(L, B)`, `(d, r)` each, that level these contributions' concepts wherever they are
applied.
"""


@dataclass(frozen=True)
class Linear:
    """Edits that ask nothing: of everything that is in force, of what names no domain
    (`everywhere`), and of what of it cannot ask a picture for its answer (`always`).
    """

    whole: Edit
    everywhere: Edit
    always: Edit


def asks_answer(contribution: Contribution) -> bool:
    """Whether the pictures that a forget concerns are known by their answer: it is to go as a name,
    and its words find them.
    """
    return (
        contribution.spec.scope.paradigm != "domains"
        and contribution.spec.target == "unnamed"
        and not any(name.startswith("pictured") for name in contribution.tensors)
    )


def conditional(
    basis: Basis,
    contributions: Sequence[Contribution],
    linear: Linear,
    levelled: Parts,
) -> Edit:
    """The conditional edit beside the linear one.

    Args:
        basis: has the domain selectors.
        contributions: everything that is in force.
        linear: the edits that ask no picture anything.
        levelled: gives the factors of some contributions as if they were alone.
    """
    conditions: list[Condition] = []
    everywhere = [c for c in contributions if not c.spec.scope.domains]
    if any(map(asks_answer, everywhere)):
        conditions.append(_on_answers(basis, contributions, linear))
    domains = [
        domain
        for domain in basis.domains
        if any(domain in c.spec.scope.domains for c in contributions)
    ]
    for domain in domains:
        conditions.append(_on_domain(basis, contributions, domain, levelled))
    facts = {
        **linear.whole.facts,
        "conditional": domains,
        "asks_answers": any(condition.asks_answer for condition in conditions),
    }
    always = linear.always
    plain = (linear.whole.L, linear.whole.B)
    return Edit(always.L, always.B, basis.side, facts, tuple(conditions), plain)


def _of_answer(basis: Basis, contributions: Sequence[Contribution]) -> OfAnswer | None:
    """Whether anything that these contributions forget names a picture; None where they forget
    everything that could.
    """
    targets, columns_of = targets_of(basis, contributions)
    answers = Answers.of(basis, targets.vectors)
    forgotten = answers.mask([i for columns in columns_of for i in columns])
    if forgotten.all():
        return None
    margin = ASKED_MARGIN * PoolFit.of(basis).unit if basis.has_pool else 0.0
    return OfAnswer(np.stack(answers.texts), forgotten, margin)


def _on_answers(
    basis: Basis, contributions: Sequence[Contribution], linear: Linear
) -> Condition:
    """What is forgotten everywhere, for the pictures that anything forgotten names: whoever loses
    one name must not be given another that is gone.
    """
    concepts = [c for c in contributions if c.spec.scope.paradigm != "domains"]
    anywhere = [c for c in concepts if not c.spec.scope.domains]
    question = _of_answer(basis, concepts) or _of_answer(basis, anywhere)
    assert question is not None, "a label that stays is a condition of composing"
    everywhere, always = linear.everywhere, linear.always
    return Condition(
        np.concatenate([everywhere.L, always.L], axis=1),
        np.concatenate([everywhere.B, -always.B], axis=1),
        (question,),
    )


def _on_domain(
    basis: Basis, contributions: Sequence[Contribution], domain: str, levelled: Parts
) -> Condition:
    """What is forgotten in a domain, for pictures of it; where it is known by its names, for those
    that anything forgotten there names.
    """
    concerned = [c for c in contributions if domain in c.spec.scope.domains]
    whole = [c for c in concerned if c.spec.scope.paradigm == "domains"]
    place = basis.domains.index(domain)
    questions: list[Question] = [OfDomain(*condition_of(basis, place))]
    if whole:
        left, right = reflection(basis, place, max(c.spec.strength for c in whole))
        return Condition(left, right, tuple(questions))
    if all(map(asks_answer, concerned)):
        anywhere = [c for c in contributions if not c.spec.scope.domains]
        by_answer = _of_answer(basis, [*anywhere, *concerned])
        questions += [by_answer] if by_answer else []
    left, right = levelled(concerned)
    return Condition(left, right, tuple(questions))


def condition_of(basis: Basis, domain: int) -> tuple[Floats, float]:
    """Selector `(d,)` and threshold of a domain: the one that tells best, on the pool (without one,
    on the prompts), its own vectors from the others, both kinds with the same weight.
    """
    selector = np.ascontiguousarray(basis.tensors["selectors"][domain])
    if basis.has_pool:
        images, at = basis.thinned_pool()
        in_domain = basis.tensors["pool_domains"][at] == domain
    else:
        prompts = basis.tensors["domain_prompts"]
        images = prompts.reshape(-1, basis.dim)
        in_domain = np.arange(len(images)) // prompts.shape[1] == domain
    score = exact.matmul(images, selector[:, None])[:, 0]
    if not in_domain.any() or in_domain.all():
        return selector, 0.5
    order = np.argsort(score, kind="stable")
    own_sorted = in_domain[order]
    # own vectors that a threshold after the i-th leaves out
    missed = np.cumsum(own_sorted) * int(np.count_nonzero(~own_sorted))
    wrong = (int(np.count_nonzero(~own_sorted)) - np.cumsum(~own_sorted)) * int(
        np.count_nonzero(own_sorted)
    )
    best = int(np.argmin(missed + wrong))
    after = min(best + 1, len(order) - 1)
    return selector, float((score[order[best]] + score[order[after]]) / 2)


def reflection(basis: Basis, domain: int, strength: float) -> tuple[Floats, Floats]:
    """Factors `(d, r)` of `x − 2 s H x`, `s` at most 1.

    Args:
        basis: has the metric of the texts.
        domain: its position among the domains of the basis.
        strength: of the forget, which is `s` up to 1.
    """
    names, anchors = basis.anchors
    centred = anchors - exact.mean(anchors)
    # (n, r)
    signs = np.stack(
        [_signs(basis, domain, name, min(basis.dim, len(names))) for name in names]
    )
    rank = max(1, int(REFLECTED * (min(basis.dim, len(names)) - 1)))
    while True:
        mixed = exact.matmul(centred.T, signs[:, :rank])
        inner = exact.matmul(mixed.T, mixed)
        try:
            factor = exact.Factor((inner + inner.T) / 2, DEPENDENT_ANCHOR)
            lifted = factor.solve(mixed.T).T
        except OverCapacity:
            rank = rank * 3 // 4
            if rank:
                continue
            raise
        return np.ascontiguousarray(lifted * (2.0 * min(1.0, strength))), mixed


def _signs(basis: Basis, domain: int, name: str, count: int) -> Floats:
    """A row `(count,)` of ±1, drawn by model, domain and name."""
    seed = f"{basis.model}\0{basis.domains[domain]}\0{name}".encode()
    bits = np.unpackbits(
        np.frombuffer(hashlib.shake_256(seed).digest(-(-count // 8)), np.uint8)
    )[:count]
    signs: Floats = 2.0 * bits - 1.0
    return signs


@dataclass(frozen=True)
class Cells:
    """What is forgotten inside a domain, for a conditional edit, beside what is forgotten
    everywhere.
    """

    basis: Basis
    everywhere: Sequence[Contribution]
    algebra: Algebra

    def levelled(self, contributions: Sequence[Contribution]) -> tuple[Floats, Floats]:
        """Factors `(d, p)` that level the concepts of these contributions: each scores what an
        average retained anchor does. What given pictures show is taken away beside.
        """
        together = [*self.everywhere, *contributions]
        if self.basis.hard and not any(c.facts.get("softly") for c in together):
            left, right = self._levelled(together, contributions, True)
            norm = self.algebra.norm(left, right)
            # as of the linear edit: how strong a forget is does not decide it
            if any(c.spec.strength < 1.0 for c in contributions):
                full = [
                    replace(c, spec=replace(c.spec, strength=1.0))
                    for c in contributions
                ]
                norm = max(
                    norm,
                    self.algebra.norm(
                        *self._levelled([*self.everywhere, *full], full, True)
                    ),
                )
            if norm <= self.basis.max_edit_norm:
                return left, right
        return self._levelled(together, contributions, False)

    def _levelled(
        self,
        together: Sequence[Contribution],
        contributions: Sequence[Contribution],
        hard: bool,
    ) -> tuple[Floats, Floats]:
        targets, columns_of = targets_of(self.basis, together)
        columns = sorted(
            {
                column
                for places in columns_of[len(self.everywhere) :]
                for column in places
            }
        )
        strength = {
            c: k.spec.strength
            for k, places in zip(
                contributions, columns_of[len(self.everywhere) :], strict=True
            )
            for c in places
        }
        names = self.basis.anchor_names
        labels = {
            names.get(np.ascontiguousarray(targets.vectors[:, c]).tobytes(), "")
            for c in columns
        }
        mean = retained_mean(self.basis, targets.everywhere | frozenset(labels))
        removals = np.asarray(
            self.algebra.host(duals(self.basis, targets, hard, self.algebra))
        )
        left = (targets.vectors[:, columns] - mean[:, None]) * np.array(
            [strength[c] for c in columns]
        )
        lefts, rights = [left], [removals[:, columns]]
        for c in contributions:
            if "pictured_inside" in c.tensors:
                direct = c.tensors[f"pictured_{'hard' if hard else 'soft'}"]
                seen = exact.matmul(targets.vectors.T, direct)
                lefts.append(c.tensors["pictured_inside"])
                rights.append(direct - exact.matmul(removals, seen))
        return np.concatenate(lefts, axis=1), np.concatenate(rights, axis=1)
