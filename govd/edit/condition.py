"""Parts of an edit that are for some vectors alone: what a vector is asked first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from govd.errors import Usage
from govd.types import Bools, Floats

FACTORS: Final = ("L", "B")
ROUNDINGS: Final = 16
"""By so many a type's roundings the length of a unit vector may be off."""


class Question(ABC):
    """What a vector is asked. Scaling it changes no answer."""

    @abstractmethod
    def beyond(self, vectors: Floats) -> Floats:
        """How far vectors `(n, d)` are beyond what decides, `(n,)`, in the arithmetic of their
        type.
        """

    @property
    @abstractmethod
    def tensors(self) -> dict[str, Floats]:
        """What it is asked by, by name, in the order that a digest reads them."""

    @property
    def shape(self) -> str:
        """The sizes of what it is asked by, where they are not the width alone."""
        return ""

    @abstractmethod
    def fits(self, dim: int) -> bool:
        """Whether it is for vectors of this width."""


@dataclass(frozen=True)
class OfDomain(Question):
    """Whether a vector's cosine with the selector `(d,)`, times its length, is over the threshold:
    `xᵀσ > τ ‖x‖`.
    """

    selector: Floats
    threshold: float

    def beyond(self, vectors: Floats) -> Floats:
        """`xᵀσ − τ ‖x‖`."""
        kind = vectors.dtype
        score = vectors @ self.selector.astype(kind, copy=False)
        off: Floats = score - kind.type(self.threshold) * lengths(vectors)
        return off

    @property
    def tensors(self) -> dict[str, Floats]:
        """The selector, and the threshold as `(1,)`."""
        return {"selector": self.selector, "threshold": np.array([self.threshold])}

    def fits(self, dim: int) -> bool:
        """Whether the selector is `(dim,)`."""
        return self.selector.shape == (dim,)


@dataclass(frozen=True)
class OfAnswer(Question):
    """Whether a forgotten text would name a vector, or nearly: the best of them is at most `margin`
    (times its length) behind the best of the others, by any of the prompts.

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
            scores = vectors @ rows.astype(kind, copy=False).T
            ahead = scores[:, self.forgotten].max(1) - scores[:, ~self.forgotten].max(1)
            np.maximum(best, ahead, out=best)
        off: Floats = best + kind.type(self.margin) * lengths(vectors)
        return off

    @property
    def tensors(self) -> dict[str, Floats]:
        """The texts, the mask as numbers 0 and 1, and the margin as `(1,)`."""
        return {
            "texts": self.texts,
            "forgotten": self.forgotten.astype(np.float64),
            "margin": np.array([self.margin]),
        }

    @property
    def shape(self) -> str:
        """Prompts and texts."""
        return f"x{self.texts.shape[0]}x{self.texts.shape[1]}"

    def fits(self, dim: int) -> bool:
        """Whether the texts are `(p, m, dim)`, some of them forgotten and some not."""
        return (
            self.texts.ndim == 3
            and len(self.texts) > 0
            and self.texts.shape[1:] == (len(self.forgotten), dim)
            and bool(self.forgotten.any())
            and not self.forgotten.all()
        )


@dataclass(frozen=True)
class Condition:
    """A further edit `(L, B)`, `(d, r)` each, of those vectors alone for which the answer to every
    question is yes.
    """

    L: Floats
    B: Floats
    questions: tuple[Question, ...]

    def beyond(self, vectors: Floats) -> Floats:
        """How far vectors `(n, d)` are beyond what decides, by the question that they meet least,
        `(n,)`, in the arithmetic of their type.
        """
        least: Floats = np.min([q.beyond(vectors) for q in self.questions], axis=0)
        return least

    def holds(self, vectors: Floats) -> Bools:
        """For which of the unedited vectors `(n, d)`, a mask `(n,)`."""
        mask: Bools = self.beyond(vectors) > 0
        return mask

    @property
    def asks_answer(self) -> bool:
        """Whether one of its questions is for a vector's answer."""
        return any(isinstance(question, OfAnswer) for question in self.questions)

    @property
    def tensors(self) -> dict[str, Floats]:
        """Its parts by name, in the order that a digest reads them."""
        of_questions = {
            name: tensor for q in self.questions for name, tensor in q.tensors.items()
        }
        return {**of_questions, "L": self.L, "B": self.B}

    @property
    def shape(self) -> str:
        """Its rank, and what its questions are asked by."""
        return f"{self.L.shape[1]}{''.join(q.shape for q in self.questions)}"

    @property
    def place(self) -> Floats:
        """All numbers that its questions are asked by, `(k,)`."""
        parts = [
            tensor.ravel() for q in self.questions for tensor in q.tensors.values()
        ]
        return np.concatenate(parts)

    def fits(self, dim: int) -> bool:
        """Whether its questions are for vectors of this width, and of values that are finite."""
        return (
            len(self.questions) > 0
            and all(question.fits(dim) for question in self.questions)
            and bool(np.isfinite(self.place).all())
        )


def lengths(vectors: Floats) -> Floats:
    """The length of each vector `(n, d)`, `(n,)`, in the arithmetic of its type."""
    length: Floats = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return length


def is_unit(length: Floats, dtype: np.dtype[Any]) -> Bools:
    """Which lengths `(n,)` are 1 as far as a type can tell."""
    near: Bools = np.abs(length - 1) <= ROUNDINGS * np.finfo(dtype).eps
    return near


def conditions_in(tensors: Mapping[str, Floats]) -> tuple[Condition, ...] | None:
    """The conditions in the tensors of an edit's file, in their order; None where some of their
    tensors are missing or belong to none.

    Args:
        tensors: by name; those of a condition begin with `condition.` and its number.

    Raises:
        Usage: a threshold or margin that is not one number, a mask of something else than 0 and 1.
    """
    conditions: list[Condition] = []
    while True:
        prefix = f"condition.{len(conditions)}."
        parts = {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }
        if not parts:
            break
        if not parts.keys() >= set(FACTORS):
            return None
        condition = Condition(parts["L"], parts["B"], tuple(_questions(parts)))
        if condition.tensors.keys() != parts.keys():
            return None
        conditions.append(condition)
    numbered = sum(len(condition.tensors) for condition in conditions)
    whole = sum(name.startswith("condition.") for name in tensors)
    return tuple(conditions) if numbered == whole else None


def _questions(parts: Mapping[str, Floats]) -> Iterable[Question]:
    if parts.keys() >= {"selector", "threshold"}:
        threshold = _one_number(parts["threshold"], "threshold")
        yield OfDomain(parts["selector"], threshold)
    if parts.keys() >= {"texts", "forgotten", "margin"}:
        mask = parts["forgotten"]
        if mask.ndim != 1 or not np.isin(mask, (0.0, 1.0)).all():
            raise Usage("a mask of forgotten texts with other values than 0 and 1")
        margin = _one_number(parts["margin"], "margin")
        yield OfAnswer(parts["texts"], mask > 0, margin)


def _one_number(tensor: Floats, name: str) -> float:
    if tensor.shape != (1,):
        raise Usage(f"a {name} of shape {tensor.shape}", advice="It is one number.")
    return float(tensor[0])
