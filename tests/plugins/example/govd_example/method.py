"""A method of its own family: turns each forgotten text into the mean of all others."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govd.hookspecs import hookimpl


class Swap:
    """`x' = x − Σ_c t_c (t_c − m)ᵀ x / |t_c − m|²`, rank one for each concept, solved by NumPy's
    own algebra.
    """

    name, family, max_strength = "swap", "swap", 1.0

    def contribute(self, problem: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        texts = np.concatenate(problem.material.phrases)
        return {
            "texts": np.ascontiguousarray(texts.T),
            "strength": np.full(len(texts), problem.spec.strength),
        }, {"targets": len(texts)}

    def compose(
        self, basis: Any, contributions: Any, algebra: Any
    ) -> tuple[Any, Any, Mapping[str, Any]]:
        texts = np.concatenate([c.tensors["texts"] for c in contributions], axis=1)
        strength = np.concatenate([c.tensors["strength"] for c in contributions])
        away = texts - basis.anchors[1].mean(0)[:, None]
        return away * (strength / (away**2).sum(0)), away, {"by": "swap"}


@hookimpl
def govd_methods() -> Mapping[str, Any]:
    """`swap`."""
    return {"swap": Swap()}
