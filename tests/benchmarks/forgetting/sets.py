"""The portfolio: sets of pictures and label texts in one space, each split by a seed into an unlabelled pool and pictures that judge.

A folder of real vectors has `images.npy` `(n, d)`, `label.npy` `(n,)` into `classes.txt`, and for the classes that have a text `text.npy`
and `text.txt` (class, name, source; one a line, tabs between). Beside the sets a folder `vocabulary` with `text.npy` and `text.txt` (name
first) gives the other words: half of them are anchors of the model, the other half are *unlisted* and judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from govd.edit import Basis, Ingredients, build, exact
from tests.benchmarks.mini import Mini
from tests.geometry import named_texts

SAME_WORD = 0.999
"""Cosine above which a word of the vocabulary is a label by another name."""
SIMULATED = {"pictures": 8, "modality": 1.0, "class": 1.0, "visual": 0.45, "noise": 1.3}
"""Pictures a class, and weights of their parts: zero-shot accuracy is near 0.75 then, before any edit."""


@dataclass(frozen=True)
class Words:
    """Names and their unit text embeddings `(n, d)`; `prompts` `(p, n, d)` are those of single templates, where there are several."""

    names: tuple[str, ...]
    vectors: np.ndarray
    prompts: np.ndarray | None = None


@dataclass(frozen=True)
class Split:
    """One draw of a set: what the model may use (`basis`) and what judges it.

    `x` `(n, d)` are the judging pictures, `label` `(n,)` theirs (−1: a class without a text), `domain` `(n,)` or None.
    """

    name: str
    seed: int
    labels: Words
    unlisted: Words
    basis: Basis
    x: np.ndarray
    label: np.ndarray
    domain: np.ndarray | None = None

    @cached_property
    def base(self) -> np.ndarray:
        """The unedited answer of each picture, `(n,)`."""
        answers: np.ndarray = (self.x @ self.labels.vectors.T).argmax(1)
        return answers

    @cached_property
    def crowd(self) -> np.ndarray:
        """Labels that a picture shows, the only ones that are worth forgetting here."""
        return np.unique(self.label[self.label >= 0])


@dataclass(frozen=True)
class Pictures:
    """A whole set, before it is split."""

    name: str
    labels: Words
    anchors: Words
    unlisted: Words
    x: np.ndarray
    label: np.ndarray

    def split(self, seed: int) -> Split:
        """Half of the pictures as pool, the other half to judge."""
        order = np.random.default_rng(seed).permutation(len(self.x))
        pool, judge = order[: len(order) // 2], order[len(order) // 2 :]
        basis = _basis(self.name, self.labels, self.anchors, self.x[pool])
        return Split(self.name, seed, self.labels, self.unlisted, basis, self.x[judge], self.label[judge])


def _basis(name: str, labels: Words, anchors: Words, pool: np.ndarray) -> Basis:
    given = Ingredients(name, "labels", "image", labels.names, labels.vectors, anchors.names, anchors.vectors, pool=pool, pool_kind="pool")
    return build(given)


def vocabulary(folder: Path, labels: Words) -> tuple[Words, Words]:
    """Words that are no labels: anchors and unlisted, every other one."""
    lines = (folder / "vocabulary" / "text.txt").read_text(encoding="utf-8").splitlines()
    names = [line.split("\t")[0] for line in lines]
    vectors = exact.unit(np.load(folder / "vocabulary" / "text.npy").astype(np.float64))
    other = np.flatnonzero((vectors @ labels.vectors.T).max(1) < SAME_WORD)
    taken = set(labels.names)
    other = np.array([i for i in other if names[i] not in taken])
    halves = [other[0::2], other[1::2]]
    anchors, unlisted = (Words(tuple(names[i] for i in half), vectors[half]) for half in halves)
    return anchors, unlisted


def folder_set(folder: Path, words: Path) -> Pictures:
    """A folder of real vectors."""
    classes = (folder / "classes.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t") for line in (folder / "text.txt").read_text(encoding="utf-8").splitlines()]
    names = tuple(row[0] for row in texts)
    labels = Words(names, exact.unit(np.load(folder / "text.npy").astype(np.float64)))
    place = {name: i for i, name in enumerate(names)}
    of_class = np.array([place.get(name, -1) for name in classes])
    label = of_class[np.load(folder / "label.npy")]
    x = exact.unit(np.load(folder / "images.npy").astype(np.float64))
    return Pictures(folder.name, labels, *vocabulary(words, labels), x, label)


def simulated(words: Path | None) -> Pictures:
    """Text embeddings of 1,203 names (simulated ones where no published file is given), pictures simulated around them: modality + class
    direction + an offset of the class + noise."""
    names, vectors, kind = named_texts(512)
    labels = Words(tuple(names), vectors)
    draw, d = np.random.default_rng(7), vectors.shape[1]
    count = int(SIMULATED["pictures"])
    label = np.repeat(np.arange(len(vectors)), count)
    centred = vectors - vectors.mean(0)
    modality = draw.normal(size=d) / d**0.5
    visual = draw.normal(size=vectors.shape) / d**0.5
    noise = draw.normal(size=(len(label), d)) / d**0.5
    x = SIMULATED["modality"] * modality + SIMULATED["class"] * centred[label]
    x = x + SIMULATED["visual"] * visual[label] + SIMULATED["noise"] * noise
    nothing = Words((), np.zeros((0, d)))
    beside = vocabulary(words, labels) if words else (nothing, nothing)
    return Pictures(f"lvis: {kind}, simulated pictures", labels, *beside, exact.unit(x), label)


def mini_split(mini: Mini, seed: int) -> Split:
    """`mini` with its own pool and evaluation drawings; seeds change only what is forgotten."""
    whole = mini.evaluation
    basis, data = whole.basis, whole.data
    place = np.array([basis.labels.index(name) for name in data.classes])
    prompts = [mini.encoder.averaged(mini.labels, [template]) for template in mini.templates]
    labels = Words(basis.labels, basis.tensors["labels"], np.stack([exact.unit(rows) for rows in prompts]))
    odd = list(range(1, len(basis.vocabulary), 2))
    unlisted = Words(tuple(basis.vocabulary[i] for i in odd), basis.tensors["vocabulary"][odd])
    even = list(range(0, len(basis.vocabulary), 2))
    anchors = [basis.vocabulary[i] for i in even]
    part = mini.basis(mini.pool, anchors)
    return Split("mini", seed, labels, unlisted, part, data.vectors, place[data.class_of], np.asarray(data.domain_of))


def portfolio(folder: Path | None, names: Sequence[str], seeds: Sequence[int]) -> dict[str, list[Split]]:
    """The splits of each set: every folder of vectors that has pictures with labels, `lvis`, `mini`."""
    found: dict[str, list[Split]] = {}
    folders = sorted(p.parent for p in folder.glob("*/label.npy")) if folder else []
    for path in folders:
        if not names or path.name in names:
            assert folder is not None
            pictures = folder_set(path, folder)
            found[path.name] = [pictures.split(seed) for seed in seeds]
    if not names or "lvis" in names:
        whole = simulated(folder)
        found[whole.name] = [whole.split(seed) for seed in seeds]
    if not names or "mini" in names:
        mini = Mini()
        first = mini_split(mini, 0)
        found["mini"] = [Split(**{**vars(first), "seed": seed}) for seed in seeds]
    return found
