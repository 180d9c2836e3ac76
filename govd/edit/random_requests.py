"""Random requests on which predictions are tried: what people may forget, drawn from the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from govd.edit.basis import Basis
from govd.types import Concept, Scope

SIZES: Final = (1, 3, 10, 30)
"""Concepts of a random request, as far as half of the labels are that many."""
REQUESTS: Final = 40
"""Random requests about concepts."""
CELLS: Final = 22
"""Random requests about a concept in a domain, of those that the pool shows there and elsewhere."""
CROWD: Final = 32
"""Labels that random requests are drawn from, at most."""
SHOWN: Final = 3
"""Pool pictures that a label must have to be drawn, where enough labels have so many."""


@dataclass(frozen=True)
class Drawn:
    """A random request: its scopes, and those of what stands beside it."""

    own: tuple[Scope, ...]
    beside: tuple[Scope, ...]


def draws(basis: Basis, draw: np.random.Generator) -> list[Drawn]:
    """Random requests: concepts, every second beside others; cells and whole domains where there
    are domains.
    """
    count = np.bincount(basis.base_answers, minlength=len(basis.anchors[0]))
    names = basis.anchors[0]
    shown = np.flatnonzero(count >= SHOWN)
    able = shown if len(shown) >= min(len(names), max(SIZES)) else np.arange(len(names))
    crowd = [Scope((Concept(names[int(i)]),)) for i in draw.permutation(able)[:CROWD]]
    sizes = [size for size in SIZES if 2 * size <= len(names) and size <= len(crowd)] or [1]
    requests = []
    for i in range(REQUESTS):
        size = sizes[i % len(sizes)]
        room = max(0, min(len(crowd), len(names) // 2) - size)
        others = int(draw.integers(0, min(room, 10) + 1)) if (i // len(sizes)) % 2 else 0
        chosen = [crowd[int(j)] for j in draw.permutation(len(crowd))[: size + others]]
        requests.append(Drawn(tuple(chosen[:size]), tuple(chosen[size:])))
    if "pool_domains" in basis.tensors:
        requests += [Drawn((scope,), ()) for scope in _cells(basis, draw)]
        requests += [Drawn((Scope((), (domain,)),), ()) for domain in basis.domains]
    order = draw.permutation(len(requests))  # so that a part of them is like the whole
    return [requests[int(i)] for i in order]


def _cells(basis: Basis, draw: np.random.Generator) -> list[Scope]:
    """Random cells: labels of which the pool shows pictures in the domain, and `SHOWN` in
    others.
    """
    names, wide = basis.anchors[0], len(basis.domains)
    domain = np.asarray(basis.tensors["pool_domains"])[basis.thinned_pool()[1]]
    in_domain = domain < wide
    count = np.bincount(
        basis.base_answers[in_domain] * wide + domain[in_domain], minlength=len(names) * wide
    ).reshape(-1, wide)
    other = np.bincount(basis.base_answers, minlength=len(names))[:, None] - count
    able = np.argwhere((count >= SHOWN) & (other >= SHOWN))
    chosen = able[draw.permutation(len(able))[:CELLS]]
    return [
        Scope((Concept(names[int(label)]),), (basis.domains[int(place)],))
        for label, place in chosen
    ]
