"""Leave-one-out: what each forget in force costs the answers that stay, and what it does to the
others, exactly.

Forgets are solved as one system, so taking one out changes the columns of the rest. Each figure is
a difference between two edits, the one in force and the one composed without that forget, on the
same pictures. Figures are for reading and are no part of any digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.edit.compose import recognised
from govd.edit.extent import Mask, labelled_in_scope, scope_mask
from govd.edit.factors import Edit
from govd.edit.metrics import ROWS, EvaluationData
from govd.types import Contribution, Floats, Json


@dataclass(frozen=True)
class Pictures:
    """What is looked at: unedited unit embeddings `(n, d)`, the place of each one's best anchor
    before any edit `(n,)`, the place of its domain in the basis `(n,)` (−1: none is known), and in
    words what they are.
    """

    vectors: Floats
    base: Any
    domain_of: Any
    on: str
    data: EvaluationData | None = None


@dataclass(frozen=True)
class Answered:
    """Answers under some forgets: the place of each picture's best anchor `(n,)`, whether that name
    is forgotten for it `(n,)`, and whether the name is that the unedited model gave it `(n,)`.
    """

    places: Any
    named: Any
    base_named: Any


def pictures_of(basis: Basis, data: EvaluationData | None) -> Pictures:
    """The thinned pool; without one the labelled pictures; without either the anchors' own
    texts.
    """
    if basis.has_pool or data is None:
        vectors = basis.images
        base = basis.base_answers
        domain_of = np.full(len(vectors), -1)
        if basis.has_pool and "pool_domains" in basis.tensors:
            domain_of = np.asarray(
                basis.tensors["pool_domains"][basis.thinned_pool()[1]], np.int64
            )
            domain_of = np.where(domain_of < len(basis.domains), domain_of, -1)
        description = (
            f"{len(vectors)} {basis.pool_kind} embeddings"
            if basis.has_pool
            else f"{len(vectors)} texts"
        )
        return Pictures(vectors, base, domain_of, description)
    places = np.array(
        [basis.domains.index(d) if d in basis.domains else -1 for d in data.domains]
        + [-1]
    )
    nothing = Edit.nothing(basis.dim, basis.side)
    base = best_anchors(basis, nothing, data.vectors)
    return Pictures(
        data.vectors,
        base,
        places[data.domain_of],
        f"{len(data.vectors)} labelled images",
        data,
    )


def concerned(basis: Basis, pictures: Pictures, contribution: Contribution) -> Mask:
    """Which pictures `(n,)` a forget is about: by their label where they have one, else by what the
    unedited model calls them.

    Args:
        basis: has labels, pool and domains.
        contribution: of the forget.
    """
    if pictures.data is not None:
        return labelled_in_scope(basis, contribution, pictures.data)
    mask = scope_mask(basis, contribution) if basis.has_pool else None
    if mask is not None:
        return mask
    scope = contribution.spec.scope
    if scope.domains:  # nothing tells which domain a picture is of
        return np.zeros(len(pictures.vectors), bool)
    names = basis.anchors[0]
    forgotten = _forgotten_names(basis, contribution)
    return np.array([name in forgotten for name in names])[pictures.base]


def best_anchors(basis: Basis, edit: Edit, vectors: Floats) -> Any:
    """The place `(n,)` of the anchor that answers for each picture after the edit.

    Args:
        basis: has the anchors `(m, d)`.
        vectors: `(n, d)`, unedited, unit.
    """
    anchors = basis.anchors[1]
    moved = anchors if edit.side == "image" else edit.move(anchors)
    best = [np.zeros(0, np.int64)]
    for start in range(0, len(vectors), ROWS):
        # their lengths change no order among anchors
        rows = vectors[start : start + ROWS]
        best.append(
            ((edit.move(rows) if edit.side == "image" else rows) @ moved.T).argmax(1)
        )
    return np.concatenate(best)


def answered(
    basis: Basis, pictures: Pictures, edit: Edit, contributions: Sequence[Contribution]
) -> Answered:
    """What every picture is answered with while these forgets are in force.

    Args:
        basis: has the anchors.
        pictures: what is looked at.
        edit: the one in force.
        contributions: the forgets in it.
    """
    names = basis.anchors[0]
    wide = len(basis.domains) + 1
    # the last column: pictures whose domain is not known
    forgotten = np.zeros((len(names), wide), bool)
    position = {name: i for i, name in enumerate(names)}
    for contribution in contributions:
        scope = contribution.spec.scope
        rows = [
            position[name]
            for name in _forgotten_names(basis, contribution)
            if name in position
        ]
        columns = (
            [basis.domains.index(d) for d in scope.domains if d in basis.domains]
            if scope.domains
            else list(range(wide))
        )
        forgotten[np.ix_(rows, columns)] = True
    places = best_anchors(basis, edit, pictures.vectors)
    return Answered(
        places,
        forgotten[places, pictures.domain_of],
        forgotten[pictures.base, pictures.domain_of],
    )


def named_share(
    pictures: Pictures, now: Answered, contribution: Contribution, about: Mask
) -> float | None:
    """Of the pictures that a forget is about, the share that gets a forgotten name; of a whole
    domain's, the share whose answer is what it was before any edit. None where there are no such
    pictures.

    Args:
        now: the answers under the edit.
        contribution: of the forget.
    """
    if not about.any():
        return None
    still = (
        now.named if contribution.spec.scope.concepts else now.places == pictures.base
    )
    return float(still[about].mean())


def left_out(
    pictures: Pictures,
    contributions: Sequence[Contribution],
    about: Sequence[Mask],
    place: int,
    whole: Answered,
    rest: Answered,
) -> dict[str, Json]:
    """What the forget at `place` does: `whole` are the answers with it, `rest` those without, on
    the same pictures.

    `cost`: how many more of the retained answers differ from the unedited model's with it than
    without. `others_named`, `others_named_without`: the named share of all other forgets' pictures;
    `others`: of each one whose share it changes, largest first.

    Args:
        contributions: the forgets in force.
        about: for each of them, which pictures `(n,)` it is about.
    """
    stays = ~np.logical_or.reduce([*about, whole.base_named])
    with_it, without = (
        float((a.places != pictures.base)[stays].mean()) if stays.any() else 0.0
        for a in (whole, rest)
    )
    changes: list[dict[str, Json]] = []
    pooled = np.zeros(3)  # pictures, named with it, named without
    for other, mask in enumerate(about):
        first = named_share(pictures, whole, contributions[other], mask)
        second = named_share(pictures, rest, contributions[other], mask)
        if other == place or first is None or second is None:
            continue
        pooled += mask.sum() * np.array([1.0, first, second])
        if first != second:
            changes.append({"place": other, "named": first, "named_without": second})
    return {
        "pictures": int(about[place].sum()),
        "named": named_share(pictures, whole, contributions[place], about[place]),
        "retained": int(stays.sum()),
        "changed": with_it,
        "changed_without": without,
        "cost": with_it - without,
        "others_named": float(pooled[1] / pooled[0]) if pooled[0] else None,
        "others_named_without": float(pooled[2] / pooled[0]) if pooled[0] else None,
        "others": sorted(changes, key=lambda o: -abs(o["named"] - o["named_without"])),
    }


def _forgotten_names(basis: Basis, contribution: Contribution) -> set[str]:
    """Anchors whose name a forget takes away, by its phrases and by its texts: those of a private
    one have no phrases.
    """
    scope = recognised(basis, contribution).spec.scope
    names = {phrase for concept in scope.concepts for phrase in concept.phrases}
    columns = contribution.tensors.get("targets", contribution.tensors.get("texts"))
    if scope.concepts and columns is not None:
        names |= {
            basis.anchor_names.get(np.ascontiguousarray(column).tobytes(), "")
            for column in columns.T
        }
    return names
