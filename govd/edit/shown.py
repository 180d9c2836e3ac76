"""How much a pool picture shows one of the labels rather than another word.

A pool of what a model is given is often mostly of other things; of those each answer is a guess
among labels none of which fits, and such answers change first. The score is that of negative labels
(Jiang et al., "Negative Label Guided OOD Detection with Pretrained Vision-Language Models", ICLR
2024): the labels' part of a softmax over labels and other words. It needs no labelled picture, and
with few other words all pictures count nearly alike.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from govd.edit.basis import ROWS, Basis
from govd.types import Floats

SHARPNESS: Final = 3.0
"""The softmax' sharpness, for scores in units of their standard deviation with the other words.
Chosen on `weak-64`, where costs must not become smaller than they are (of 32.7 % measured by true
label 32.9 % are predicted where all pictures count alike, 31.7 % with this, 30.9 % with 4), and on
`wide-256`, whose pool is mostly of other things (of 2.7 % 14.4, 6.2 and 4.1 %).
"""


def shown(basis: Basis, images: Floats) -> Floats | None:
    """How much each of some images `(n, d)` shows a label, between 0 and 1 `(n,)`; None where the
    model is not used for labels, or has no other words.

    For figures: it uses the machine's own linear algebra and is no part of any digest.
    """
    names = set(basis.labels)
    other = np.array([word not in names for word in basis.vocabulary], bool)
    if basis.use != "labels" or not basis.labels or not other.any() or not len(images):
        return None
    labels, words = basis.tensors["labels"], basis.tensors["vocabulary"][other]
    deviation = _deviation(images, words)
    if not deviation > 0:
        return None
    sharpness = SHARPNESS / deviation
    share = np.empty(len(images))
    for start in range(0, len(images), ROWS):
        part = images[start : start + ROWS]
        scores = sharpness * (part @ np.concatenate([labels, words]).T)
        weights = np.exp(scores - scores.max(1, keepdims=True))
        share[start : start + ROWS] = weights[:, : len(labels)].sum(1) / weights.sum(1)
    return share


def _deviation(images: Floats, words: Floats) -> float:
    """The standard deviation of all scores of some images `(n, d)` with words `(m, d)`."""
    mean = images.mean(0) @ words.mean(0)
    second = float(((images.T @ images) * (words.T @ words)).sum())
    variance = second / (len(images) * len(words)) - float(mean) ** 2
    return float(np.sqrt(max(0.0, variance)))


def counting(weights: Floats) -> int:
    """As many equal pictures as weighted ones `(n,)` are worth (Kish, "Survey Sampling", 1965)."""
    squares = float((weights**2).sum())
    return round(float(weights.sum()) ** 2 / squares) if squares else 0
