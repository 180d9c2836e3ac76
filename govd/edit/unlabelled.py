"""What an edit did as far as it can be said without a labelled picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.edit.costs import weighted
from govd.edit.extent import in_scope
from govd.edit.factors import Edit
from govd.edit.metrics import GUESSES, ROWS, scores, share
from govd.edit.norms import norm
from govd.edit.prediction import Mask, Watch, watch_for
from govd.types import Contribution, Floats, Json

UNLISTED = 512
"""Images that unlisted words are tried on, at most about this many."""


def _spill(edit: Edit, anchors: Floats) -> Floats:
    """How much the edit takes of each anchor `(m, d)` at most."""
    if not edit.rank or not len(anchors):
        return np.zeros(len(anchors))
    spill: Floats = np.abs(edit.B.T @ anchors.T).max(0, initial=0.0)
    return spill


def data_free(
    basis: Basis, edit: Edit, contributions: Sequence[Contribution]
) -> dict[str, Json]:
    """What can be said without a labelled picture: of the factors, of the texts, and of the pool
    where there is one.

    `retain_agreement` is of pictures in no scope whose answer was a kept label: the share for which
    it still is the best kept one. On labelled pictures (`on_images`) it is of all in no scope, by
    their best kept label before and after. `shown_disagreement`: of pictures as far as they show a
    label (`shown`), which are worth as many as `shown`; absent where that is not known.

    Args:
        basis: has the texts, and perhaps a pool.
        edit: the one that is described.
        contributions: the forgets in it.
    """
    names, anchors = basis.anchors
    touched = {
        p for c in contributions for k in c.spec.scope.concepts for p in k.phrases
    }
    retained = np.array([name not in touched for name in names])
    watch, scope = watch_for(basis, contributions), in_scope(basis, contributions)
    if watch is None:  # texts stand for pictures
        images, top = anchors, basis.base_answers
        answers = _answers(edit, images, anchors, np.ones(len(names), bool))
    else:
        images, top, answers = watch.images, watch.top, watch.answers(edit)
    stays = retained[top] if watch is None or scope is None else ~scope[watch.at]
    listed = stays & retained[top]
    # what is answered with a label that goes: which of the others comes next?
    unclear = listed & ~retained[answers]
    restricted = answers.copy()
    restricted[unclear] = _answers(edit, images[unclear], anchors, retained)
    spill = _spill(edit, anchors[retained])
    retained_names = [name for name, k in zip(names, retained, strict=True) if k]
    on = f"{len(images)} texts"
    if watch is not None:
        on = f"{np.count_nonzero(stays)} {basis.pool_kind} embeddings"
    return {
        "on": on,
        "rank": edit.rank,
        "edit_norm": norm(edit),
        "retain_agreement": share((restricted == top)[listed]),
        "predicted_disagreement": share((answers != top)[stays]),
        **_of_labels(watch, answers != top, stays),
        "largest_spill": float(spill.max(initial=0.0)),
        "spills_to": _spills(retained_names, spill),
        "unlisted_agreement": _unlisted(basis, edit, images, touched),
        "targets": [term for c in contributions for term in c.facts.get("terms", [])],
    }


def _of_labels(watch: Watch | None, changed: Mask, stays: Mask) -> dict[str, Json]:
    """What changed of the pictures that stay, as far as they show a label; nothing where that is
    not known.
    """
    if watch is None or watch.shows is None or not stays.any():
        return {}
    cost = weighted(changed[stays], watch.shows[stays])
    return {"shown_disagreement": cost.share, "shown": cost.pictures}


def _spills(names: Sequence[str], spill: Floats) -> list[dict[str, Json]]:
    """The anchors that most spills to, of all `names` with how much `(m,)`."""
    worst = np.argsort(-spill)[:GUESSES]
    return [
        {"anchor": names[i], "spill": float(spill[i])} for i in worst if spill[i] > 1e-9
    ]


def _answers(edit: Edit, images: Floats, anchors: Floats, among: Any) -> Any:
    """The best of some anchors for each image `(n,)` after the edit; `among` `(m,)` says which."""
    best = np.zeros(len(images), np.int64)
    for start in range(0, len(images), ROWS):
        part = images[start : start + ROWS]  # lengths change no order among anchors
        scored = (
            edit.move(part) @ anchors.T
            if edit.side == "image"
            else part @ edit.move(anchors).T
        )
        scored[:, ~among] = -np.inf
        best[start : start + ROWS] = scored.argmax(1)
    return best


def _unlisted(
    basis: Basis, edit: Edit, images: Floats, touched: set[str]
) -> float | None:
    """Same best word among the vocabulary that is neither label nor forgotten."""
    out = touched.union(basis.labels)
    keep = [i for i, name in enumerate(basis.vocabulary) if name not in out]
    if len(keep) < 2:
        return None
    texts = basis.tensors["vocabulary"][keep]
    images = images[:: max(1, len(images) // UNLISTED)]
    return share((images @ texts.T).argmax(1) == scores(edit, images, texts).argmax(1))
