"""The portfolio: sets of pictures and label texts in one space, each split by a seed into an
unlabelled pool and pictures that judge.

A folder of real vectors has `images.npy` `(n, d)`, `label.npy` `(n,)` into `classes.txt`, and for
the classes that have a text `text.npy` and `text.txt` (class, name, source; one a line, tabs
between). Beside the sets a folder `vocabulary` with `text.npy` and `text.txt` (name first) gives
the other words: half of them are anchors of the model, the other half are *unlisted* and judge.
Sets of whole small models, with domains and prompts, are read by `pairs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from govd.edit import Basis, Ingredients, build, exact
from govd.models.phrases import default_vocabulary
from tests.benchmarks.mini import Mini
from tests.geometry import named_texts

SAME_WORD = 0.999
"""Cosine above which a word of the vocabulary is a label by another name."""
SIMULATED = {"pictures": 8, "modality": 1.0, "class": 1.0, "visual": 0.45, "noise": 1.3}
"""Pictures a class, and weights of their parts: zero-shot accuracy is near 0.75 then, before any
edit.
"""


@dataclass(frozen=True)
class Words:
    """Names and their unit text embeddings `(n, d)`; `prompts` `(p, n, d)` are those of single
    templates, where there are several.
    """

    names: tuple[str, ...]
    vectors: np.ndarray
    prompts: np.ndarray | None = None


@dataclass(frozen=True)
class Split:
    """One draw of a set: what the model may use (`basis`, made by `registered` when it is asked
    for) and what judges it.

    `x` `(n, d)` are the judging pictures, `label` `(n,)` theirs (−1: a class without a text),
    `domain` `(n,)` or None. `pool_label`: the labels of the pool, which only upper bounds may look
    at. `kept`: what was computed once, shared by splits with the same basis.
    """

    name: str
    seed: int
    labels: Words
    unlisted: Words
    registered: Callable[[], Basis]
    x: np.ndarray
    label: np.ndarray
    domains: tuple[str, ...] = ()
    domain: np.ndarray | None = None
    pool_label: np.ndarray | None = None
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def basis(self) -> Basis:
        """What registering the model computes."""
        if "basis" not in self.kept:
            self.kept["basis"] = self.registered()
        basis: Basis = self.kept["basis"]
        return basis

    @property
    def conditional_basis(self) -> Basis:
        """The same model registered with `--conditional`."""
        if "conditional" not in self.kept:
            self.kept["conditional"] = replace(self.basis, conditional=True)
        basis: Basis = self.kept["conditional"]
        return basis

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

        def registered() -> Basis:
            return registered_on(self.name, self.labels, self.anchors, self.x[pool])

        return Split(
            self.name,
            seed,
            self.labels,
            self.unlisted,
            registered,
            self.x[judge],
            self.label[judge],
            pool_label=self.label[pool],
        )


def registered_on(name: str, labels: Words, anchors: Words, pool: np.ndarray) -> Basis:
    given = Ingredients(
        name,
        "labels",
        "image",
        labels.names,
        labels.vectors,
        anchors.names,
        anchors.vectors,
        pool=pool,
        pool_kind="pool",
    )
    return build(given)


def vocabulary(folder: Path, labels: Words) -> tuple[Words, Words]:
    """Words that are no labels: anchors and unlisted, every other one."""
    lines = (
        (folder / "vocabulary" / "text.txt").read_text(encoding="utf-8").splitlines()
    )
    names = [line.split("\t")[0] for line in lines]
    vectors = exact.unit(np.load(folder / "vocabulary" / "text.npy").astype(np.float64))
    other = np.flatnonzero((vectors @ labels.vectors.T).max(1) < SAME_WORD)
    taken = set(labels.names)
    other = np.array([i for i in other if names[i] not in taken])
    halves = [other[0::2], other[1::2]]
    anchors, unlisted = (
        Words(tuple(names[i] for i in half), vectors[half]) for half in halves
    )
    return anchors, unlisted


def folder_set(folder: Path, words: Path) -> Pictures:
    """A folder of real vectors."""
    classes = (folder / "classes.txt").read_text(encoding="utf-8").splitlines()
    texts = [
        line.split("\t")
        for line in (folder / "text.txt").read_text(encoding="utf-8").splitlines()
    ]
    names = tuple(row[0] for row in texts)
    labels = Words(names, exact.unit(np.load(folder / "text.npy").astype(np.float64)))
    place = {name: i for i, name in enumerate(names)}
    of_class = np.array([place.get(name, -1) for name in classes])
    label = of_class[np.load(folder / "label.npy")]
    x = exact.unit(np.load(folder / "images.npy").astype(np.float64))
    return Pictures(folder.name, labels, *vocabulary(words, labels), x, label)


def simulated(words: Path | None) -> Pictures:
    """Text embeddings of 1,203 names (simulated ones where no published file is given), pictures
    simulated around them: modality + class direction + an offset of the class + noise.
    """
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
    return Pictures(
        f"lvis: {kind}, simulated pictures", labels, *beside, exact.unit(x), label
    )


def mini_split(mini: Mini, seed: int) -> Split:
    """`mini` with its own pool and evaluation drawings; seeds change only what is forgotten."""
    names, domains = tuple(mini.labels), tuple(mini.domains)
    data = mini.drawings
    place = np.array([names.index(name) for name in data.classes])
    prompts = [
        mini.encoder.averaged(mini.labels, [template]) for template in mini.templates
    ]
    vectors = exact.unit(
        mini.encoder.averaged(mini.labels, mini.templates).astype(np.float64)
    )
    labels = Words(names, vectors, np.stack([exact.unit(rows) for rows in prompts]))
    words = [word for word in default_vocabulary() if word not in set(names)]
    anchors, other = words[0::2], words[1::2]
    unlisted = Words(
        tuple(other),
        exact.unit(mini.encoder.averaged(other, mini.templates).astype(np.float64)),
    )
    place_of_domain = np.array([domains.index(name) for name in data.domains])
    domain = place_of_domain[np.asarray(data.domain_of)]

    def registered() -> Basis:
        return mini.basis(mini.pool, anchors)

    return Split(
        "mini",
        seed,
        labels,
        unlisted,
        registered,
        data.vectors,
        place[data.class_of],
        domains,
        domain,
    )


def portfolio(
    folder: Path | None, names: Sequence[str], seeds: Sequence[int]
) -> Iterator[tuple[str, list[Split]]]:
    """The splits of each set, made when it is asked for: every folder of vectors that has pictures
    with labels, `lvis`, the models of `tests/data`, `mini`.
    """
    from tests.benchmarks.forgetting.pairs import pair_split, pairs

    for path in sorted(p.parent for p in folder.glob("*/label.npy")) if folder else []:
        if not names or path.name in names:
            assert folder is not None
            pictures = folder_set(path, folder)
            yield path.name, [pictures.split(seed) for seed in seeds]
    for name, files in pairs().items():
        if not names or name in names:
            yield name, of_seeds(pair_split(name, *files), seeds)
    if not names or "mini" in names:
        yield "mini", of_seeds(mini_split(Mini(), 0), seeds)
    if not names or "lvis" in names:
        whole = simulated(folder)
        yield whole.name, [whole.split(seed) for seed in seeds]


def of_seeds(first: Split, seeds: Sequence[int]) -> list[Split]:
    """A set that has a pool of its own: seeds change only what is forgotten."""
    return [replace(first, seed=seed) for seed in seeds]
