"""How much is asked for: the share of pictures that are in the scope of forgets, whatever
forgetting them costs the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from govd.edit import exact
from govd.edit.basis import Basis
from govd.edit.cache import Cache
from govd.edit.compose import recognised
from govd.types import Contribution, Floats, Json

if TYPE_CHECKING:
    from govd.edit.metrics import EvaluationData

Mask = Any
"""Which of `n` pictures, `(n,)` bool."""
MASKS: Final = 4096
"""Scopes of a basis whose pictures are kept in memory."""
DOUBT: Final = 1e-9
"""Scores of unit vectors that are nearer than this are compared exactly: the machine's own products
are far better than that.
"""


def in_scope(basis: Basis, contributions: Sequence[Contribution]) -> Mask | None:
    """Which thinned pool pictures `(n,)` one of these forgets is about; None where that cannot be
    told of all of them.
    """
    if not basis.has_pool:
        return None
    union = np.zeros(len(basis.thinned_pool()[1]), bool)
    for contribution in contributions:
        mask = scope_mask(basis, contribution)
        if mask is None:
            return None
        union |= mask
    return union


def scope_mask(basis: Basis, contribution: Contribution) -> Mask | None:
    """As `pool_in_scope`, kept in memory with the basis."""
    cached: Cache[str, Mask] = vars(basis).setdefault("scope_masks", Cache(MASKS))
    mask = cached.get(contribution.digest)
    if mask is None:
        mask = pool_in_scope(basis, contribution)
        if mask is not None:
            cached.put(contribution.digest, mask)
    return mask


def pool_in_scope(basis: Basis, contribution: Contribution) -> Mask | None:
    """Which thinned pool pictures `(n,)` a forget is about: best named by a text of it, in one of
    its domains.

    None where there is no pool, or no telling its domains apart.
    """
    scope = contribution.spec.scope
    if not basis.has_pool or (scope.domains and "pool_domains" not in basis.tensors):
        return None
    images, at = basis.thinned_pool()
    mask = np.ones(len(images), bool)
    if scope.domains:
        places = [
            basis.domains.index(domain)
            for domain in scope.domains
            if domain in basis.domains
        ]
        mask &= np.isin(basis.tensors["pool_domains"][at], places)
    targets = contribution.tensors.get("targets", contribution.tensors.get("texts"))
    if scope.concepts and targets is not None:
        names = {
            basis.anchor_names.get(np.ascontiguousarray(column).tobytes(), "")
            for column in targets.T
        }
        if "" in names:
            rivals = basis.pool_best("labels" if basis.labels else "vocabulary", names)
            mask &= _at_least(images, targets, rivals)
        else:
            mask &= np.isin(
                basis.base_answers,
                [i for i, name in enumerate(basis.anchors[0]) if name in names],
            )
    return mask


def _at_least(images: Floats, texts: Floats, others: Floats) -> Mask:
    """Which pictures `(n, d)` score one of the texts `(d, p)` at least as high as `others` `(n,)`:
    decided on exact scores, which are computed only where the machine's own leave a doubt.
    """
    scores = (images @ texts).max(1)
    doubt = np.flatnonzero(np.abs(scores - others) < DOUBT)
    if len(doubt):
        scores[doubt] = exact.matmul(images[doubt], texts).max(1)
    reached: Mask = scores >= others
    return reached


def labelled_in_scope(
    basis: Basis,
    contribution: Contribution,
    data: EvaluationData,
    in_any_domain: bool = False,
) -> Mask:
    """Which labelled pictures `(n,)` a forget is about, by their class and domain.

    Args:
        basis: has labels and domains.
        contribution: of the forget.
        data: labelled pictures.
        in_any_domain: by their class alone.
    """
    scope = recognised(basis, contribution).spec.scope
    mask = np.ones(len(data.vectors), bool)
    if scope.concepts:
        phrases = {phrase for concept in scope.concepts for phrase in concept.phrases}
        mask &= np.isin(
            data.class_of, [i for i, name in enumerate(data.classes) if name in phrases]
        )
    if scope.domains and not in_any_domain:
        mask &= np.isin(
            data.domain_of,
            [i for i, name in enumerate(data.domains) if name in scope.domains],
        )
    return mask


def taken_for(
    basis: Basis, domain: str, data: EvaluationData
) -> dict[str, Json] | None:
    """How many labelled pictures of a domain a basis takes for that domain (`taken` of `pictures`),
    and how many others (`others_taken` of `others`). None where there are none of either, or where
    there is no other domain to tell it from.

    Args:
        basis: has selectors.
        domain: its name.
        data: labelled pictures; those that say no domain do not count.
    """
    if len(basis.domains) < 2 or not {domain} <= {*basis.domains} & {*data.domains}:
        return None
    in_domain = data.domain_of == data.domains.index(domain)
    elsewhere = (data.domain_of >= 0) & ~in_domain
    if not in_domain.any() or not elsewhere.any():
        return None
    nearest = (data.vectors @ basis.tensors["selectors"].T).argmax(1)
    selected = nearest == basis.domains.index(domain)
    return {
        "domain": domain,
        "pictures": int(in_domain.sum()),
        "taken": int(selected[in_domain].sum()),
        "others": int(elsewhere.sum()),
        "others_taken": int(selected[elsewhere].sum()),
    }


def named_share(basis: Basis, contribution: Contribution) -> float:
    """The share of (label, domain) cells that a scope names: what is known without a picture."""
    scope = contribution.spec.scope
    labels = len(basis.anchors[0])
    concepts = min(1.0, len(scope.concepts) / max(1, labels)) if scope.concepts else 1.0
    domains = len(scope.domains) / max(1, len(basis.domains)) if scope.domains else 1.0
    return concepts * domains
