"""Batches of drawings and captions: which, in which domain, and which caption is true of which
drawing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from govd_clip.training.augment import augment
from govd_clip.training.captions import caption
from govd_clip.training.model import PATCHES
from govd_clip.training.names import CLASSES
from govd_clip.training.sets import DOMAINS

SIZE = 256
FROM_CLASSES = 0.4
NO_DOMAIN = 0.4
REDRAWN = 0.3
KEPT_PATCHES = 18
CLASSES_NAMED = 64


@dataclass(frozen=True)
class Batch:
    """Pictures `(B, 64, 64, 3)` uint8, their names' indices `(B,)`, captions, and `(B, C)` which
    caption is true of which picture.

    Captions are one a picture and then one of many classes, so that each step contrasts with most
    classes.
    """

    pictures: np.ndarray
    names: np.ndarray
    captions: list[str]
    true: np.ndarray
    distinct: np.ndarray
    keep: np.ndarray


class Drawings:
    """The training part of the cache, and the odds of each drawing."""

    def __init__(
        self,
        cache: Path,
        alternatives: dict[str, list[str]],
        without: Sequence[str] = (),
    ) -> None:
        icons = np.load(cache / "icons.npz")
        training = icons["role"] == "train"
        usable = ~np.isin(icons["name"][training], list(without))
        icon_rows = np.flatnonzero(training)[usable]
        self.rows = np.flatnonzero(usable)  # a drawing's row among the variants
        self.variants = np.load(cache / "variants.npy", mmap_mode="r")
        classes = [name for name in CLASSES if name not in without]
        self.domain = icons["domain"][icon_rows].astype(np.int64)
        names = icons["name"][icon_rows].tolist()
        sets = icons["set"][icon_rows].tolist()
        self.vocabulary = sorted(set(names) | set(classes))
        number = {name: i for i, name in enumerate(self.vocabulary)}
        self.name = np.array([number[name] for name in names])
        self.alternatives = [alternatives.get(name, []) for name in self.vocabulary]
        # Some vendors draw one icon in eight sizes: together they weigh less than eight icons.
        keys = list(zip(names, sets, self.domain.tolist(), strict=True))
        sizes = Counter(keys)
        weight = np.array([sizes[key] for key in keys]) ** -0.5
        count = np.bincount(self.name, weights=weight, minlength=len(self.vocabulary))
        of_name = count[self.name]
        self.breadth = np.cumsum(weight / of_name * of_name**0.5)
        self.breadth /= self.breadth[-1]
        self.classes = np.array([number[name] for name in classes])
        self.of = self._odds(weight)

    def _odds(
        self, weight: np.ndarray
    ) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
        """Drawings `(n,)` of each class in each domain (-1: in any), and their cumulated odds."""
        odds: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
        for name in self.classes:
            for domain in range(-1, len(DOMAINS)):
                in_domain = (self.domain == domain) | (domain < 0)
                at = np.flatnonzero((self.name == name) & in_domain)
                if len(at):
                    cumulated = np.cumsum(weight[at]) / weight[at].sum()
                    odds[int(name), domain] = (at, cumulated)
        return odds

    def _choose(self, random: np.random.Generator) -> tuple[int, int]:
        """A drawing and the domain it is shown in."""
        if random.random() < FROM_CLASSES:
            name = int(random.choice(self.classes))
            domain = int(random.integers(len(DOMAINS)))
            drawn = (name, domain) in self.of and random.random() > REDRAWN
            at, odds = self.of[name, domain if drawn else -1]
            return int(at[np.searchsorted(odds, random.random())]), domain
        drawing = int(np.searchsorted(self.breadth, random.random()))
        if random.random() < REDRAWN:
            return drawing, int(random.integers(len(DOMAINS)))
        return drawing, int(self.domain[drawing])

    def _words(self, name: int, random: np.random.Generator) -> str:
        synonyms = self.alternatives[name]
        if synonyms and random.random() < 0.3:
            return synonyms[random.integers(len(synonyms))]
        return self.vocabulary[name]

    def batch(self, random: np.random.Generator) -> Batch:
        """A new batch; draws only from `random`."""
        pairs = [self._choose(random) for _ in range(SIZE)]
        names = np.array([self.name[drawing] for drawing, _ in pairs])
        domains = np.array([domain for _, domain in pairs])
        augmented = [
            augment(self.variants[self.rows[drawing], domain], domain, random)
            for drawing, domain in pairs
        ]
        pictures = np.stack(augmented)
        absent_classes = random.permutation(self.classes)[:CLASSES_NAMED]
        said_of = np.concatenate([names, absent_classes])
        # All the added classes are named in one domain, as the prompts of a zero-shot classifier
        # are.
        absent_domain = int(random.integers(-1, len(DOMAINS)))
        caption_domains = np.where(random.random(SIZE) < NO_DOMAIN, -1, domains)
        absent_domains = np.full(len(absent_classes), absent_domain)
        said_in = np.concatenate([caption_domains, absent_domains])
        captions = [
            caption(self._words(n, random), None if d < 0 else int(d), random)
            for n, d in zip(said_of, said_in, strict=True)
        ]
        earlier: set[str] = set()
        distinct = np.array(
            [not (text in earlier or earlier.add(text)) for text in captions]
        )
        is_named = names[:, None] == said_of
        is_in_domain = (said_in < 0) | (domains[:, None] == said_in)
        true = is_named & is_in_domain & distinct
        order = random.random((SIZE, PATCHES)) - 0.6 * _drawn_on(pictures)
        keep = np.argsort(order, axis=1)[:, :KEPT_PATCHES].astype(np.int32)
        return Batch(
            pictures=pictures,
            names=names,
            captions=captions,
            true=true,
            distinct=distinct,
            keep=keep,
        )


def _drawn_on(pictures: np.ndarray) -> np.ndarray:
    """`(B, 36)` bool: patches that are not bare paper, which are kept by preference."""
    blocks = pictures[:, 2:62, 2:62, 1].reshape(-1, 6, 10, 6, 10)
    contrast = blocks.max((2, 4)) - blocks.min((2, 4))
    return (contrast > 30).reshape(-1, PATCHES)
