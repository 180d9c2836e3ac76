"""What an edit did: metrics on images where there are labelled ones, on texts and unlabelled
embeddings otherwise.

Figures are for reading: they use the machine's own linear algebra and are no part of any digest.
Definitions: README of this folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.edit.factors import Edit
from govd.edit.own_labels import forgotten_everywhere
from govd.edit.strength import auc
from govd.types import Contribution, Floats, Json, Scope

REDIRECTS = 5
GUESSES = 5
ROWS = 1024
"""Images that are scored at once."""


@dataclass(frozen=True)
class EvaluationData:
    """Labelled embeddings: `vectors` `(n, d)` of the unedited model, a class and a domain for each
    (domain −1: none), their names, and other words for classes, which no request named, to see what
    a paraphrase still finds.
    """

    vectors: Floats
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    class_of: Any
    domain_of: Any
    paraphrases: Mapping[str, Floats] | None = None
    skipped: int = 0


def scores(edit: Edit, images: Floats, texts: Floats) -> Floats:
    """Similarities `(n, m)` of unedited embeddings after the edit: cosines on the image side,
    bilinear scores on the text side.

    Args:
        images: `(n, d)`.
        texts: `(m, d)`; they are moved where the edit is on their side.
    """
    x, t = np.asarray(images, np.float64), np.asarray(texts, np.float64)
    moved: Floats = edit.apply(x) @ t.T if edit.side == "image" else x @ edit.move(t).T
    return moved


def on_images(
    basis: Basis,
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
) -> dict[str, Json]:
    """What an answer with the label set is worth now, cell by cell.

    Args:
        basis: has labels and domains.
        edit: the one that is measured.
        contributions: the forgets in it.
        data: labelled pictures, unedited embeddings.
    """
    names, texts = label_set(basis, data)
    scopes = [c.spec.scope for c in contributions]
    forgotten = cells(scopes, data)  # (classes, domains + 1)
    mask = forgotten[data.class_of, data.domain_of]
    true = _true_labels(names, data)
    before, after = data.vectors @ texts.T, scores(edit, data.vectors, texts)
    first, now = before.argmax(1), after.argmax(1)
    right_before, right = first == true, now == true
    everywhere = forgotten_everywhere(scopes)
    retained = np.array([name not in everywhere for name in names])
    same = after[:, retained].argmax(1) == before[:, retained].argmax(1)
    figures: dict[str, Json] = {
        "on": _described(data),
        "images": len(data.vectors),
        "forgotten_images": int(mask.sum()),
        "accuracy_before": share(right_before),
        "accuracy": share(right),
        "retain_acc_before": share(right_before[~mask]),
        "retain_acc": share(right[~mask]),
        "retain_agreement": share(same[~mask]),
        "score_shift_p95": _shift(before, after, true, ~mask),
        "image_rank_overlap@10": _overlap(before, after, retained, ~mask),
        "cells": _table(data, right_before, right, forgotten),
    }
    figures["retain_worst_class"] = _worst(data, right_before, right, mask)
    if mask.any():
        figures |= _forgotten(
            names, data, mask, right_before, right, first, now, true, retained, after
        )
        figures["concepts"] = [
            _concept(basis, edit, scope, data, texts, names, before, after)
            for scope in scopes
        ]
        figures["h_mean"] = _harmonic(figures)
        figures["paraphrase_leak"] = _paraphrase(edit, data, names, texts, mask, true)
    return figures


def _true_labels(names: Sequence[str], data: EvaluationData) -> Any:
    """The place `(n,)` of each picture's class among the labels."""
    places = np.array([names.index(name) for name in data.classes])
    return places[data.class_of]


def _described(data: EvaluationData) -> str:
    """What figures are of."""
    skipped = f" ({data.skipped} unreadable, skipped)" if data.skipped else ""
    return f"{len(data.vectors)} labelled images{skipped}"


def _harmonic(figures: Mapping[str, Json]) -> float:
    """The harmonic mean of the error on what went and of the share of the accuracy that stayed."""
    before, error = figures["retain_acc_before"], 1 - figures["forget_acc"]
    retained = figures["retain_acc"] / before if before else 0.0
    total = error + retained
    return float(2 * error * retained / total) if total else 0.0


def cells(scopes: Sequence[Scope], data: EvaluationData) -> Any:
    """Which (class, domain) cells are forgotten, `(classes, domains + 1)` bool; the last column is
    of images without a domain.
    """
    out = np.zeros((len(data.classes), len(data.domains) + 1), bool)
    for scope in scopes:
        phrases = {p for c in scope.concepts for p in c.phrases}
        rows = [
            i for i, name in enumerate(data.classes) if not phrases or name in phrases
        ]
        columns = (
            [i for i, name in enumerate(data.domains) if name in scope.domains]
            if scope.domains
            else range(len(data.domains) + 1)
        )
        out[np.ix_(rows, list(columns))] = True
    return out


def label_set(basis: Basis, data: EvaluationData) -> tuple[list[str], Floats]:
    """The labels that pictures are told apart by, and their embeddings.

    Raises:
        Usage: a class of the pictures is none of them.
    """
    names, vectors = basis.anchors
    missing = [c for c in data.classes if c not in names]
    if missing:
        from govd.errors import Usage, instead

        advice = (
            "Name the folders as the labels, or register the model with --labels that"
            f" contain them. {instead(missing[0], names, 'Labels')}"
        )
        raise Usage(
            f"evaluation classes that are no labels: {', '.join(missing[:5])}",
            advice=advice,
        )
    return list(names), vectors


def share(mask: Any) -> float:
    return float(np.mean(mask)) if len(mask) else 0.0


def _shift(before: Floats, after: Floats, true: Any, where: Any) -> float:
    if not where.any():
        return 0.0
    rows = np.arange(len(true))
    moved = np.abs(after[rows, true] - before[rows, true])
    return float(np.quantile(moved[where], 0.95))


def _overlap(before: Floats, after: Floats, kept: Any, where: Any) -> float:
    """Mean overlap of the ten best retained images for each retained label."""
    if where.sum() < 20 or not kept.any():
        return 1.0
    best = []
    for scored in (before, after):
        retained = scored[where][:, kept]
        is_best = np.zeros(retained.shape, bool)
        places = np.argpartition(-retained, 9, axis=0)[:10]
        np.put_along_axis(is_best, places, True, axis=0)
        best.append(is_best)
    shared, labels = np.count_nonzero(best[0] & best[1]), best[0].shape[1]
    return float(shared / (10 * labels))


def _table(
    data: EvaluationData, before: Any, after: Any, forgotten: Any
) -> list[dict[str, Json]]:
    wide = len(data.domains) + 1
    domain = np.where(data.domain_of < 0, wide - 1, data.domain_of)
    cell = np.asarray(data.class_of) * wide + domain
    count, right_before, now = _sums(cell, len(data.classes) * wide, before, after)
    domains = [*data.domains, ""]
    return [
        {
            "class": data.classes[at // wide],
            "domain": domains[at % wide],
            "images": int(count[at]),
            "before": float(right_before[at] / count[at]),
            "after": float(now[at] / count[at]),
            "forgotten": bool(forgotten[at // wide, at % wide]),
        }
        for at in np.flatnonzero(count)
    ]


def _sums(group: Any, groups: int, before: Any, after: Any) -> tuple[Any, Any, Any]:
    """Images of each group, and how many of them were right before and are right after."""
    return tuple(
        np.bincount(group, weights, groups) for weights in (None, before, after)
    )  # type: ignore[return-value]


def _worst(
    data: EvaluationData, before: Any, after: Any, mine: Any
) -> dict[str, Json] | None:
    """The retained class that lost most."""
    count, right_before, now = _sums(
        np.asarray(data.class_of)[~mine], len(data.classes), before[~mine], after[~mine]
    )
    occupied = np.flatnonzero(count)
    if not len(occupied):
        return None
    _, name, first, last = min(
        (
            (now[c] - right_before[c]) / count[c],
            data.classes[c],
            right_before[c] / count[c],
            now[c] / count[c],
        )
        for c in occupied
    )
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
    other_pictures = ~np.isin(true, labels)
    by_mistake = np.isin(first, labels) & other_pictures
    answers, counts = np.unique(now[mine], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:REDIRECTS]
    own_scores = after[np.arange(len(true)), true][mine]
    competing = after[mine][:, kept]
    return {
        "forget_acc_before": share(right_before[mine]),
        "forget_acc": share(right[mine]),
        "base_false_positives": share(by_mistake[other_pictures])
        if other_pictures.any()
        else None,
        "pairwise_leak": float(np.mean(own_scores[:, None] > competing))
        if kept.any()
        else None,
        "redirects": [
            {"label": names[answers[i]], "share": float(counts[i] / mine.sum())}
            for i in order
        ],
    }


def _concept(
    basis: Basis,
    edit: Edit,
    scope: Scope,
    data: EvaluationData,
    texts: Floats,
    names: list[str],
    before: Floats,
    after: Floats,
) -> dict[str, Json]:
    """How a scope's own text ranks its pictures against the rest, before and after."""
    concept_mask = cells([scope], data)[data.class_of, data.domain_of]
    label = ", ".join(c.name for c in scope.concepts) or "everything"
    domains = ", ".join(scope.domains) or "everywhere"
    out: dict[str, Json] = {
        "scope": f"{label} · {domains}",
        "images": int(concept_mask.sum()),
    }
    was_areas, now_areas = [], []
    for concept in scope.concepts:
        for c, name in enumerate(data.classes):
            if name not in concept.phrases:
                continue
            of_class, column = data.class_of == c, names.index(name)
            at, rest = concept_mask & of_class, ~of_class
            was_areas.append(auc(before[at, column], before[rest, column]))
            now_areas.append(auc(after[at, column], after[rest, column]))
    if now_areas:
        area_before, now = float(np.mean(was_areas)), float(np.mean(now_areas))
        out |= {
            "text_auc_before": area_before,
            "text_auc": now,
            "inversion_leak": max(0.0, 0.5 - now),
        }
    return out


def _paraphrase(
    edit: Edit,
    data: EvaluationData,
    names: list[str],
    texts: Floats,
    mine: Any,
    true: Any,
) -> float | None:
    """`forget_acc` where each forgotten label is replaced by a word for it that no request
    named.
    """
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
    answers = scores(edit, data.vectors[at], changed).argmax(1)
    return share(answers == true[at])
