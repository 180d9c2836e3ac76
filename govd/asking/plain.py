"""Values that cross to and from foreign code: records that nobody can change, JSON made anew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from govd.types import (
    Contribution,
    Json,
)

DEPTH: Final = 32
"""Levels of an answer's mappings and lists at most."""
LARGE: Final = 20_000_000
"""The same of figures."""
SIMPLE: Final = frozenset({str, int, float, bool, type(None)})
"""Types of values that have nothing in them."""


class Nonsense(Exception):
    """An answer that is not what the hook promises."""


class Wrapped:
    """Something that a plugin made, as the rest of govd uses it; hooks are given `inner`, as the
    plugin made it.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner


def read_only(value: Any) -> Any:
    """JSON values that nobody can change: mapping proxies over copies, and tuples, all the way
    down. Anything else as it is, but for the facts of contributions.
    """
    if type(value) in SIMPLE:  # most of what there is, asked first
        return value
    if isinstance(value, Contribution):
        return replace(
            value,
            tensors=MappingProxyType(dict(value.tensors)),
            facts=read_only(value.facts),
        )
    if isinstance(value, Mapping):
        return MappingProxyType({key: read_only(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(read_only(item) for item in value)
    return value


def plain_json(value: Any, most: int = LARGE) -> Json:
    """JSON values of what a plugin answered, as our own objects; NumPy's numbers as Python's.

    Raises:
        Nonsense: something that JSON cannot say, not finite, or too much of it.
    """
    return _Plain(most).of(value, 0)


class _Plain:
    def __init__(self, most: int) -> None:
        self.left = most
        self.most = most

    def of(self, value: Any, depth: int) -> Json:
        if isinstance(value, np.generic):
            value = value.item()
        self.left -= (
            len(value) + 1 if isinstance(value, str | Mapping | list | tuple) else 1
        )
        if self.left < 0:
            raise Nonsense(f"more than {self.most} values and characters")
        if depth > DEPTH:
            raise Nonsense(f"more than {DEPTH} levels")
        if isinstance(value, str):
            return plain_text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            if abs(value) >= 2**53:
                raise Nonsense("an integer beyond 2^53")
            return int(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise Nonsense(f"a number that is {value}")
            return float(value)
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise Nonsense("a mapping whose keys are no texts")
            return {
                plain_text(key): self.of(item, depth + 1) for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.of(item, depth + 1) for item in value]
        raise Nonsense(f"a {type(value).__name__}, which JSON cannot say")


def plain_text(value: Any, what: str = "a text", most: int | None = None) -> str:
    """A text as our own object, without lone surrogates, which no file could hold. `what` errors
    call it; of more than `most` characters the first are kept.

    Raises:
        Nonsense: it is no text.
    """
    if not isinstance(value, str):
        raise Nonsense(f"{what} that is a {type(value).__name__}")
    # no lone surrogates: no file could hold them
    text = str.__str__(value).encode("utf-8", "replace").decode("utf-8")
    if most is None or len(text) <= most:
        return text
    return text[: most - 1] + "…"


def check_kind(answer: Any, kind: type) -> None:
    """That an answer is of the class that the hook promises.

    Raises:
        Nonsense: it is not.
    """
    if not isinstance(answer, kind):
        raise Nonsense(f"a {type(answer).__name__} in the place of a {kind.__name__}")
