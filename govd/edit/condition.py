"""Parts of an edit that are for some vectors alone: what a vector is asked first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from govd.errors import Usage
from govd.types import Bools, Floats

ASKED: Final = ("selector", "threshold"), ("texts", "forgotten", "margin")
"""Tensors by which a condition on a domain and one on an answer are asked."""


@dataclass(frozen=True)
class Condition(ABC):
    """A further edit `(L, B)`, `(d, r)` each, of those vectors alone that meet it. Scaling a vector
    changes nothing.
    """

    L: Floats
    B: Floats

    @abstractmethod
    def beyond(self, vectors: Floats) -> Floats:
        """How far vectors `(n, d)` are beyond what decides, `(n,)`, in the arithmetic of their
        type.
        """

    @property
    @abstractmethod
    def asked(self) -> dict[str, Floats]:
        """The tensors by which it is asked, in the order that a digest reads them."""

    @abstractmethod
    def fits(self, dim: int) -> bool:
        """Whether it is for vectors of this width, of values that are finite."""

    @property
    def shape(self) -> str:
        """Its rank, and the sizes of what it is asked by where they are not the width alone."""
        return str(self.L.shape[1])

    def holds(self, vectors: Floats) -> Bools:
        """For which of the unedited vectors `(n, d)`, a mask `(n,)`."""
        mask: Bools = self.beyond(vectors) > 0
        return mask

    @property
    def tensors(self) -> dict[str, Floats]:
        """Its parts by name, in the order that a digest reads them."""
        return {**self.asked, "L": self.L, "B": self.B}

    @property
    def place(self) -> Floats:
        """All numbers by which it is asked, `(k,)`."""
        return np.concatenate([part.ravel() for part in self.asked.values()])


@dataclass(frozen=True)
class DomainCondition(Condition):
    """Of vectors whose cosine with the selector `(d,)`, times its length, is over the threshold:
    `xᵀσ > τ ‖x‖`.
    """

    selector: Floats
    threshold: float

    def beyond(self, vectors: Floats) -> Floats:
        """`xᵀσ − τ ‖x‖`."""
        kind = vectors.dtype
        off: Floats = vectors @ self.selector.astype(kind) - kind.type(
            self.threshold
        ) * lengths(vectors)
        return off

    @property
    def asked(self) -> dict[str, Floats]:
        """The selector, and the threshold as `(1,)`."""
        return {
            "selector": self.selector,
            "threshold": np.array([self.threshold]),
        }

    def fits(self, dim: int) -> bool:
        """Whether the selector is `(dim,)`, and all is finite."""
        return self.selector.shape == (dim,) and bool(np.isfinite(self.place).all())


@dataclass(frozen=True)
class AnswerCondition(Condition):
    """Of vectors that a forgotten text would name, or nearly: one whose best forgotten text is at
    most `margin` (times its length) behind the best of the others, by any of the prompts.

    `texts` `(p, m, d)`: what competes, averaged over the prompts and in single ones. `forgotten`
    `(m,)`, a mask.
    """

    texts: Floats
    forgotten: Bools
    margin: float

    def beyond(self, vectors: Floats) -> Floats:
        """`max_c xᵀt_c − max_r xᵀt_r + margin ‖x‖`, the most of all prompts."""
        kind = vectors.dtype
        best = np.full(len(vectors), -np.inf, kind)
        for rows in self.texts:
            scores = vectors @ rows.astype(kind).T
            ahead = scores[:, self.forgotten].max(1) - scores[:, ~self.forgotten].max(1)
            np.maximum(best, ahead, out=best)
        off: Floats = best + kind.type(self.margin) * lengths(vectors)
        return off

    @property
    def asked(self) -> dict[str, Floats]:
        """The texts, the mask as numbers 0 and 1, and the margin as `(1,)`."""
        return {
            "texts": self.texts,
            "forgotten": self.forgotten.astype(np.float64),
            "margin": np.array([self.margin]),
        }

    @property
    def shape(self) -> str:
        """Rank, prompts and texts."""
        return f"{self.L.shape[1]}x{self.texts.shape[0]}x{self.texts.shape[1]}"

    def fits(self, dim: int) -> bool:
        """Whether the texts are `(p, m, dim)`, some forgotten and some not, and all is finite."""
        return (
            self.texts.ndim == 3
            and len(self.texts) > 0
            and self.texts.shape[1:] == (len(self.forgotten), dim)
            and bool(self.forgotten.any())
            and not self.forgotten.all()
            and bool(np.isfinite(self.place).all())
        )


def lengths(vectors: Floats) -> Floats:
    """The length of each vector `(n, d)`, `(n,)`, in the arithmetic of its type."""
    squares: Floats = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return squares


def names_of(tensors: Iterable[str]) -> set[str] | None:
    """The tensors that the conditions of an edit's file have, all of them; None where some are
    missing or belong to none.

    Args:
        tensors: the names in the file that begin with `condition.`.
    """
    present = set(tensors)
    expected = set[str]()
    at = 0
    while len(expected) < len(present):
        kinds = [
            {f"condition.{at}.{part}" for part in (*asked, "L", "B")} for asked in ASKED
        ]
        kind = next((names for names in kinds if names <= present), None)
        if kind is None:
            return None
        expected |= kind
        at += 1
    return expected if expected == present else None


def read(tensors: Mapping[str, Floats]) -> tuple[Condition, ...]:
    """The conditions in the tensors of an edit's file, in their order.

    Args:
        tensors: all that `names_of` names.

    Raises:
        Usage: a threshold or margin that is not one number, a mask of something else than 0 and 1.
    """
    conditions: list[Condition] = []
    while f"condition.{len(conditions)}.L" in tensors:
        prefix = f"condition.{len(conditions)}."
        parts: dict[str, Any] = {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }
        if "selector" in parts:
            threshold = _one_number(parts["threshold"], "threshold")
            conditions.append(
                DomainCondition(parts["L"], parts["B"], parts["selector"], threshold)
            )
            continue
        mask = parts["forgotten"]
        if mask.ndim != 1 or not np.isin(mask, (0.0, 1.0)).all():
            raise Usage("a mask of forgotten texts with other values than 0 and 1")
        margin = _one_number(parts["margin"], "margin")
        conditions.append(
            AnswerCondition(parts["L"], parts["B"], parts["texts"], mask > 0, margin)
        )
    return tuple(conditions)


def _one_number(tensor: Floats, name: str) -> float:
    if tensor.shape != (1,):
        raise Usage(f"a {name} of shape {tensor.shape}", advice="It is one number.")
    return float(tensor[0])
