"""What a store still finds: searched with the text of what was forgotten, as its users would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from govd.edit import Basis
from govd.stores.opening import GuardedStore
from govd.types import Contribution, Floats, Hit, Json

HITS: Final = 50
"""Vectors that are looked at for each name."""
SAME: Final = 0.99999
"""Cosine from which on two names are one."""


@dataclass(frozen=True)
class Watched:
    """What is in force everywhere: its contribution, and the unit vector `(d,)` of its text."""

    contribution: str
    text: Floats


def watched(
    contributions: Sequence[tuple[str, Contribution]], basis: Basis
) -> list[Watched]:
    """What a store must find no more: each name of a forget that holds in all domains."""
    names = []
    for digest, contribution in contributions:
        if contribution.spec.scope.paradigm != "concepts":
            continue
        tensors = contribution.tensors
        texts = tensors.get("targets", tensors.get("texts", np.zeros((basis.dim, 0))))
        names += [
            Watched(digest, np.ascontiguousarray(text, np.float32))
            for text in np.asarray(texts).T
        ]
    return names


def named(basis: Basis, vectors: Floats, text: Floats) -> Any:
    """Which vectors `(n, d)` are nearer to a text `(d,)` than to each anchor that is another name,
    a mask `(n,)`.
    """
    _, anchors = basis.anchors
    negatives = anchors[anchors @ text < SAME]
    x = np.asarray(vectors, np.float64)
    similarity = x @ text
    return similarity > (x @ negatives.T).max(axis=1, initial=-np.inf)


@dataclass(frozen=True)
class Look:
    """The hits of one name: how many are recognised as it, and of how many the index gives another
    score than their vectors have.
    """

    contribution: str
    keys: tuple[str, ...]
    named: tuple[str, ...]
    stale: int

    def as_json(self) -> dict[str, Json]:
        """For an entry: without keys, which are the user's."""
        return {
            "contribution": self.contribution,
            "hits": len(self.keys),
            "named": len(self.named),
            "stale": self.stale,
        }


def look(store: GuardedStore, basis: Basis, names: Sequence[Watched]) -> list[Look]:
    """Search a store for each name."""
    if not names:
        return []
    queries = np.stack([name.text for name in names])
    drift = store.facts().drift
    return [
        _look(store, basis, name, hits, drift)
        for name, hits in zip(names, store.find(queries, HITS), strict=True)
    ]


def _look(
    store: GuardedStore,
    basis: Basis,
    name: Watched,
    hits: Sequence[Hit],
    drift: float,
) -> Look:
    keys = tuple(hit.key for hit in hits)
    if not keys:
        return Look(name.contribution, (), (), 0)
    vectors = unit(store.fetch(keys))
    cosines = vectors @ name.text
    off = np.abs(cosines - np.array([hit.score for hit in hits])) > drift
    mask = named(basis, vectors, name.text)
    recognised = tuple(
        key for key, is_named in zip(keys, mask, strict=True) if is_named
    )
    return Look(name.contribution, keys, recognised, int(off.sum()))


def unit(vectors: Floats) -> Floats:
    """Rows `(n, d)` of length 1, float64; a row of zeros stays, one that is not finite is NaN."""
    x = np.asarray(vectors, np.float64)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        scaled: Floats = x / np.where(length > 0, length, 1)
    return scaled
