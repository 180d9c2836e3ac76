"""Which concepts of a request are not known in the domains that it names: no picture of the pool
that the model takes to be of such a domain looks like them. What a forget of them would do there
nobody can tell, so it waits for a person, as one of a name does that the model does not know.

Proven by `tests/contributions/test_unseen.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from govd.edit import Basis
from govd.edit.extent import pool_in_scope
from govd.edit.prediction import Watch
from govd.types import Concept, Contribution, Floats, Json, Scope

Cell = tuple[str, str]
"""A phrase and a domain."""
HIDDEN: Final = (
    "what this private request names is not known in a domain that it names (whoever may see it"
    " finds it in `govd preview`)"
)


@dataclass(frozen=True)
class Unseen:
    """A concept of which no picture was found in a domain, among so many `pictures`, called `kind`;
    `fitted` is how many the rest of the pool has, which the forget is fitted on.
    """

    phrase: str
    domain: str
    pictures: int
    kind: str
    fitted: int = 0

    @property
    def reason(self) -> str:
        """In a sentence."""
        none = (
            f"of {self.pictures} {self.kind} embeddings none looks like it to the model"
        )
        if not self.fitted:
            return f"{self.phrase!r} in {self.domain} is not known: {none}"
        return (
            f"what becomes of {self.phrase!r} in {self.domain} nobody knows: {none} (of those that"
            f" it is fitted on {self.fitted} do)"
        )

    def as_json(self) -> dict[str, Json]:
        """As a request's prediction says it."""
        names = ("phrase", "domain", "pictures", "fitted", "reason")
        return {name: getattr(self, name) for name in names}


def unseen(
    basis: Basis,
    contribution: Contribution,
    concepts: Sequence[Concept],
    embedded: Callable[[str], Floats],
    watch: Watch | None,
    passed: Collection[Cell] = (),
) -> list[Unseen]:
    """The cells of a request that the pool does not show at all; where it shows each of them, those
    of a request of which no picture is among those that its prediction is counted on.

    Args:
        basis: of the model.
        contribution: of the request.
        concepts: that are judged, of those in the request, with the names that they have.
        embedded: a phrase's unit embedding `(d,)`.
        watch: what the prediction is counted on; None where there is nothing.
        passed: cells that somebody let pass.
    """
    domains = contribution.spec.scope.domains
    if watch is None or not domains or "pool_domains" not in basis.tensors:
        return []
    images, at = basis.thinned_pool()
    shown_domain = np.asarray(basis.tensors["pool_domains"])[at]
    places = [basis.domains.index(name) for name in domains if name in basis.domains]
    anywhere = np.zeros(len(images), bool)
    missing: list[Unseen] = []
    counted: list[Unseen] = []
    for concept, mask in _shown(basis, contribution, concepts, embedded):
        anywhere |= mask & np.isin(shown_domain, places)
        for place in places:
            domain = basis.domains[place]
            if any((phrase, domain) in passed for phrase in concept.phrases):
                continue
            count = int(np.count_nonzero(mask & (shown_domain == place)))
            cell = Unseen(concept.name, domain, len(images), basis.pool_kind)
            if not count:
                missing.append(cell)
            counted.append(replace(cell, pictures=len(watch.at), fitted=count))
    if missing or anywhere[watch.at].any():
        return missing
    return counted


def _shown(
    basis: Basis,
    contribution: Contribution,
    concepts: Sequence[Concept],
    embedded: Callable[[str], Floats],
) -> Iterator[tuple[Concept, Any]]:
    """Each concept with the thinned pool pictures `(n,)` that look like it, in whatever domain."""
    for concept in concepts:
        texts = np.stack([embedded(phrase) for phrase in concept.phrases], axis=1)
        spec = replace(contribution.spec, scope=Scope((concept,), ()))
        alone = replace(contribution, spec=spec, tensors={"targets": texts})
        mask = pool_in_scope(basis, alone)
        if mask is not None:
            yield concept, mask
