"""The method of models without a space: what a forget adds is computed by an external job, which
its backend runs (`govd_compute_contribution`), and composing is adding (`govd.edit.tensors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from govd.edit.algebra import Algebra
from govd.edit.basis import Basis
from govd.edit.compose import Problem
from govd.errors import Unsupported
from govd.types import Contribution, Floats, Json


class External:
    """Names what contributions of such models are of; it computes nothing itself."""

    name = "external"
    family = "external"
    max_strength = 10.0

    def contribute(
        self, problem: Problem
    ) -> tuple[Mapping[str, Floats], Mapping[str, Json]]:
        """Nothing.

        Raises:
            Unsupported: always.
        """
        raise _refusal()

    def compose(
        self, basis: Basis, contributions: Sequence[Contribution], algebra: Algebra
    ) -> tuple[Any, Any, Mapping[str, Json]]:
        """Nothing: factors exist in a space alone.

        Raises:
            Unsupported: always.
        """
        raise _refusal()


def _refusal() -> Unsupported:
    return Unsupported(
        "external is the method of models whose forgets are computed by a job of their own",
        advice="Leave --method out; `govd model add NAME delta:FOLDER#JOB` registers such a model.",
    )
