"""Which labels and cells a contribution is about, by its texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.types import Contribution, Scope


def cell_of(
    basis: Basis, contribution: Contribution
) -> tuple[list[int], list[int]] | None:
    """The anchors that a contribution takes away in some domains, by their texts, and those
    domains; None where it is about all domains, or about all concepts.
    """
    scope = contribution.spec.scope
    if scope.paradigm != "cells":
        return None
    labels = [int(i) for i in np.flatnonzero(own_anchors(basis, contribution))]
    return labels, [
        basis.domains.index(domain)
        for domain in scope.domains
        if domain in basis.domains
    ]


def cells_in(
    basis: Basis, contributions: Sequence[Contribution]
) -> list[tuple[list[int], list[int]]]:
    """The `cell_of` each contribution that has one."""
    return [
        cell
        for contribution in contributions
        if (cell := cell_of(basis, contribution)) is not None
    ]


def own_anchors(basis: Basis, contribution: Contribution) -> Any:
    """Which anchors `(m,)` are phrases of a contribution, by its texts: so that private ones
    count.
    """
    columns = contribution.tensors.get(
        "targets", contribution.tensors.get("texts", np.zeros((basis.dim, 0)))
    )
    names = {
        basis.anchor_names.get(np.ascontiguousarray(column).tobytes(), "")
        for column in columns.T
    }
    return np.array([name in names for name in basis.anchors[0]], bool)


def forgotten_everywhere(scopes: Iterable[Scope]) -> set[str]:
    """Names that some request forgets in all domains."""
    return {
        phrase
        for scope in scopes
        if scope.paradigm == "concepts"
        for concept in scope.concepts
        for phrase in concept.phrases
    }
