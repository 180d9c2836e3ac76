"""Which forgets lie inside which: what another covers adds nothing while that stands.

Proven by `tests/records/test_coverage.py`, `tests/records/test_scope.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from govd.types import Concept, Record, Scope

ANY: Final = None
"""In the place of a phrase or domain: the scope names none, and means all."""


def scope_of(request: Record) -> Scope:
    """The scope that a request's record names."""
    return Scope(
        tuple(Concept(c["name"], tuple(c["aliases"])) for c in request["concepts"]),
        tuple(request["domains"]),
    )


@dataclass(frozen=True)
class Extent:
    """A wanted forget as it is compared: `phrases` and `domains` empty mean all; `place` is its
    position in the order of filing.
    """

    id: str
    place: int
    strength: float
    phrases: frozenset[str]
    domains: frozenset[str]

    @staticmethod
    def of(request: Record, place: int) -> Extent:
        """Of a request's record."""
        phrases = frozenset(
            phrase
            for concept in request["concepts"]
            for phrase in (concept["name"], *concept["aliases"])
        )
        return Extent(
            id=str(request["id"]),
            place=place,
            strength=float(request["strength"]),
            phrases=phrases,
            domains=frozenset(request["domains"]),
        )

    def covers(self, inner: Extent) -> bool:
        """As `Scope.covers`, at no less strength."""
        return (
            self.strength >= inner.strength
            and (
                not self.phrases
                or (bool(inner.phrases) and inner.phrases <= self.phrases)
            )
            and (
                not self.domains
                or (bool(inner.domains) and inner.domains <= self.domains)
            )
        )

    def stands_over(self, inner: Extent) -> bool:
        """Covers it, and of two that cover each other is the one that was filed first."""
        return (
            self.place != inner.place
            and self.covers(inner)
            and (self.place < inner.place or not inner.covers(self))
        )


def subsumed_by(wanted: Sequence[Record]) -> dict[str, str]:
    """Which forgets add nothing because another that stands covers them at no less strength: id →
    id of the one that covers.

    Of two that cover each other the one filed first stands. What could cover a forget is looked up
    by its rarest phrase and one of its domains, so that many forgets about different things cost no
    more than each by itself.
    """
    extents = [Extent.of(request, place) for place, request in enumerate(wanted)]
    naming: defaultdict[tuple[str | None, str | None], list[Extent]] = defaultdict(list)
    often = Counter(phrase for extent in extents for phrase in extent.phrases)
    for extent in extents:
        for key in product(extent.phrases or (ANY,), extent.domains or (ANY,)):
            naming[key].append(extent)
    above: dict[str, list[Extent]] = {}
    for inner in extents:
        phrases = (
            (ANY, min(inner.phrases, key=often.__getitem__))
            if inner.phrases
            else (ANY,)
        )
        domains = (ANY, next(iter(inner.domains))) if inner.domains else (ANY,)
        candidates = [
            outer for key in product(phrases, domains) for outer in naming.get(key, ())
        ]
        above[inner.id] = sorted(
            (o for o in candidates if o.stands_over(inner)),
            key=lambda outer: outer.place,
        )
    # "stands over" is a strict partial order, so something that nothing stands over is above each
    # that is covered
    return {
        inner: next(o.id for o in outers if not above[o.id])
        for inner, outers in above.items()
        if outers
    }
