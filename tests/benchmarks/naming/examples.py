"""Labels that are forgotten by pictures, alone or beside their name (`govd forget … --example`).

*Alone* the model was registered without the label, and the forget stands under a word that has
nothing to do with it, as a face's or a logo's would; whoever judges asks by the label all the same.
Pictures are drawn of those that judge a set, and judge nothing then; all rows of a draw are judged
on the same pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from govd.edit import Basis
from govd.errors import Unsupported
from govd.types import Target, Use
from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Map, measure
from tests.benchmarks.forgetting.sets import Split
from tests.benchmarks.naming.forgets import Forget, Table, nothing, registered

GIVEN = (1, 4, 16)
"""Pictures that are given, as far as a set has so many."""
JUDGED = 3
"""Pictures that must be left to judge."""
LABELS = 12
"""Labels with so many pictures that a set must have."""
SINGLES = 6
COLUMNS = (
    "named",
    "mistakes",
    "unchanged",
    "unlisted",
    "neighbours",
    "text_auc",
    "off_level",
    "example_auc_1",
)
TARGETS: tuple[Target, ...] = ("unnamed", "level", "shift")
USES: tuple[tuple[Use, tuple[Target, ...]], ...] = (
    ("labels", ("unnamed", "level")),
    ("open", ("shift",)),
)
"""The uses that a model is registered for, with the targets that are tried there."""
HEADS = ("set", "given", "target")


@dataclass(frozen=True)
class Draw:
    """A label of a split, the pictures that may be given `(n, d)`, and the case that judges."""

    case: Case
    pictures: np.ndarray
    word: tuple[str, np.ndarray]

    @property
    def label(self) -> str:
        """Its name."""
        return self.case.split.labels.names[self.case.forgotten[0]]


def most(split: Split) -> int:
    """The largest number of pictures that enough labels have to give, 0 where it is none."""
    counts = np.bincount(split.label[split.label >= 0])
    fits = [k for k in GIVEN if np.count_nonzero(counts >= k + JUDGED) >= LABELS]
    return max(fits, default=0)


def draws(split: Split) -> list[Draw]:
    """Labels of a seed, each with pictures that are taken from those that judge."""
    random, most_given = np.random.default_rng(7000 + split.seed), most(split)
    counts = np.bincount(
        split.label[split.label >= 0], minlength=len(split.labels.names)
    )
    labels = np.flatnonzero(counts >= most_given + JUDGED)
    drawn = []
    for label in random.choice(labels, min(SINGLES, len(labels)), replace=False):
        pictures = random.permutation(np.flatnonzero(split.label == label))[:most_given]
        rest = np.setdiff1d(np.arange(len(split.x)), pictures)
        domain = None if split.domain is None else split.domain[rest]
        judged = replace(split, x=split.x[rest], label=split.label[rest], domain=domain)
        at = int(random.integers(len(split.unlisted.names)))
        word = split.unlisted.names[at], split.unlisted.vectors[at]
        drawn.append(
            Draw(Case(judged, "labels", np.array([label])), split.x[pictures], word)
        )
    return drawn


def report(
    title: str, splits: Sequence[Split], table: Table, targets: Sequence[str] = TARGETS
) -> None:
    """Add a set's rows, of these targets alone."""
    for split in splits:
        for draw in draws(split):
            table.add((title, "nothing", "–"), _figures(draw, nothing))
            for use, of_use in USES:
                asked = [target for target in of_use if target in targets]
                if asked:
                    _beside_its_name(title, draw, use, asked, table)
                    _alone(title, draw, use, asked, table)


def _beside_its_name(
    title: str, draw: Draw, use: Use, targets: Sequence[Target], table: Table
) -> None:
    split = draw.case.split
    basis = split.basis if use == "labels" else registered(split, use)
    for target in targets:
        for k in (0, *GIVEN):
            if k <= len(draw.pictures):
                forget = Forget(
                    (draw.label,), draw.case.texts, draw.pictures[:k], target
                )
                given = f"its name and {k}" if k else "its name"
                table.add((title, given, target), _edited(draw, forget, basis))


def _alone(
    title: str, draw: Draw, use: Use, targets: Sequence[Target], table: Table
) -> None:
    word, text = draw.word
    basis = registered(draw.case.split, use, without=(draw.label, word))
    for target in targets:
        for k in GIVEN:
            if k <= len(draw.pictures):
                forget = Forget((word,), text[None], draw.pictures[:k], target)
                table.add((title, f"{k} alone", target), _edited(draw, forget, basis))


def _edited(draw: Draw, forget: Forget, basis: Basis) -> dict[str, float]:
    """The figures, by target `level` also how far from 0.5 the text's AUC is; none where the forget
    is refused.
    """
    try:
        figures = _figures(draw, forget.edit(basis).move)
    except Unsupported:
        return {}
    if forget.target == "level":
        figures["off_level"] = abs(figures["text_auc"] - 0.5)
    return figures


def _figures(draw: Draw, edited: Map) -> dict[str, float]:
    return measure(draw.case, edited)
