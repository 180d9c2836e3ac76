"""Which labels and cells a contribution is about, by its texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.types import (
    Contribution,
)


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


def own_anchors(basis: Basis, contribution: Contribution) -> Any:
    """Which anchors `(m,)` are phrases of a contribution, by its texts: so that private ones
    count.
    """
    columns = contribution.tensors.get(
        "targets", contribution.tensors.get("texts", np.zeros((basis.dim, 0)))
    )
    own = {
        basis.anchor_names.get(np.ascontiguousarray(column).tobytes(), "")
        for column in columns.T
    }
    return np.array([name in own for name in basis.anchors[0]], bool)
