"""What pictures were taken for, before and after an edit: what the accuracies of an evaluation were
counted from.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from govd.edit.basis import Basis
from govd.edit.factors import Edit
from govd.edit.metrics import EvaluationData, label_set, scores
from govd.types import Json


def confusion(basis: Basis, edit: Edit, data: EvaluationData) -> list[dict[str, Json]]:
    """For each (class, domain) with pictures: how many got which label, `before` and `after`;
    labels that none got are left out.

    Args:
        basis: has the labels.
        edit: the one that is measured.
        data: labelled pictures, unedited embeddings.
    """
    names, texts = label_set(basis, data)
    first = (data.vectors @ texts.T).argmax(1)
    now = scores(edit, data.vectors, texts).argmax(1)
    domains = [*data.domains, ""]
    counts: dict[tuple[int, int], tuple[Counter[str], Counter[str]]] = {}
    for place, domain, label_before, is_ in zip(
        np.asarray(data.class_of), np.asarray(data.domain_of), first, now, strict=True
    ):
        before, after = counts.setdefault(
            (int(place), int(domain)), (Counter(), Counter())
        )
        before[names[label_before]] += 1
        after[names[is_]] += 1
    return [
        {
            "class": data.classes[place],
            "domain": domains[domain],
            "images": before.total(),
            "before": dict(before.most_common()),
            "after": dict(after.most_common()),
        }
        for (place, domain), (before, after) in sorted(counts.items())
    ]
