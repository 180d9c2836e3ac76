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


def leaks(
    edit: Edit, contributions: Sequence[Contribution], data: EvaluationData, seed: int = 0
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
        own = cells([scope], data)[data.class_of, data.domain_of]
        record: dict[str, Json] = {"scope": scope.as_json(), "images": int(own.sum())}
        records.append(record | shown(x, y, own, half))
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
    learn, judge = own & half, own & ~half
    if not (learn.any() and judge.any() and (~own & half).any()):
        return {}
    record: dict[str, Json] = {}
    for name, z in (("before", x), ("after", y)):
        record[f"examples_{name}"] = {
            str(k): _examples(z, learn, judge, own, half, k) for k in SHOTS if k <= learn.sum()
        }
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
    learned, judged = int((own & half).sum()), int((own & ~half).sum())
    others, rest = int((~own & half).sum()), int((~own & ~half).sum())
    labelled = {"pictures": learned, "others": others}
    done = []
    for k in SHOTS:
        if str(k) not in record["examples_after"]:
            done.append(Attempt(f"examples_{k}", why=FEW))
            continue
        was, is_now = (
            area_reading(record[f"examples_{w}"][str(k)], judged, rest, both_ways=True)
            for w in ("before", "after")
        )
        done.append(Attempt(f"examples_{k}", was, is_now, {"pictures": k}))
    for name, key in (("neighbours", "knn"), ("probe", "probe")):
        was, is_now = (
            area_reading(record[f"{key}_{when}"], judged, rest) for when in ("before", "after")
        )
        done.append(Attempt(name, was, is_now, labelled))
    return done


def _examples(z: Floats, learn: Any, judge: Any, own: Any, half: Any, k: int) -> float:
    query = z[np.flatnonzero(learn)[:k]].mean(0)
    return auc(z[judge] @ query, z[~own & ~half] @ query)


def _probe(z: Floats, own: Any, half: Any) -> float:
    """A linear discriminant learned on one half, judged on the other."""
    a, b = z[own & half], z[~own & half]
    centred = np.concatenate([a - a.mean(0), b - b.mean(0)])
    within = centred.T @ centred / len(centred)
    within += np.eye(z.shape[1]) * 0.05 * np.trace(within) / z.shape[1]
    direction = np.linalg.solve(within, a.mean(0) - b.mean(0))
    return auc(z[own & ~half] @ direction, z[~own & ~half] @ direction)


def _nearest(z: Floats, own: Any, half: Any) -> float:
    """Nearest own example against nearest other one."""
    margin = (z[~half] @ z[own & half].T).max(1) - (z[~half] @ z[~own & half].T).max(1)
    return auc(margin[own[~half]], margin[~own[~half]])


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
