"""The published closed forms, as they are: `nullspace` (arXiv 2512.14113) and `ccup` (arXiv
2512.14137, from secondary accounts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from govd.edit import exact
from govd.edit.algebra import Algebra, Array
from govd.edit.basis import Basis
from govd.edit.compose import Problem
from govd.edit.constants import CCUP_FORGET, CCUP_RETAIN, DEPENDENT_TEXT
from govd.edit.duals import retained_mean
from govd.errors import OverCapacity, Unsupported
from govd.types import Contribution, Floats, Json


class NullSpace:
    """The orthogonal projector off the texts (and the prototypes) of what is forgotten: `x' = x − D
    D⁺ x`, partial where α < 1.

    It takes away what all texts have in common, too; kept as the baseline that the other methods
    are measured against.
    """

    name = "nullspace"
    family = "projection"
    max_strength = 1.0

    def contribute(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Directions `(d, m)` and a strength each.

        Raises:
            Unsupported: the scope has no text of its own.
        """
        rows = [problem.material.prompts]
        if problem.material.prototypes is not None:
            positions = [
                i for i, of in enumerate(problem.material.prototype_of) if of >= 0
            ]
            rows.append(problem.material.prototypes[positions])
        directions = np.ascontiguousarray(np.concatenate(rows).T)
        if not directions.shape[1]:
            raise Unsupported(
                "nullspace has no direction for this scope",
                advice="Name a concept or a domain.",
            )
        counts: dict[str, Json] = {
            "texts": len(rows[0]),
            "prototypes": len(rows[1]) if len(rows) > 1 else 0,
        }
        return {
            "directions": directions,
            "strength": np.full(directions.shape[1], problem.spec.strength),
        }, counts

    def compose(
        self, basis: Basis, contributions: Sequence[Contribution], algebra: Algebra
    ) -> tuple[Array, Array, Mapping[str, Json]]:
        """`L = D diag(α)`, `B = D (DᵀD)⁻¹`, both `(d, r)`; a direction that depends on those before
        it is left out.

        Args:
            basis: that the contributions were computed for.
            contributions: of this method, in the order of their digests.
            algebra: where it is computed.
        """
        directions = np.concatenate(
            [c.tensors["directions"] for c in contributions], axis=1
        )
        strength = np.concatenate([c.tensors["strength"] for c in contributions])
        keep = _independent(directions)
        d = algebra.array(directions[:, keep])
        right = algebra.solve(algebra.matmul(d.T, d), d.T).T
        return (
            d * algebra.array(strength[keep][None, :]),
            right,
            {"dropped_directions": int(directions.shape[1] - len(keep))},
        )


def _independent(directions: Floats) -> list[int]:
    """Columns that add something, by Gram–Schmidt in their order (twice, so that rounding does not
    add up).
    """
    columns: list[int] = []
    basis: list[Floats] = []
    for j in range(directions.shape[1]):
        rest = directions[:, j]
        for _ in range(2):
            if basis:
                q = np.stack(basis, axis=1)
                rest = rest - exact.matmul(q, exact.matmul(q.T, rest[:, None]))[:, 0]
        size = float(np.sqrt(exact.squares(rest[None])[0]))
        if size > DEPENDENT_TEXT and len(columns) < directions.shape[0]:
            columns.append(j)
            basis.append(rest / size)
    return columns


class Ccup:
    """`W = (I + μ T_r T_rᵀ)(I + λ T_f T_fᵀ + μ T_r T_rᵀ)⁻¹`, the minimiser of `|W − I|² + λ|W T_f|²
    + μ|W T_r − T_r|²`.

    Applied as `x' = Wᵀ x`, so that text scores become `xᵀ W t` (the reading that keeps more);
    `transposed = False` is the other one.
    """

    name = "ccup"
    family = "ccup"
    max_strength = 1.0

    def __init__(
        self,
        forget: float = CCUP_FORGET,
        retain: float = CCUP_RETAIN,
        transposed: bool = True,
    ) -> None:
        self.forget = forget
        self.retain = retain
        self.transposed = transposed

    def contribute(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """The texts to forget `(d, m)` and a strength each.

        Raises:
            Unsupported: the scope is a whole domain.
        """
        if problem.spec.scope.paradigm == "domains":
            raise Unsupported(
                "ccup forgets texts of concepts, not domains",
                advice="Use --method bilateral or oblique.",
            )
        rows = (
            problem.material.prompts
            if problem.spec.scope.domains
            else np.concatenate(problem.material.phrases)
        )
        names = problem.targets if not problem.spec.scope.domains else []
        return {
            "texts": np.ascontiguousarray(rows.T),
            "strength": np.full(len(rows), problem.spec.strength),
        }, {"targets": names}

    def compose(
        self, basis: Basis, contributions: Sequence[Contribution], algebra: Algebra
    ) -> tuple[Array, Array, Mapping[str, Json]]:
        """`W = I − λ T_f (S⁻¹ T_f)ᵀ` with `S` the matrix that is inverted: factors `(d, k)`.

        Args:
            basis: that the contributions were computed for.
            contributions: of this method, in the order of their digests.
            algebra: where it is computed.

        Raises:
            OverCapacity: nothing that is kept would be left, or `S` is singular.
        """
        texts = np.concatenate([c.tensors["texts"] for c in contributions], axis=1)
        strength = np.concatenate([c.tensors["strength"] for c in contributions])
        texts, first = np.unique(texts, axis=1, return_index=True)
        everywhere = [c for c in contributions if not c.spec.scope.domains]
        forgotten = frozenset(
            basis.anchor_names.get(np.ascontiguousarray(t).tobytes(), "")
            for c in everywhere
            for t in c.tensors["texts"].T
        )
        names, anchors = basis.anchors
        retained_mean(basis, forgotten)  # raises where nothing would be left
        retained = algebra.array(
            anchors[[i for i, n in enumerate(names) if n not in forgotten]]
        )
        t = algebra.array(texts)
        s = (
            algebra.array(np.eye(basis.dim))
            + self.retain * algebra.matmul(retained.T, retained)
            + self.forget * algebra.matmul(t, t.T)
        )
        try:
            solved = algebra.solve(s, t)
        except OverCapacity:
            raise OverCapacity(
                "ccup's system is singular", advice="Forget fewer concepts."
            ) from None
        weighted = t * algebra.array(self.forget * strength[first][None, :])
        return (weighted, solved, {}) if self.transposed else (solved, weighted, {})
