"""A part of an edit that is for some vectors alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.errors import Usage
from govd.types import Floats


@dataclass(frozen=True)
class Condition:
    """A further edit `(L, B)`, `(d, r)` each, of those vectors alone whose cosine with the selector
    `(d,)`, times its length, is over the threshold: `xᵀσ > τ ‖x‖`.
    """

    selector: Floats
    threshold: float
    L: Floats
    B: Floats

    def holds(self, vectors: Floats) -> Any:
        """For which of the unedited vectors `(n, d)`, a mask `(n,)`."""
        return vectors @ self.selector > self.threshold * np.linalg.norm(
            vectors, axis=1
        )

    @property
    def tensors(self) -> dict[str, Floats]:
        """Its parts by name, the threshold as `(1,)`, in the order that a digest reads them."""
        return {
            "selector": self.selector,
            "threshold": np.array([self.threshold]),
            "L": self.L,
            "B": self.B,
        }

    @staticmethod
    def read(tensors: Mapping[str, Floats], at: int) -> Condition:
        """The condition of number `at` from the tensors of an edit's file.

        Raises:
            Usage: its threshold is not one number.
        """
        selector, threshold, left, right = (
            tensors[f"condition.{at}.{part}"]
            for part in ("selector", "threshold", "L", "B")
        )
        if threshold.shape != (1,):
            raise Usage(
                f"a threshold of shape {threshold.shape}", advice="It is one number."
            )
        return Condition(selector, float(threshold[0]), left, right)
