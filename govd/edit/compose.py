"""From contributions to one cumulative edit: a pure function of the basis and the set of contributions.

Scores are bilinear, so every edit is a sum of outer products, `s'(x, t) = xᵀt − Σ_j α_j (xᵀu_j)(b_jᵀt)`: a *detector* `u_j` on the image
side says who is affected, a *removal* `b_j` on the text side says what they lose; `L = [u_j]`, `B = [α_j b_j]`.

Methods of the family `dual` share one system. With targets `T` (d, p), the texts that lose something, and a metric `A` of what is dear,
the duals are `A⁻¹T (Tᵀ A⁻¹ T)⁻¹`: each is 1 on its own target, 0 on the others, and as small as possible on everything else. They do not
change when targets' outer products are added to `A` or taken out (Tᵀb is fixed by the constraint), so `A` is inverted once per model,
over the whole vocabulary, and composing is p × p work. Where the label set is hard, the duals of the whole set are at hand
(`Basis.tensors["duals"]`), and those of other targets are sought in the complement of its span.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from govd.edit import exact
from govd.edit.algebra import Algebra, Host
from govd.edit.basis import Basis
from govd.edit.factors import Edit
from govd.edit.levelling import STEPS, Answers, Levelled, columns_of, enough, held_together
from govd.edit.pool import PoolFit
from govd.errors import OverCapacity, Unsupported
from govd.types import PRIVATE, Concept, Contribution, Floats, ForgetSpec, Json, Progress, silent

Array = Any
SAME = 1e-5
"""Two unit text embeddings that differ less in every coordinate are one target: a model's arithmetic in float32 is no finer."""


@dataclass(frozen=True)
class Material:
    """The embeddings of one forget, unit rows in float64.

    `phrases` has a matrix `(p, d)` for each concept: its name and aliases, averaged over the templates. `prompts` are single prompts
    `(n, d)`, with the domain where the scope names one. `prototypes` are embeddings of synthesised pictures `(n, d)`, `prototype_of`
    the concept of each (−1: something else that is kept). `examples` are embeddings of pictures `(n, d)` that somebody gave of the concept.
    """

    phrases: Sequence[Floats]
    prompts: Floats
    prototypes: Floats | None = None
    prototype_of: Sequence[int] = ()
    examples: Floats | None = None


@dataclass(frozen=True)
class Problem:
    """What a method is asked: one forget on one model."""

    basis: Basis
    spec: ForgetSpec
    material: Material
    progress: Progress = field(default=silent)

    @property
    def domains(self) -> list[int]:
        """Positions of the scope's domains in the basis."""
        return [self.basis.domains.index(d) for d in self.spec.scope.domains]


class Method(Protocol):
    """How a forget becomes tensors, and how tensors of its family become an edit. A method that has use for pictures of the concept, those
    that somebody gives or prototypes beside those of others, says so by an attribute `learns_from_pictures = True`."""

    name: str
    family: str
    max_strength: float

    def contribute(self, problem: Problem) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Tensors (float64) and facts of one forget, whatever else is in force.

        Raises:
            Unsupported: this scope or target is not possible with this method, basis or material.
        """
        ...

    def compose(self, basis: Basis, contributions: Sequence[Contribution], algebra: Algebra) -> tuple[Array, Array, Mapping[str, Json]]:
        """Factors `L`, `B` `(d, r)` of all contributions of the family together, and facts to report."""
        ...


def compose(basis: Basis, contributions: Sequence[Contribution], methods: Mapping[str, Method], algebra: Algebra | None = None) -> Edit:
    """The cumulative edit. The order of `contributions` does not matter.

    Raises:
        Unsupported: methods whose systems cannot be solved together. OverCapacity: no room is left.
    """
    algebra = algebra or Host()
    ordered = sorted(contributions, key=lambda c: c.digest)
    if not ordered:
        return Edit.nothing(basis.dim, basis.side)
    families = sorted({methods[c.spec.method].family for c in ordered})
    if len(families) > 1:
        names = " and ".join(sorted({c.spec.method for c in ordered}))
        raise Unsupported(
            f"{names} cannot be solved as one system, and edits are never multiplied",
            advice="Use one method for all forgets of a model (fitted, oblique and bilateral mix), or revert the others first.",
        )
    left, right, facts = methods[ordered[0].spec.method].compose(basis, ordered, algebra)
    return Edit(np.asarray(algebra.host(left)), np.asarray(algebra.host(right)), basis.side, {**facts, "composed_by": algebra.name})


@dataclass(frozen=True)
class Targets:
    """The distinct texts that lose something: vectors `(d, p)`, the same times `metric_inverse`, positions in the label set (−1: not
    in it), and the anchors that are forgotten everywhere."""

    vectors: Floats
    lifted: Floats
    label: tuple[int, ...]
    everywhere: frozenset[str]


def targets_of(basis: Basis, contributions: Sequence[Contribution]) -> tuple[Targets, list[list[int]]]:
    """All targets without repetition, and for each contribution the columns of its own. Two that differ less than `SAME` are one, the
    first of them: the duals of both do not exist, or are huge."""
    place: dict[bytes, int] = {}
    sums = np.empty(sum(c.tensors["targets"].shape[1] for c in contributions))
    columns: list[Floats] = []
    lifted: list[Floats] = []
    names: list[str] = []
    own: list[list[int]] = []
    everywhere: set[str] = set()
    for contribution in contributions:
        mine = []
        for column, high in zip(contribution.tensors["targets"].T, contribution.tensors["lifted"].T, strict=True):
            key = np.ascontiguousarray(column).tobytes()
            name = basis.anchor_names.get(key, "")
            if key not in place:
                total = float(exact.row_sum(np.ascontiguousarray(column)[None])[0])
                near = np.flatnonzero(np.abs(sums[: len(columns)] - total) < basis.dim * SAME)  # equal vectors have equal sums
                twin = next((int(i) for i in near if float(np.abs(columns[i] - column).max()) < SAME), None)
                place[key] = len(columns) if twin is None else twin
            if place[key] == len(columns):
                sums[len(columns)] = total
                columns.append(column)
                lifted.append(high)
                names.append(name)
            mine.append(place[key])
            if contribution.spec.scope.paradigm == "concepts":
                everywhere.add(name)
        own.append(mine)
    position = {name: i for i, name in enumerate(basis.labels)}
    vectors, above = (np.stack(c, axis=1) if c else np.zeros((basis.dim, 0)) for c in (columns, lifted))
    return Targets(vectors, above, tuple(position.get(n, -1) for n in names), frozenset(everywhere)), own


def duals(basis: Basis, targets: Targets, hard: bool, algebra: Algebra) -> Array:
    """Removals `(d, p)`: 1 on the own target, 0 on the other targets and, where hard, on every label that is no target."""
    t = algebra.array(targets.vectors)
    if not hard:
        lifted = algebra.array(targets.lifted)
        return algebra.solve(algebra.matmul(t.T, lifted), lifted.T).T
    listed = [i for i, label in enumerate(targets.label) if label >= 0]
    outside = [i for i, label in enumerate(targets.label) if label < 0]
    all_duals = basis.tensors["duals"]
    mine = algebra.array(all_duals[:, [targets.label[i] for i in listed]])
    if not outside:
        return mine
    out = algebra.array(targets.vectors[:, outside])
    lifted = algebra.matmul(algebra.array(basis.tensors["free_inverse"]), out)
    lifted = lifted - algebra.matmul(algebra.array(all_duals), algebra.matmul(algebra.array(basis.tensors["labels"]), lifted))
    beyond = algebra.solve(algebra.matmul(out.T, lifted), lifted.T).T
    mine = mine - algebra.matmul(beyond, algebra.matmul(out.T, mine))
    order = np.argsort([*listed, *outside])
    return algebra.concat([mine, beyond])[:, order]


def recognised(basis: Basis, contribution: Contribution) -> Contribution:
    """The contribution with the concepts that its tensors are about, where it was filed without their names."""
    scope = contribution.spec.scope
    if not any(c.name.startswith(PRIVATE) for c in scope.concepts):
        return contribution
    columns = contribution.tensors.get("targets", contribution.tensors.get("texts", np.zeros((basis.dim, 0)))).T
    names = [basis.anchor_names.get(np.ascontiguousarray(column).tobytes()) for column in columns]
    concepts = tuple(sorted({Concept(name) for name in names if name}))
    return replace(contribution, spec=replace(contribution.spec, scope=replace(scope, concepts=concepts))) if concepts else contribution


def check_room(basis: Basis, everywhere: Collection[str]) -> None:
    """Refuse to forget every anchor everywhere.

    Raises:
        OverCapacity: none would be left.
    """
    if all(name in everywhere for name in basis.anchors[0]):
        raise OverCapacity("no anchor would be left: every label would be forgotten", advice="Keep at least one label, or add --anchors.")


def retained_mean(basis: Basis, everywhere: frozenset[str]) -> Floats:
    """`t̄`, the mean `(d,)` of the anchors that nobody forgets everywhere.

    Raises:
        OverCapacity: none is left.
    """
    check_room(basis, everywhere)
    names, vectors = basis.anchors
    gone = [i for i, name in enumerate(names) if name in everywhere]
    left = len(names) - len(gone)
    if left <= len(gone):
        return exact.mean(vectors[[i for i, name in enumerate(names) if name not in everywhere]])
    total = basis.anchor_total
    return (total - exact.row_sum(vectors[gone].T.copy())) / left if gone else total / left


class Dual:
    """Composing of the family `dual`.

    A contribution has tensors `targets` (d, p), `lifted` (d, p) (`metric_inverse` times those, so that composing need not multiply them
    again), `detectors` (d, m), `incidence` (m, p), for each mode (`hard`, `soft`) a `strength_*`
    (m,), and perhaps `removal` (d, m), directions of its own, which are taken off all targets. The fact `minus_mean` says that `t̄` is to
    be subtracted from the detectors.
    """

    family = "dual"

    def compose(self, basis: Basis, contributions: Sequence[Contribution], algebra: Algebra) -> tuple[Array, Array, Mapping[str, Json]]:
        """Hard where the basis allows it and the edit stays under `max_edit_norm`, else soft; the fact `anchors` says which."""
        reason = "" if basis.hard else str(basis.facts.get("hard_reason") or f"use is {basis.use}")
        if basis.hard:
            try:
                left, right, facts = self._held(basis, contributions, True, algebra)
                norm = algebra.norm(left, right)
                if norm <= basis.max_edit_norm:
                    return left, right, {"anchors": "hard", **facts}
                reason = f"the norm would be {norm:.3g}, over max_edit_norm {basis.max_edit_norm:g}"
            except OverCapacity as error:
                if basis.labels and "no anchor" in error.what:
                    raise
                reason = error.what
        left, right, facts = self._held(basis, contributions, False, algebra)
        return left, right, {"anchors": "soft", "soft_because": reason, **facts}

    def _held(
        self, basis: Basis, contributions: Sequence[Contribution], hard: bool, algebra: Algebra
    ) -> tuple[Array, Array, Mapping[str, Json]]:
        """One system for all. Columns that are fitted on the pool are judged together on pictures that no fit sees: while too many of those
        are named, every such column goes one step down its list; the fact `step` says how many."""
        system = System.of(basis, contributions, hard, algebra)
        left, right = system.fixed(algebra)
        if not system.levelled:
            return left, right, {}
        pool, answers = PoolFit.of(basis), Answers.of(basis, system.targets.vectors)
        for extra in range(len(STEPS)):
            lower, upper = system.fitted(pool, extra, algebra)
            both = algebra.concat([left, lower]), algebra.concat([right, upper])
            hosts = [np.asarray(algebra.host(factor)) for factor in both]
            count, total = held_together(pool, system.levelled, answers, *hosts)
            if enough(count, total):
                break
        return *both, {"step": extra, "held_out": total, "held_out_named": count}


@dataclass(frozen=True)
class System:
    """Contributions of the family as one system: its targets, their duals `(d, p)`, `t̄` `(d,)`, and which columns are each one's."""

    contributions: Sequence[Contribution]
    targets: Targets
    own: list[list[int]]
    removals: Array
    mean: Floats
    mode: str
    levelled: tuple[Levelled, ...]

    @staticmethod
    def of(basis: Basis, contributions: Sequence[Contribution], hard: bool, algebra: Algebra) -> System:
        """The duals of everything that these contributions take away."""
        targets, own = targets_of(basis, contributions)
        removals, mean = duals(basis, targets, hard, algebra), retained_mean(basis, targets.everywhere)
        mode = "hard" if hard else "soft"
        levelled = tuple(
            Levelled.of(basis, contribution, columns)
            for contribution, columns in zip(contributions, own, strict=True)
            if "rows" in contribution.tensors
        )
        return System(contributions, targets, own, removals, mean, mode, levelled)

    def fitted(self, pool: PoolFit, extra: int, algebra: Algebra) -> tuple[Array, Array]:
        """Factors `(d, r)` of the columns that are fitted on the pool, each `extra` steps down its list."""
        aims = self.targets.vectors - self.mean[:, None]
        left, columns = columns_of(pool, self.levelled, aims, extra, algebra)
        return left[:, list(columns)], self.removals[:, list(columns)]

    def fixed(self, algebra: Algebra) -> tuple[Array, Array]:
        """Factors `(d, r)` of the contributions that bring detectors and strengths of their own."""
        texts = algebra.array(self.targets.vectors)
        lefts: list[Floats] = []
        rights: list[Array] = []
        place: dict[bytes, int] = {}
        for contribution, columns in zip(self.contributions, self.own, strict=True):
            tensors = contribution.tensors
            if "rows" in tensors or tensors["detectors"].shape[1] == 0:
                continue
            detectors = tensors["detectors"] - self.mean[:, None] if contribution.facts.get("minus_mean") else tensors["detectors"]
            strength = algebra.array(tensors[f"strength_{self.mode}"][None, :])
            incidence = tensors["incidence"]
            right = self.removals[:, columns]
            if incidence.shape != (1, 1) or incidence[0, 0] != 1:  # one phrase, one detector: nothing to add up
                right = algebra.matmul(right, algebra.array(incidence.T))
            right = right * strength
            if "removal" in tensors:
                direct = algebra.array(tensors["removal"])
                direct = direct - algebra.matmul(self.removals, algebra.matmul(texts.T, direct))
                right = right + direct * strength
            for j, u in enumerate(detectors.T):
                key = np.ascontiguousarray(u).tobytes()
                if key in place:  # who is affected is the same: one rank for both
                    rights[place[key]] = rights[place[key]] + right[:, j : j + 1]
                else:
                    place[key] = len(lefts)
                    lefts.append(u)
                    rights.append(right[:, j : j + 1])
        if not lefts:
            nothing = np.zeros(self.targets.vectors[:, :0].shape)
            return algebra.array(nothing), algebra.array(nothing)
        return algebra.array(np.stack(lefts, axis=1)), algebra.concat(rights)
