"""A label in one domain that is forgotten by pictures alone (`govd forget … --domain … --example`).

As in `examples`, the model was registered without the label and the forget stands under a word that
has nothing to do with it; beside it the same cell by its name. Edits are conditional: by linear
ones such a forget is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Map, measure
from tests.benchmarks.forgetting.sets import Split
from tests.benchmarks.naming.examples import SINGLES, Draw
from tests.benchmarks.naming.forgets import Forget, Table, nothing, registered

GIVEN = (1, 3)
"""Pictures that are given."""
JUDGED = 2
"""Pictures of the cell that must be left to judge."""
COLUMNS = ("named", "elsewhere", "unchanged", "unlisted", "neighbours")
HEADS = ("set", "given")


def draws(split: Split) -> list[tuple[Draw, str]]:
    """Cells of a seed, each with pictures of it and its domain."""
    assert split.domain is not None
    random, most = np.random.default_rng(9000 + split.seed), max(GIVEN)
    wide = len(split.domains)
    cell = split.label * wide + split.domain
    cells = np.flatnonzero(np.bincount(cell) >= most + JUDGED)
    drawn = []
    for at in random.choice(cells, min(SINGLES, len(cells)), replace=False):
        pictures = random.permutation(np.flatnonzero(cell == at))[:most]
        rest = np.setdiff1d(np.arange(len(split.x)), pictures)
        judged = replace(
            split,
            x=split.x[rest],
            label=split.label[rest],
            domain=split.domain[rest],
        )
        place = int(random.integers(len(split.unlisted.names)))
        word = split.unlisted.names[place], split.unlisted.vectors[place]
        case = Case(judged, "cells", np.array([at // wide]), np.array([at % wide]))
        drawn.append((Draw(case, split.x[pictures], word), split.domains[at % wide]))
    return drawn


def report(title: str, splits: Sequence[Split], table: Table) -> None:
    """Add a set's rows; none where it has no domains."""
    for split in splits:
        if split.domain is None:
            continue
        for draw, domain in draws(split):
            table.add((title, "nothing"), _figures(draw, nothing))
            name = Forget((draw.label,), draw.case.texts, domains=(domain,))
            by_name = name.edit(split.conditional_basis).move
            table.add((title, "its name"), _figures(draw, by_name))
            word, text = draw.word
            basis = replace(
                registered(split, "labels", without=(draw.label, word), domains=True),
                conditional=True,
            )
            for k in GIVEN:
                forget = Forget(
                    (word,), text[None], draw.pictures[:k], domains=(domain,)
                )
                figures = _figures(draw, forget.edit(basis).move)
                table.add((title, f"{k} alone"), figures)


def _figures(draw: Draw, edited: Map) -> dict[str, float]:
    return measure(draw.case, edited)
