"""From contributions to one cumulative edit: a pure function of the basis and the set of
contributions.

Scores are bilinear, so every edit is a sum of outer products, `s'(x, t) = xᵀt − Σ_j α_j
(xᵀu_j)(b_jᵀt)`: a *detector* `u_j` on the image side says who is affected, a *removal* `b_j` on the
text side says what they lose; `L = [u_j]`, `B = [α_j b_j]`.

Methods of the family `dual` share one system. With targets `T` (d, p), the texts that lose
something, and a metric `A` of what is dear, the duals are `A⁻¹T (Tᵀ A⁻¹ T)⁻¹`: each is 1 on its own
target, 0 on the others, and as small as possible on everything else. They do not change when
targets' outer products are added to `A` or taken out (Tᵀb is fixed by the constraint), so `A` is
inverted once per model, over the whole vocabulary, and composing is p × p work. Where the label set
is hard, the duals of the whole set are at hand (`Basis.tensors["duals"]`), and those of other
targets are sought in the complement of its span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from govd.edit.algebra import Algebra, Host
from govd.edit.basis import Basis
from govd.edit.conditional import Cells, Linear, asks_answer, conditional
from govd.edit.factors import Edit
from govd.errors import Unsupported
from govd.types import (
    PRIVATE,
    Concept,
    Contribution,
    Floats,
    ForgetSpec,
    Json,
    Progress,
    silent,
)

Array = Any


@dataclass(frozen=True)
class Material:
    """The embeddings of one forget, unit rows in float64.

    `phrases` has a matrix `(p, d)` for each concept: its name and aliases, averaged over the
    templates; `names` says what they are called, where that is not all of them. `prompts` are
    single prompts `(n, d)`, with the domain where the scope names one. `prototypes` are embeddings
    of synthesised pictures `(n, d)`, `prototype_of` the concept of each (−1: something else that is
    kept). `examples` are embeddings of pictures `(n, d)` that somebody gave of the concept.
    """

    phrases: Sequence[Floats]
    prompts: Floats
    prototypes: Floats | None = None
    prototype_of: Sequence[int] = ()
    examples: Floats | None = None
    names: Sequence[Sequence[str]] | None = None


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

    @property
    def targets(self) -> list[str]:
        """What the rows of the material's phrases are called, one concept after another."""
        names = self.material.names
        if names is None:
            names = [concept.phrases for concept in self.spec.scope.concepts]
        return [name for phrases in names for name in phrases]


class Method(Protocol):
    """How a forget becomes tensors, and how tensors of its family become an edit. A method that has
    use for pictures of the concept, those that somebody gives or prototypes beside those of others,
    says so by an attribute `learns_from_pictures = True`.
    """

    name: str
    family: str
    max_strength: float

    def contribute(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Tensors (float64) and facts of one forget, whatever else is in force.

        Raises:
            Unsupported: this scope or target is not possible with this method, basis or material.
        """
        ...

    def compose(
        self, basis: Basis, contributions: Sequence[Contribution], algebra: Algebra
    ) -> tuple[Array, Array, Mapping[str, Json]]:
        """Factors `L`, `B` `(d, r)` of all contributions of the family together, and facts to
        report.

        Args:
            basis: that the contributions were computed for.
            contributions: of this family, in the order of their digests.
            algebra: where it is computed: on the host, or a device.
        """
        ...


def compose(
    basis: Basis,
    contributions: Sequence[Contribution],
    methods: Mapping[str, Method],
    algebra: Algebra | None = None,
) -> Edit:
    """The cumulative edit. The order of `contributions` does not matter.

    Args:
        basis: that the contributions were computed for.
        contributions: everything that is in force.
        methods: by name; each contribution names the one that computed it.
        algebra: where it is computed; None: on the host, bit for bit the same everywhere.

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
            advice=(
                "Use one method for all forgets of a model (fitted, oblique and bilateral mix), or"
                " revert the others first."
            ),
        )
    linear = _linear(basis, ordered, methods, algebra)
    if not basis.conditional or not _can_ask(ordered, methods):
        return linear
    return _asked(basis, ordered, linear, methods, algebra)


def asking(
    basis: Basis,
    contributions: Sequence[Contribution],
    linear: Edit,
    methods: Mapping[str, Method],
) -> Edit | None:
    """What a linear edit would be on the same model if it asked each picture first. None where it
    asks already, edits texts, or nothing that is forgotten can be asked for.

    Args:
        basis: that the contributions were computed for.
        contributions: everything that is in force.
        linear: their edit.
        methods: by name.

    Raises:
        OverCapacity: no room is left for what is forgotten in a domain.
    """
    ordered = sorted(contributions, key=lambda c: c.digest)
    if basis.conditional or basis.side != "image" or not _can_ask(ordered, methods):
        return None
    return _asked(basis, ordered, linear, methods, Host())


def _can_ask(
    contributions: Sequence[Contribution], methods: Mapping[str, Method]
) -> bool:
    """Whether pictures can be asked for any of what is forgotten."""
    always = [
        c for c in contributions if not c.spec.scope.domains and not asks_answer(c)
    ]
    families = {methods[c.spec.method].family for c in contributions}
    return families == {"dual"} and len(always) < len(contributions)


def _asked(
    basis: Basis,
    ordered: Sequence[Contribution],
    linear: Edit,
    methods: Mapping[str, Method],
    algebra: Algebra,
) -> Edit:
    """The edit that asks each picture first, beside the linear one."""
    everywhere = [c for c in ordered if not c.spec.scope.domains]
    always = [c for c in everywhere if not asks_answer(c)]

    def of(some: Sequence[Contribution]) -> Edit:
        return (
            linear
            if len(some) == len(ordered)
            else _linear(basis, some, methods, algebra)
        )

    return conditional(
        basis,
        ordered,
        Linear(linear, of(everywhere), of(always)),
        Cells(basis, everywhere, algebra).levelled,
    )


def _linear(
    basis: Basis,
    ordered: Sequence[Contribution],
    methods: Mapping[str, Method],
    algebra: Algebra,
) -> Edit:
    """The edit that weights can carry."""
    if not ordered:
        return Edit.nothing(basis.dim, basis.side)
    left, right, facts = methods[ordered[0].spec.method].compose(
        basis, ordered, algebra
    )
    return Edit(
        np.asarray(algebra.host(left)),
        np.asarray(algebra.host(right)),
        basis.side,
        {**facts, "composed_by": algebra.name},
    )


def recognised(basis: Basis, contribution: Contribution) -> Contribution:
    """The contribution with the concepts that its tensors are about, where it was filed without
    their names.
    """
    scope = contribution.spec.scope
    if not any(c.name.startswith(PRIVATE) for c in scope.concepts):
        return contribution
    columns = contribution.tensors.get(
        "targets", contribution.tensors.get("texts", np.zeros((basis.dim, 0)))
    ).T
    names = [
        basis.anchor_names.get(np.ascontiguousarray(column).tobytes())
        for column in columns
    ]
    concepts = tuple(sorted({Concept(name) for name in names if name}))
    return (
        replace(
            contribution,
            spec=replace(contribution.spec, scope=replace(scope, concepts=concepts)),
        )
        if concepts
        else contribution
    )
