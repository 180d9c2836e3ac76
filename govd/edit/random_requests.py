"""Random requests on which predictions are tried: what people may forget, drawn from the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from govd.edit.basis import Basis
from govd.types import Concept, Scope

SIZES: Final = (1, 3, 10, 30)
"""Concepts of a random request, as far as half of the labels are that many."""
REQUESTS: Final = 40
"""Random requests about concepts."""
CELLS: Final = 36
"""Random requests about a concept in a domain, of those that the pool shows there and elsewhere:
twice as many as an interval takes, since a part of the pool may show none of one's pictures.
"""
BESIDE: Final = 10
"""Concepts that stand beside a random request, at most."""
CROWD: Final = 32
"""Labels that random requests are drawn from, at most."""
SHOWN: Final = 3
"""Pool pictures that a label must have to be drawn, where enough labels have so many."""


@dataclass(frozen=True)
class Drawn:
    """A random request: its scopes, and those of what stands beside it."""

    own: tuple[Scope, ...]
    beside: tuple[Scope, ...]

    @property
    def is_whole(self) -> bool:
        """Everything in some domains is to go."""
        return all(scope.paradigm == "domains" for scope in self.own)


def draws(basis: Basis, draw: np.random.Generator) -> list[Drawn]:
    """Random requests: concepts, every second beside others; cells and whole domains where there
    are domains.
    """
    names = basis.anchors[0]
    count = np.bincount(basis.base_answers, minlength=len(names))
    frequent = np.flatnonzero(count >= SHOWN)
    enough = len(frequent) >= min(len(names), max(SIZES))
    able = frequent if enough else np.arange(len(names))
    crowd = [Scope((Concept(names[int(i)]),)) for i in draw.permutation(able)[:CROWD]]
    sizes = [
        size for size in SIZES if 2 * size <= len(names) and size <= len(crowd)
    ] or [1]
    limit = min(len(crowd), len(names) // 2)
    requests = []
    for i in range(REQUESTS):
        turn, place = divmod(i, len(sizes))
        size = sizes[place]
        room = min(max(0, limit - size), BESIDE)
        beside = int(draw.integers(0, room + 1)) if turn % 2 else 0
        order = draw.permutation(len(crowd))
        concepts = [crowd[int(j)] for j in order[: size + beside]]
        requests.append(Drawn(tuple(concepts[:size]), tuple(concepts[size:])))
    if "pool_domains" in basis.tensors:
        requests += [Drawn((scope,), ()) for scope in _cells(basis, draw)]
        requests += [Drawn((Scope((), (domain,)),), ()) for domain in basis.domains]
    return _mixed(requests, draw)


def shared_out(
    requests: Sequence[Drawn], parts: int, draw: np.random.Generator
) -> list[tuple[int, Drawn]]:
    """Random requests with the part that each is tried on, part by part: whole domains, which are
    few, on every one.
    """
    whole = [request for request in requests if request.is_whole]
    rest = [request for request in requests if not request.is_whole]
    return [
        (part, request)
        for part in range(parts)
        for request in _mixed([*rest[part::parts], *whole], draw)
    ]


def _mixed(requests: Sequence[Drawn], draw: np.random.Generator) -> list[Drawn]:
    """In random order, so that the first of them are like all."""
    return [requests[int(i)] for i in draw.permutation(len(requests))]


def _cells(basis: Basis, draw: np.random.Generator) -> list[Scope]:
    """Random cells: labels of which the pool shows pictures in the domain, and `SHOWN` in
    others.
    """
    names = basis.anchors[0]
    wide = len(basis.domains)
    label = basis.base_answers
    _, places = basis.thinned_pool()
    domain = np.asarray(basis.tensors["pool_domains"])[places]
    has_domain = domain < wide
    cell = label[has_domain] * wide + domain[has_domain]
    count = np.bincount(cell, minlength=len(names) * wide).reshape(-1, wide)
    other = np.bincount(label, minlength=len(names))[:, None] - count
    able = np.argwhere((count >= SHOWN) & (other >= SHOWN))
    order = draw.permutation(len(able))
    cells = ((names[int(i)], basis.domains[int(s)]) for i, s in able[order[:CELLS]])
    return [Scope((Concept(name),), (place,)) for name, place in cells]
