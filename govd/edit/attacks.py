"""What somebody can still do to an edit: with examples, with labelled pictures, with the base weights beside it.

Figures are for reading: they use the machine's own linear algebra and are no part of any digest. Definitions: README of this folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.edit.factors import Edit
from govd.edit.metrics import GUESSES, EvaluationData, cells
from govd.edit.strength import auc
from govd.types import Contribution, Floats, Json

SHOTS = (1, 4, 8, 16)
"""Examples that somebody searches with."""


def leaks(edit: Edit, contributions: Sequence[Contribution], data: EvaluationData, seed: int = 0) -> list[dict[str, Json]]:
    """What somebody with examples can still do, for each forget: query by k examples, nearest neighbours, a linear probe. AUC, 0.5 is none.

    Halves of the images are used for learning and for judging; the same halves before and after.
    """
    x = np.asarray(data.vectors, np.float64)
    y = edit.apply(x) if edit.side == "image" else x
    half = np.random.default_rng(seed).permutation(len(x)) < len(x) // 2
    found = []
    for contribution in contributions:
        scope = contribution.spec.scope
        own = cells([scope], data)[data.class_of, data.domain_of]
        learn, judge = own & half, own & ~half
        record: dict[str, Json] = {"scope": scope.as_json(), "images": int(own.sum())}
        if learn.sum() >= 1 and judge.sum() >= 1 and (~own & half).any():
            for name, z in (("before", x), ("after", y)):
                record[f"examples_{name}"] = {str(k): _examples(z, learn, judge, own, half, k) for k in SHOTS if k <= learn.sum()}
                record[f"probe_{name}"] = _probe(z, own, half)
                record[f"knn_{name}"] = _nearest(z, own, half)
        found.append(record)
    return found


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
    """Share of images whose nearest other image is the same after the edit; 1 where the text side carries it."""
    if edit.side == "text" or len(vectors) < 2:
        return 1.0
    x = np.asarray(vectors, np.float64)
    y = edit.apply(x)
    before, after = x @ x.T, y @ y.T
    np.fill_diagonal(before, -np.inf)
    np.fill_diagonal(after, -np.inf)
    return float(np.mean(before.argmax(1) == after.argmax(1)))


def base_diff(basis: Basis, edit: Edit) -> list[dict[str, Json]]:
    """Words whose texts lie nearest to the span of the removals: what the difference to a public base model names."""
    if not edit.rank:
        return []
    pairs = [(basis.labels, basis.tensors["labels"]), (basis.vocabulary, basis.tensors["vocabulary"])]
    names = [n for names, _ in pairs for n in names]
    texts = np.concatenate([v for _, v in pairs])
    lost = np.abs(texts @ edit.B).max(1)
    seen: dict[str, float] = {}
    for i in np.argsort(-lost, kind="stable"):
        seen.setdefault(names[i], float(lost[i]))
        if len(seen) == GUESSES:
            break
    return [{"word": word, "weight": weight} for word, weight in seen.items()]
