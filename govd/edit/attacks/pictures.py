"""Attacks with pictures: a search with some of them, the nearest labelled one, a linear probe.
Halves learn and judge, the same ones before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from govd.edit.attacks.readings import FEW, Attempt, area_reading
from govd.edit.factors import Edit
from govd.edit.metrics import ROWS, EvaluationData, cells
from govd.edit.strength import auc
from govd.types import Contribution, Floats, Json

SHOTS: Final = (1, 4, 8, 16)
"""Examples that somebody searches with."""
SHRINKAGE: Final = 0.05
"""Of the probe's covariance towards a multiple of the identity."""


def leaks(
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
    seed: int = 0,
) -> list[dict[str, Json]]:
    """What somebody with examples can still do, for each forget: query by k examples, nearest
    neighbours, a linear probe. AUC, 0.5 is none.

    Halves of the images are used for learning and for judging; the same halves before and after.

    Args:
        edit: the one that is attacked.
        contributions: the forgets in it.
        data: labelled pictures, unedited embeddings.
        seed: of the halves.
    """
    x = np.asarray(data.vectors, np.float64)
    y = edit.apply(x) if edit.side == "image" else x
    half = halves(len(x), seed)
    records = []
    for contribution in contributions:
        scope = contribution.spec.scope
        concept_mask = cells([scope], data)[data.class_of, data.domain_of]
        record: dict[str, Json] = {
            "scope": scope.as_json(),
            "images": int(concept_mask.sum()),
        }
        records.append(record | shown(x, y, concept_mask, half))
    return records


def halves(count: int, seed: int = 0) -> Any:
    """Which of so many pictures `(n,)` are learned from; the others judge."""
    return np.random.default_rng(seed).permutation(count) < count // 2


def shown(x: Floats, y: Floats, own: Any, half: Any) -> dict[str, Json]:
    """AUCs of the attacks with pictures on a model's vectors `x` (n, d) and another's `y` of the
    same pictures; empty where too few are `own` (n,).

    Args:
        half: which of the pictures `(n,)` are learned from; the others are judged.
    """
    learned = own & half
    judged = own & ~half
    negatives = ~own & half
    if not (learned.any() and judged.any() and negatives.any()):
        return {}
    shots = [k for k in SHOTS if k <= learned.sum()]
    record: dict[str, Json] = {}
    for name, z in (("before", x), ("after", y)):
        record[f"examples_{name}"] = {str(k): _examples(z, own, half, k) for k in shots}
        record[f"probe_{name}"] = _probe(z, own, half)
        record[f"knn_{name}"] = _nearest(z, own, half)
    return record


def attempts(record: Mapping[str, Json], own: Any, half: Any) -> list[Attempt]:
    """The figures of `shown` as attempts on a forget whose pictures are `own` (n,).

    Args:
        record: what `shown` gave.
        half: the one that it was given.
    """
    names = [*(f"examples_{k}" for k in SHOTS), "neighbours", "probe"]
    if "probe_after" not in record:
        return [Attempt(name, why=FEW) for name in names]
    learned = int((own & half).sum())
    judged = int((own & ~half).sum())
    negatives = int((~own & half).sum())
    rest = int((~own & ~half).sum())
    labelled = {"pictures": learned, "others": negatives}
    listed = []
    for k in SHOTS:
        if str(k) not in record["examples_after"]:
            listed.append(Attempt(f"examples_{k}", why=FEW))
            continue
        areas = (record[f"examples_{when}"][str(k)] for when in ("before", "after"))
        before, is_now = (
            area_reading(area, judged, rest, both_ways=True) for area in areas
        )
        listed.append(Attempt(f"examples_{k}", before, is_now, {"pictures": k}))
    for name, key in (("neighbours", "knn"), ("probe", "probe")):
        areas = (record[f"{key}_{when}"] for when in ("before", "after"))
        before, is_now = (area_reading(area, judged, rest) for area in areas)
        listed.append(Attempt(name, before, is_now, labelled))
    return listed


def _examples(z: Floats, own: Any, half: Any, k: int) -> float:
    """The mean of the first `k` own examples as a query."""
    examples = z[np.flatnonzero(own & half)[:k]]
    return _area(z, own, half, examples.mean(0))


def _probe(z: Floats, own: Any, half: Any) -> float:
    """A linear discriminant learned on one half, judged on the other."""
    dim = z.shape[1]
    inner = z[own & half]
    outer = z[~own & half]
    inner_mean = inner.mean(0)
    outer_mean = outer.mean(0)
    centred = np.concatenate([inner - inner_mean, outer - outer_mean])
    within = centred.T @ centred / len(centred)
    within += np.eye(dim) * SHRINKAGE * np.trace(within) / dim
    return _area(z, own, half, np.linalg.solve(within, inner_mean - outer_mean))


def _area(z: Floats, own: Any, half: Any, direction: Floats) -> float:
    """The AUC of own pictures against others along a direction, on the half that judges."""
    return auc(z[own & ~half] @ direction, z[~own & ~half] @ direction)


def _nearest(z: Floats, own: Any, half: Any) -> float:
    """Nearest own example against nearest other one."""
    judged = z[~half]
    is_own = own[~half]
    own_best = (judged @ z[own & half].T).max(1)
    other_best = (judged @ z[~own & half].T).max(1)
    margin = own_best - other_best
    return auc(margin[is_own], margin[~is_own])


def neighbour_agreement(edit: Edit, vectors: Floats) -> float:
    """Share of images whose nearest other image is the same after the edit; 1 where the text side
    carries it.
    """
    if edit.side == "text" or len(vectors) < 2:
        return 1.0
    x = np.asarray(vectors, np.float64)
    return float(np.mean(_nearest_others(x) == _nearest_others(edit.apply(x))))


def _nearest_others(x: Floats) -> Any:
    """The place `(n,)` of the nearest other row."""
    best = np.zeros(len(x), np.int64)
    for start in range(0, len(x), ROWS):
        near = x[start : start + ROWS] @ x.T
        rows = np.arange(len(near))
        near[rows, start + rows] = -np.inf
        best[start : start + ROWS] = near.argmax(1)
    return best
