"""Retrieval across the two sides: which pictures a label's text finds, and which labels a picture
finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from govd.edit.basis import Basis
from govd.edit.factors import Edit
from govd.edit.metrics import EvaluationData, cells, label_set, scores
from govd.types import Contribution, Floats, Json

DEPTHS: Final = (1, 5, 10)


def retrieval(
    basis: Basis,
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
) -> dict[str, Json]:
    """Recall at 1, 5 and 10 on labelled pictures, `before` and `after` the edit, of what is
    `retained` and what is `forgotten`.

    Text to image (`t2i@k`): the share of labels with a picture of theirs among the k best of all
    pictures. Image to text (`i2t@k`): the share of pictures with their label among the k best. A
    label is asked once for its retained pictures and once for its forgotten ones; a group without
    pictures is left out. Equal scores are in the order of the pictures or labels.

    Args:
        basis: has the labels.
        contributions: the forgets in the edit.
        data: labelled pictures, unedited embeddings.
    """
    names, texts = label_set(basis, data)
    inside_scope = cells([c.spec.scope for c in contributions], data)[
        data.class_of, data.domain_of
    ]
    true = np.array([names.index(c) for c in data.classes])[data.class_of]
    recalls: dict[str, Json] = {}
    for group, mask in (("retained", ~inside_scope), ("forgotten", inside_scope)):
        if mask.any():
            recalls[group] = {
                "labels": len(np.unique(true[mask])),
                "images": int(mask.sum()),
            }
    for when, scored in (
        ("before", data.vectors @ texts.T),
        ("after", scores(edit, data.vectors, texts)),
    ):
        for group, mask in (("retained", ~inside_scope), ("forgotten", inside_scope)):
            if mask.any():
                recalls[group][when] = _recalls(scored, true, mask)
    return recalls


def _recalls(scored: Floats, true: Any, inside: Any) -> dict[str, float]:
    """Recalls of the pictures `inside` `(n,)` and of their labels, from scores `(n, m)`."""
    deepest = max(DEPTHS)
    best_labels = np.argsort(-scored[inside], axis=1, kind="stable")[:, :deepest]
    hit = best_labels == true[inside][:, None]
    labels = np.unique(true[inside])
    # (k, labels)
    best_pictures = np.argsort(-scored[:, labels], axis=0, kind="stable")[:deepest]
    relevant = inside[best_pictures] & (true[best_pictures] == labels)
    recalls = {f"i2t@{k}": float(hit[:, :k].any(1).mean()) for k in DEPTHS}
    return recalls | {f"t2i@{k}": float(relevant[:k].any(0).mean()) for k in DEPTHS}
