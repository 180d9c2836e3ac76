"""Class × domain maps: what share of each cell's pictures is named right, before and after a
request about some cells.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from tests.benchmarks.forgetting.cases import CELL_LEAST, Case
from tests.benchmarks.forgetting.results import Store, source
from tests.benchmarks.forgetting.rows import LOCAL

MAPPED = ("fitted", "fitted, conditional")
"""The rows that are mapped."""


@dataclass(frozen=True)
class Cell:
    """A class in a domain: how many judging pictures, the share that is named right before and
    after, whether it was to be forgotten.
    """

    label: str
    domain: str
    pictures: int
    before: float
    after: float
    forgotten: bool


def mapped(store: Store, case: Case, row: str) -> list[Cell]:
    """The map of a row on a case."""
    key: list[str | int] = [
        "map",
        case.split.name,
        row,
        case.count,
        case.split.seed,
        source(),
    ]
    known = store.get(
        key, lambda: {"cells": [asdict(cell) for cell in _cells(case, row)]}
    )
    return [Cell(**cell) for cell in known.get("cells", ())]


def _cells(case: Case, row: str) -> list[Cell]:
    split = case.split
    edited = LOCAL[row](case)
    if edited is None or split.domain is None:
        return []
    answer = (edited(split.x) @ split.labels.vectors.T).argmax(1)
    right_before, right_after = split.base == split.label, answer == split.label
    cells = []
    for label in np.unique(split.label):
        for domain in np.unique(split.domain):
            own = (split.label == label) & (split.domain == domain)
            if own.sum() >= CELL_LEAST:
                shares = (
                    float(right_before[own].mean()),
                    float(right_after[own].mean()),
                )
                names = split.labels.names[label], split.domains[domain]
                cells.append(
                    Cell(*names, int(own.sum()), *shares, bool(case.inside[own].all()))
                )
    return cells
