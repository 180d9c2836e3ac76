"""The columns: what an edit did to the judging pictures. All shares are of pictures, between 0 and 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from govd.edit.strength import auc
from tests.benchmarks.forgetting.sets import Split

Map = Callable[[np.ndarray], np.ndarray]
"""Vectors `(n, d)` of unedited pictures to edited ones, any length."""
WORST_OF = 5
"""Pictures that a label must have to be counted as the worst one."""
EXAMPLES = 8


@dataclass(frozen=True)
class Figures:
    """One edit on one split. `named_right`: forgotten pictures that get their own label; `named`: any forgotten label, by the worst single
    prompt in `worst_prompt`; `mistakes`: other pictures that the base model gives a forgotten label; `unchanged`: answers of other pictures
    whose base answer is no forgotten label; `worst_label`: the same of the label that lost most; `newly_named`: of those pictures,
    how many get a forgotten label now; `unlisted`, `neighbours`: best other word, nearest other picture unchanged; `text_auc`,
    `example_auc`: how the label, or eight edited pictures of it, rank its pictures against the others.
    """

    named_right: float
    named: float
    mistakes: float
    worst_prompt: float
    unchanged: float
    worst_label: float
    newly_named: float
    unlisted: float
    neighbours: float
    text_auc: float
    example_auc: float
    seconds: float = 0.0


COLUMNS = tuple(f.name for f in fields(Figures))


def measure(split: Split, forgotten: np.ndarray, edited: Map, seconds: float = 0.0, *, without: bool = False) -> Figures:
    """The figures of an edit that forgets labels (positions); `without`: they are no answers any more, either."""
    texts, x, label = split.labels.vectors, split.x, split.label
    moved = edited(x)
    moved = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
    own = np.isin(label, forgotten)
    scores = moved @ texts.T
    if without:
        scores[:, forgotten] = -np.inf
    answer, base_named = scores.argmax(1), np.isin(split.base, forgotten)
    others = ~own & ~base_named
    same = answer == split.base
    return Figures(
        share(answer[own] == label[own]),
        share(np.isin(answer[own], forgotten)),
        share(base_named[~own]),
        0.0 if without else _worst_prompt(split, moved[own], forgotten),
        share(same[others]),
        _worst_label(split.base[others], same[others]),
        share(np.isin(answer[others], forgotten)),
        _best_words(split, moved, ~own),
        share(nearest(x[~own]) == nearest(moved[~own])),
        float(np.mean([_text_auc(moved, texts[c], label == c) for c in forgotten])),
        float(np.mean([_example_auc(moved, label == c) for c in forgotten])),
        seconds,
    )


def share(mask: np.ndarray) -> float:
    """Mean of a mask; not a number where it is empty."""
    return float(np.mean(mask)) if len(mask) else float("nan")


def nearest(x: np.ndarray) -> np.ndarray:
    """The nearest other picture of each, `(n,)`."""
    similar = x.astype(np.float32) @ x.astype(np.float32).T
    np.fill_diagonal(similar, -np.inf)
    found: np.ndarray = similar.argmax(1)
    return found


def _worst_prompt(split: Split, moved: np.ndarray, forgotten: np.ndarray) -> float:
    if split.labels.prompts is None:
        return share(np.isin((moved @ split.labels.vectors.T).argmax(1), forgotten))
    return max(share(np.isin((moved @ rows.T).argmax(1), forgotten)) for rows in split.labels.prompts)


def _worst_label(base: np.ndarray, same: np.ndarray) -> float:
    counts = np.bincount(base)
    kept = np.bincount(base, same)
    there = counts >= WORST_OF
    return float((kept[there] / counts[there]).min()) if there.any() else float("nan")


def _best_words(split: Split, moved: np.ndarray, others: np.ndarray) -> float:
    words = split.unlisted.vectors
    if not len(words):
        return float("nan")
    return share((split.x[others] @ words.T).argmax(1) == (moved[others] @ words.T).argmax(1))


def _text_auc(moved: np.ndarray, text: np.ndarray, own: np.ndarray) -> float:
    scores = moved @ text
    return auc(scores[own], scores[~own])


def _example_auc(moved: np.ndarray, own: np.ndarray) -> float:
    at = np.flatnonzero(own)
    examples, rest = at[:EXAMPLES], at[EXAMPLES:]
    if len(rest) < 2:
        return float("nan")
    scores = moved @ moved[examples].mean(0)
    return auc(scores[rest], scores[~own])
