"""What an edit did: metrics on images where there are labelled ones, on texts and unlabelled embeddings otherwise.

Figures are for reading: they use the machine's own linear algebra and are no part of any digest. Definitions: README of this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.edit.extent import in_scope
from govd.edit.factors import Edit
from govd.edit.prediction import watch_for
from govd.edit.strength import auc
from govd.types import Contribution, Floats, Json, Scope

REDIRECTS = 5
GUESSES = 5
ROWS = 1024
"""Images that are scored at once."""
DIRECT = 64
"""Up to this rank an edit's norm is taken from its decomposition."""
EXACT = 1e-12
"""Relative change of a norm below which it has been found."""
UNLISTED = 512
"""Images that unlisted words are tried on, at most about this many."""


@dataclass(frozen=True)
class EvaluationData:
    """Labelled embeddings: `vectors` `(n, d)` of the unedited model, a class and a domain for each (domain −1: none), their names,
    and other words for classes, which no request named, to see what a paraphrase still finds."""

    vectors: Floats
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    class_of: Any
    domain_of: Any
    paraphrases: Mapping[str, Floats] | None = None
    skipped: int = 0


def scores(edit: Edit, images: Floats, texts: Floats) -> Floats:
    """Similarities `(n, m)` of unedited embeddings after the edit: cosines on the image side, bilinear scores on the text side."""
    x, t = np.asarray(images, np.float64), np.asarray(texts, np.float64)
    moved: Floats = edit.apply(x) @ t.T if edit.side == "image" else x @ edit.move(t).T
    return moved


def data_free(basis: Basis, edit: Edit, contributions: Sequence[Contribution]) -> dict[str, Json]:
    """What can be said without a labelled picture: of the factors, of the texts, and of the pool where there is one.

    `retain_agreement` is of pictures in no scope whose answer was a kept label: the share for which it still is the best kept one. On
    labelled pictures (`on_images`) it is of all in no scope, by their best kept label before and after.
    """
    names, anchors = basis.anchors
    gone = {p for c in contributions if c.spec.scope.paradigm == "concepts" for k in c.spec.scope.concepts for p in k.phrases}
    touched = gone | {p for c in contributions for k in c.spec.scope.concepts for p in k.phrases}
    kept = np.array([name not in touched for name in names])
    watch, inside = watch_for(basis, contributions), in_scope(basis, contributions)
    if watch is None:  # texts stand for pictures
        images, top = anchors, basis.base_answers
        answers = _answers(edit, images, anchors, np.ones(len(names), bool))
    else:
        images, top, answers = watch.images, watch.top, watch.answers(edit)
    stays = kept[top] if watch is None or inside is None else ~inside[watch.at]
    listed = stays & kept[top]
    unclear = listed & ~kept[answers]  # what is answered with a label that goes: which of the others comes next?
    restricted = answers.copy()
    restricted[unclear] = _answers(edit, images[unclear], anchors, kept)
    spill = np.abs(edit.B.T @ anchors[kept].T).max(0, initial=0.0) if edit.rank and kept.any() else np.zeros(int(kept.sum()))
    worst = np.argsort(-spill)[:GUESSES]
    retained_names = [name for name, k in zip(names, kept, strict=True) if k]
    return {
        "on": f"{np.count_nonzero(stays)} {basis.pool_kind} embeddings" if watch is not None else f"{len(images)} texts",
        "rank": edit.rank,
        "edit_norm": norm(edit),
        "retain_agreement": _share((restricted == top)[listed]),
        "predicted_disagreement": _share((answers != top)[stays]),
        "largest_spill": float(spill.max(initial=0.0)),
        "spills_to": [{"anchor": retained_names[i], "spill": float(spill[i])} for i in worst if spill[i] > 1e-9],
        "unlisted_agreement": _unlisted(basis, edit, images, touched),
        "targets": [term for c in contributions for term in c.facts.get("terms", [])],
    }


def _answers(edit: Edit, images: Floats, anchors: Floats, among: Any) -> Any:
    """The best of some anchors for each image `(n,)` after the edit; `among` `(m,)` says which."""
    best = np.zeros(len(images), np.int64)
    for start in range(0, len(images), ROWS):
        part = images[start : start + ROWS]  # lengths change no order among anchors
        scored = edit.move(part) @ anchors.T if edit.side == "image" else part @ edit.move(anchors).T
        scored[:, ~among] = -np.inf
        best[start : start + ROWS] = scored.argmax(1)
    return best


def on_images(basis: Basis, edit: Edit, contributions: Sequence[Contribution], data: EvaluationData) -> dict[str, Json]:
    """What an answer with the label set is worth now, cell by cell."""
    names, texts = label_set(basis, data)
    scopes = [c.spec.scope for c in contributions]
    forgotten = cells(scopes, data)  # (classes, domains + 1)
    mine = forgotten[data.class_of, data.domain_of]
    place = np.array([names.index(c) for c in data.classes])
    true = place[data.class_of]
    before, after = data.vectors @ texts.T, scores(edit, data.vectors, texts)
    first, now = before.argmax(1), after.argmax(1)
    right_before, right = first == true, now == true
    whole = {p for s in scopes if s.paradigm == "concepts" for c in s.concepts for p in c.phrases}
    kept = np.array([name not in whole for name in names])
    same = after[:, kept].argmax(1) == before[:, kept].argmax(1)
    found: dict[str, Json] = {
        "on": f"{len(data.vectors)} labelled images" + (f" ({data.skipped} unreadable, skipped)" if data.skipped else ""),
        "images": len(data.vectors),
        "forgotten_images": int(mine.sum()),
        "accuracy_before": _share(right_before),
        "accuracy": _share(right),
        "retain_acc_before": _share(right_before[~mine]),
        "retain_acc": _share(right[~mine]),
        "retain_agreement": _share(same[~mine]),
        "score_shift_p95": _shift(before, after, true, ~mine),
        "image_rank_overlap@10": _overlap(before, after, kept, ~mine),
        "cells": _table(data, right_before, right, forgotten),
    }
    found["retain_worst_class"] = _worst(data, right_before, right, mine)
    if mine.any():
        found |= _forgotten(names, data, mine, right_before, right, first, now, true, kept, after)
        found["concepts"] = [_concept(basis, edit, scope, data, texts, names, before, after) for scope in scopes]
        retained = found["retain_acc"] / found["retain_acc_before"] if found["retain_acc_before"] else 0.0
        gone = 1 - found["forget_acc"]
        found["h_mean"] = 2 * gone * retained / (gone + retained) if gone + retained else 0.0
        found["paraphrase_leak"] = _paraphrase(edit, data, names, texts, mine, true)
    return found


def cells(scopes: Sequence[Scope], data: EvaluationData) -> Any:
    """Which (class, domain) cells are forgotten, `(classes, domains + 1)` bool; the last column is of images without a domain."""
    out = np.zeros((len(data.classes), len(data.domains) + 1), bool)
    for scope in scopes:
        phrases = {p for c in scope.concepts for p in c.phrases}
        rows = [i for i, name in enumerate(data.classes) if not phrases or name in phrases]
        columns = [i for i, name in enumerate(data.domains) if name in scope.domains] if scope.domains else range(len(data.domains) + 1)
        out[np.ix_(rows, list(columns))] = True
    return out


def norm(edit: Edit) -> float:
    """‖B Lᵀ‖₂; of a conditional edit the largest that a vector of one of its domains meets."""
    factors = [(edit.L, edit.B)]
    factors += [(np.concatenate([edit.L, c.L], axis=1), np.concatenate([edit.B, c.B], axis=1)) for c in edit.conditions]
    return max(_norm(left, right) for left, right in factors)


def _norm(left: Floats, right: Floats) -> float:
    if not left.shape[1]:
        return 0.0
    if left.shape[1] <= DIRECT:
        return float(np.linalg.norm(np.linalg.qr(right)[1] @ np.linalg.qr(left)[1].T, 2))
    return _largest(lambda v: right @ (left.T @ v), lambda v: left @ (right.T @ v), len(left))


def _largest(forward: Callable[[Floats], Floats], backward: Callable[[Floats], Floats], dim: int) -> float:
    """The largest singular value of a map of `(dim,)`, given with its transpose, by Golub–Kahan–Lanczos bidiagonalisation, every vector
    made orthogonal to all before it (Golub and Kahan, "Calculating the singular values and pseudo-inverse of a matrix", SIAM J. Numer.
    Anal. B 2, 1965): its cost grows with the rank, that of a decomposition with the rank's cube."""
    start = np.random.default_rng(0).normal(size=dim)
    rights, lefts = [start / np.linalg.norm(start)], list[Floats]()
    diagonal, beside = list[float](), list[float]()
    value = 0.0
    for _ in range(dim):
        left = forward(rights[-1]) - (beside[-1] * lefts[-1] if beside else 0.0)
        left, size = _beyond(left, lefts)
        diagonal.append(size)
        lefts.append(left)
        before, value = value, float(np.linalg.norm(np.diag(diagonal) + np.diag(beside, 1), 2))
        right, size = _beyond(backward(left) - diagonal[-1] * rights[-1], rights)
        if value - before <= EXACT * value or size <= EXACT * value:
            break
        beside.append(size)
        rights.append(right)
    return value


def _beyond(vector: Floats, others: Sequence[Floats]) -> tuple[Floats, float]:
    """What of a vector is orthogonal to unit vectors that are so to each other, at length one, and its length."""
    if others:
        stacked = np.stack(others)
        vector = vector - stacked.T @ (stacked @ vector)
    size = float(np.linalg.norm(vector))
    return (vector / size if size else vector), size


def label_set(basis: Basis, data: EvaluationData) -> tuple[list[str], Floats]:
    """The labels that pictures are told apart by, and their embeddings.

    Raises:
        Usage: a class of the pictures is none of them.
    """
    names, vectors = basis.anchors
    missing = [c for c in data.classes if c not in names]
    if missing:
        from govd.errors import Usage

        advice = "Name the folders as the labels, or register the model with --labels that contain them."
        raise Usage(f"evaluation classes that are no labels: {', '.join(missing[:5])}", advice=advice)
    return list(names), vectors


def _share(mask: Any) -> float:
    return float(np.mean(mask)) if len(mask) else 0.0


def _unlisted(basis: Basis, edit: Edit, images: Floats, touched: set[str]) -> float | None:
    """Same best word among the vocabulary that is neither label nor forgotten."""
    out = touched.union(basis.labels)
    keep = [i for i, name in enumerate(basis.vocabulary) if name not in out]
    if len(keep) < 2:
        return None
    texts = basis.tensors["vocabulary"][keep]
    images = images[:: max(1, len(images) // UNLISTED)]
    return _share((images @ texts.T).argmax(1) == scores(edit, images, texts).argmax(1))


def _shift(before: Floats, after: Floats, true: Any, where: Any) -> float:
    if not where.any():
        return 0.0
    rows = np.arange(len(true))
    return float(np.quantile(np.abs(after[rows, true] - before[rows, true])[where], 0.95))


def _overlap(before: Floats, after: Floats, kept: Any, where: Any) -> float:
    """Mean overlap of the ten best retained images for each retained label."""
    if where.sum() < 20 or not kept.any():
        return 1.0
    best = []
    for scored in (before, after):
        mine = scored[where][:, kept]
        chosen = np.zeros(mine.shape, bool)
        np.put_along_axis(chosen, np.argpartition(-mine, 9, axis=0)[:10], True, axis=0)
        best.append(chosen)
    return float(np.count_nonzero(best[0] & best[1]) / (10 * best[0].shape[1]))


def _table(data: EvaluationData, before: Any, after: Any, forgotten: Any) -> list[dict[str, Json]]:
    wide = len(data.domains) + 1
    cell = np.asarray(data.class_of) * wide + np.where(data.domain_of < 0, wide - 1, data.domain_of)
    count, was, now = _sums(cell, len(data.classes) * wide, before, after)
    domains = [*data.domains, ""]
    return [
        {
            "class": data.classes[at // wide],
            "domain": domains[at % wide],
            "images": int(count[at]),
            "before": float(was[at] / count[at]),
            "after": float(now[at] / count[at]),
            "forgotten": bool(forgotten[at // wide, at % wide]),
        }
        for at in np.flatnonzero(count)
    ]


def _sums(group: Any, groups: int, before: Any, after: Any) -> tuple[Any, Any, Any]:
    """Images of each group, and how many of them were right before and are right after."""
    return tuple(np.bincount(group, weights, groups) for weights in (None, before, after))  # type: ignore[return-value]


def _worst(data: EvaluationData, before: Any, after: Any, mine: Any) -> dict[str, Json] | None:
    """The retained class that lost most."""
    count, was, now = _sums(np.asarray(data.class_of)[~mine], len(data.classes), before[~mine], after[~mine])
    there = np.flatnonzero(count)
    if not len(there):
        return None
    _, name, first, last = min(((now[c] - was[c]) / count[c], data.classes[c], was[c] / count[c], now[c] / count[c]) for c in there)
    return {"class": name, "before": float(first), "after": float(last)}


def _forgotten(
    names: list[str],
    data: EvaluationData,
    mine: Any,
    right_before: Any,
    right: Any,
    first: Any,
    now: Any,
    true: Any,
    kept: Any,
    after: Floats,
) -> dict[str, Json]:
    labels = np.unique(true[mine])
    by_mistake = np.isin(first, labels) & ~np.isin(true, labels)
    others = ~np.isin(true, labels)
    answers, counts = np.unique(now[mine], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:REDIRECTS]
    own = after[np.arange(len(true)), true][mine]
    competing = after[mine][:, kept]
    return {
        "forget_acc_before": _share(right_before[mine]),
        "forget_acc": _share(right[mine]),
        "base_false_positives": _share(by_mistake[others]) if others.any() else None,
        "pairwise_leak": float(np.mean(own[:, None] > competing)) if kept.any() else None,
        "redirects": [{"label": names[answers[i]], "share": float(counts[i] / mine.sum())} for i in order],
    }


def _concept(
    basis: Basis, edit: Edit, scope: Scope, data: EvaluationData, texts: Floats, names: list[str], before: Floats, after: Floats
) -> dict[str, Json]:
    """How a scope's own text ranks its pictures against the rest, before and after."""
    own = cells([scope], data)[data.class_of, data.domain_of]
    label = ", ".join(c.name for c in scope.concepts) or "everything"
    where = ", ".join(scope.domains) or "everywhere"
    out: dict[str, Json] = {"scope": f"{label} · {where}", "images": int(own.sum())}
    areas = []
    for concept in scope.concepts:
        for c, name in enumerate(data.classes):
            if name in concept.phrases:
                at, column = own & (data.class_of == c), names.index(name)
                rest = data.class_of != c
                areas.append((auc(before[at, column], before[rest, column]), auc(after[at, column], after[rest, column])))
    if areas:
        was, now = (float(np.mean([a[i] for a in areas])) for i in (0, 1))
        out |= {"text_auc_before": was, "text_auc": now, "inversion_leak": max(0.0, 0.5 - now)}
    return out


def _paraphrase(edit: Edit, data: EvaluationData, names: list[str], texts: Floats, mine: Any, true: Any) -> float | None:
    """`forget_acc` where each forgotten label is replaced by a word for it that no request named."""
    if not data.paraphrases:
        return None
    changed, covered = texts.copy(), np.zeros(len(names), bool)
    for name, vectors in data.paraphrases.items():
        if name in names and len(vectors):
            changed[names.index(name)] = vectors[0]
            covered[names.index(name)] = True
    at = mine & covered[true]
    if not at.any():
        return None
    return _share(scores(edit, data.vectors[at], changed).argmax(1) == true[at])
