"""The columns: what an edit did to the judging pictures. All shares are of pictures, between 0 and
1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from govd.edit.strength import auc
from tests.benchmarks.forgetting.cases import Case

Map = Callable[[np.ndarray], np.ndarray]
"""Vectors `(n, d)` of unedited pictures to edited ones, any length."""
WORST_OF = 5
"""Pictures that a label, or a cell, must have to be counted as the worst one."""
EXAMPLES = 8
ASKED = 1200
"""Pictures whose nearest one is looked for among all, at most about so many."""
NAN = float("nan")


@dataclass(frozen=True)
class Figures:
    """One edit on one split; NaN where a column does not apply.

    `named_right`: pictures to be forgotten that get their own label; `named`: any label that is
    forgotten where they are, by the worst single prompt in `worst_prompt`; `mistakes`: other
    pictures that the base model gives such a label; `unchanged`: answers of other pictures whose
    base answer is no forgotten label; `worst_label`, `worst_cell`: the same of the label, or label
    and domain, that lost most; `elsewhere`: of pictures of the same labels in other domains that
    the base model named right, how many still are; `newly_named`: of the other pictures, how many
    get a forgotten label now; `unlisted`, `neighbours`: best other word, nearest other picture
    unchanged; `text_auc`, `example_auc_1`, `example_auc_8`: how the label, or edited pictures of
    it, rank its pictures against the others. `predicted`, `predicted_high`: the cost that bounds
    look at, and its interval's upper end; `measured`: that cost, by true labels.
    """

    named_right: float = NAN
    named: float = NAN
    mistakes: float = NAN
    worst_prompt: float = NAN
    unchanged: float = NAN
    worst_label: float = NAN
    worst_cell: float = NAN
    elsewhere: float = NAN
    newly_named: float = NAN
    unlisted: float = NAN
    neighbours: float = NAN
    text_auc: float = NAN
    example_auc_1: float = NAN
    example_auc_8: float = NAN
    predicted: float = NAN
    predicted_high: float = NAN
    measured: float = NAN
    seconds: float = NAN


COLUMNS = tuple(f.name for f in fields(Figures))


def measure(case: Case, edited: Map, *, without: bool = False) -> dict[str, float]:
    """The figures of an edit; `without`: the forgotten labels are no answers any more, either."""
    split = case.split
    moved = edited(split.x)
    moved = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
    scores = moved @ split.labels.vectors.T
    if without:
        scores[case.told] = -np.inf
    answer, at = scores.argmax(1), np.arange(len(moved))
    inside, others = case.inside, case.others
    same = answer == split.base
    told_now, told_before = case.told[at, answer], case.told[at, split.base]
    counted = ~inside & ~told_before
    figures = {
        "named_right": share(answer[inside] == split.label[inside]),
        "unchanged": share(same[others]),
        "worst_label": worst(split.base[others], same[others]),
        "unlisted": _best_words(case, moved),
        "neighbours": share(_nearest_before(case) == nearest(moved[~inside])),
        "measured": share(~same[counted]),
    }
    if split.domain is not None:
        wide = int(split.domain.max()) + 1
        figures["worst_cell"] = worst(
            (split.base * wide + split.domain)[others], same[others]
        )
    if case.kind == "cells":
        right = case.elsewhere & (split.base == split.label)
        figures["elsewhere"] = share(answer[right] == split.label[right])
    if case.kind != "domains":
        figures |= {
            "named": share(told_now[inside]),
            "mistakes": share(told_before[~inside]),
            "newly_named": share(told_now[others]),
            "worst_prompt": NAN if without else _worst_prompt(case, moved),
        }
        figures |= _ranking(case, moved)
    return figures


def share(mask: np.ndarray) -> float:
    """Mean of a mask; not a number where it is empty."""
    return float(np.mean(mask)) if len(mask) else NAN


def nearest(x: np.ndarray) -> np.ndarray:
    """The nearest other picture of each, or of every so-manyth where they are more than `ASKED`."""
    rows = x.astype(np.float32)
    asked = np.arange(0, len(rows), max(1, round(len(rows) / ASKED)))
    similar = rows[asked] @ rows.T
    similar[np.arange(len(asked)), asked] = -np.inf
    best: np.ndarray = similar.argmax(1)
    return best


def once(case: Case, name: str, compute: Callable[[], Any]) -> Any:
    """What depends on a case and on no edit, computed for the first row alone."""
    kept = vars(case).setdefault("_once", {})
    if name not in kept:
        kept[name] = compute()
    return kept[name]


def _nearest_before(case: Case) -> np.ndarray:
    before: np.ndarray = once(
        case, "nearest", lambda: nearest(case.split.x[~case.inside])
    )
    return before


def _worst_prompt(case: Case, moved: np.ndarray) -> float:
    """Not a number where there is one prompt alone: then it is `named`."""
    prompts, inside = case.split.labels.prompts, case.inside
    if prompts is None or not inside.any():
        return NAN
    told, at = case.told[inside], np.arange(int(inside.sum()))
    return max(share(told[at, (moved[inside] @ rows.T).argmax(1)]) for rows in prompts)


def worst(group: np.ndarray, same: np.ndarray) -> float:
    """The least share of `same` in any group with enough pictures."""
    counts = np.bincount(group)
    kept = np.bincount(group, same)
    there = counts >= WORST_OF
    return float((kept[there] / counts[there]).min()) if there.any() else NAN


def _best_words(case: Case, moved: np.ndarray) -> float:
    words, rest = case.split.unlisted.vectors, ~case.inside
    if not len(words):
        return NAN
    before = once(case, "words", lambda: (case.split.x[rest] @ words.T).argmax(1))
    return share(before == (moved[rest] @ words.T).argmax(1))


def _ranking(case: Case, moved: np.ndarray) -> dict[str, float]:
    """AUCs of texts and examples, means over what is forgotten. The same label elsewhere is on
    neither side.
    """
    split = case.split
    rows: list[tuple[float, float, float]] = []
    for i, label in enumerate(case.forgotten):
        own, rest = split.label == label, split.label != label
        if case.domains is not None:
            own = own & (split.domain == case.domains[i])
        if own.any() and rest.any():
            scores = moved @ split.labels.vectors[label]
            rows.append(
                (
                    auc(scores[own], scores[rest]),
                    _example_auc(moved, own, rest, 1),
                    _example_auc(moved, own, rest, EXAMPLES),
                )
            )
    means = [
        float(np.nanmean(c)) if np.isfinite(c).any() else NAN
        for c in np.array(rows, float).reshape(-1, 3).T
    ]
    return dict(zip(("text_auc", "example_auc_1", "example_auc_8"), means, strict=True))


def _example_auc(
    moved: np.ndarray, own: np.ndarray, others: np.ndarray, examples: int
) -> float:
    at = np.flatnonzero(own)
    given, rest = at[:examples], at[examples:]
    if len(rest) < 2:
        return NAN
    scores = moved @ moved[given].mean(0)
    return auc(scores[rest], scores[others])
