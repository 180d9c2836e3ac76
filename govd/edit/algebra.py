"""The few operations of linear algebra that composing needs, behind one interface, so that host and
device run the same lines.

`Host` is `exact`: the same bytes anywhere. `OnArrays` is any namespace of the Python array API
standard (jax.numpy on its device, numpy for comparison), in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from govd.edit import exact
from govd.errors import OverCapacity

Array = Any


class Factored(Protocol):
    """A system that is solved for several right-hand sides."""

    def solve(self, b: Array) -> Array:
        """`a⁻¹ b`, `(n, m)`, for `b` `(n, m)`."""
        ...


class Algebra(Protocol):
    """Matrices are float64 arrays of the algebra's own kind."""

    name: str

    def array(self, a: Array) -> Array:
        """A NumPy array `(n, m)` as one of this algebra's."""
        ...

    def host(self, a: Array) -> Array:
        """An array `(n, m)` of this algebra as one of NumPy's."""
        ...

    def matmul(self, a: Array, b: Array) -> Array:
        """`a @ b`, `(n, m)`, for `(n, k)` and `(k, m)`."""
        ...

    def solve(self, a: Array, b: Array) -> Array:
        """`a⁻¹ b`, `(n, m)`, for symmetric positive definite `a` `(n, n)`.

        Raises:
            OverCapacity: `a` is singular.
        """
        ...

    def factor(self, a: Array) -> Factored:
        """`a` `(n, n)`, symmetric positive definite, ready to be solved more than once.

        Raises:
            OverCapacity: `a` is singular.
        """
        ...

    def concat(self, parts: list[Array]) -> Array:
        """Arrays `(n, m)` side by side: `(n, Σ m)`."""
        ...

    def norm(self, left: Array, right: Array) -> float:
        """‖left rightᵀ‖₂ of `(d, r)` and `(d, r)`."""
        ...


class Host:
    """NumPy arrays, and the same bytes on any machine. Methods are as `Algebra` describes them."""

    name = "host"

    def array(self, a: Array) -> Array:
        """`(n, m)` in float64."""
        return np.asarray(a, np.float64)

    def host(self, a: Array) -> Array:
        """`(n, m)` as NumPy's."""
        return a

    def matmul(self, a: Array, b: Array) -> Array:
        """`(n, k)` by `(k, m)`."""
        return exact.matmul(a, b)

    def solve(self, a: Array, b: Array) -> Array:
        """`a⁻¹ b`, `(n, m)`.

        Raises:
            OverCapacity: `a` `(n, n)` is singular.
        """
        return self.factor(a).solve(b)

    def factor(self, a: Array) -> Factored:
        """`a` `(n, n)`, to be solved more than once."""
        return exact.Factor((a + a.T) / 2)

    def concat(self, parts: list[Array]) -> Array:
        """Arrays `(n, m)` side by side."""
        return np.concatenate(parts, axis=1)

    def norm(self, left: Array, right: Array) -> float:
        """‖left rightᵀ‖₂ of two `(d, r)`."""
        return exact.spectral_norm(left, right)


@dataclass(frozen=True)
class _Unfactored:
    """A system of a namespace that has no factors to keep: the standard names `solve` alone."""

    algebra: OnArrays
    a: Array

    def solve(self, b: Array) -> Array:
        """`a⁻¹ b`, `(n, m)`.

        Raises:
            OverCapacity: `a` `(n, n)` is singular.
        """
        return self.algebra.solve(self.a, b)


class OnArrays:
    """A namespace of the array API standard: `OnArrays(jax.numpy)`. Methods are as `Algebra`
    describes them.
    """

    def __init__(self, xp: Any, name: str = "device") -> None:
        self.xp = xp
        self.name = name

    def array(self, a: Array) -> Array:
        """`(n, m)` in float64."""
        return self.xp.asarray(np.asarray(a, np.float64), dtype=self.xp.float64)

    def host(self, a: Array) -> Array:
        """`(n, m)` as NumPy's."""
        return np.asarray(a, np.float64)

    def matmul(self, a: Array, b: Array) -> Array:
        """`(n, k)` by `(k, m)`."""
        return self.xp.matmul(a, b)

    def solve(self, a: Array, b: Array) -> Array:
        """`a⁻¹ b`, `(n, m)`.

        Raises:
            OverCapacity: `a` `(n, n)` is singular.
        """
        a = (a + a.T) / 2
        solution = self.xp.linalg.solve(a, b)
        pivots = np.linalg.eigvalsh(np.asarray(a)) if a.shape[0] else np.ones(1)
        if pivots[0] <= 1e-13 * pivots[-1]:
            raise OverCapacity(
                "the system is singular: what is to go cannot be told from what is to stay"
            )
        return solution

    def factor(self, a: Array) -> Factored:
        """`a` `(n, n)`, to be solved more than once."""
        return _Unfactored(self, a)

    def concat(self, parts: list[Array]) -> Array:
        """Arrays `(n, m)` side by side."""
        return (
            self.xp.concat(parts, axis=1)
            if hasattr(self.xp, "concat")
            else self.xp.concatenate(parts, axis=1)
        )

    def norm(self, left: Array, right: Array) -> float:
        """‖left rightᵀ‖₂ of two `(d, r)`."""
        return exact.spectral_norm(self.host(left), self.host(right))
