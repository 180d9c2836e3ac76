"""What changes for pictures that are to stay as they were: in all, and where it is worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from govd.edit.prediction import Mask, Watch
from govd.types import Figure

LEAST: Final = 10
"""Pictures of a label (or cell) from which on it can be the worst one; where none has so many, all
of them can.
"""


Costs = dict[str, Figure]
"""By name: `all`, `worst_label`, `worst_cell`, `elsewhere`; one that no picture shows is absent."""
COSTS: Final = ("all", "worst_label", "worst_cell", "elsewhere")


def costs(
    watch: Watch,
    before: Any,
    after: Any,
    inside: Mask,
    cells: Sequence[tuple[Sequence[int], Sequence[int]]] = (),
) -> Costs:
    """What changes for pictures that are to stay as they were.

    `before` and `after` `(n,)` are answers, `inside` `(n,)` the pictures that are to go. `cells`:
    labels and the domains in which they are forgotten; `elsewhere` is then the worst of those
    labels in the other domains: the share of its pictures that lost it.

    Args:
        watch: the pictures that are counted.
    """
    retained = ~inside
    if not retained.any():
        return {}
    changed = before != after
    figures = {"all": Figure(float(changed[retained].mean()), int(retained.sum()))}
    label = _worst(watch.top[retained], changed[retained])
    figures["worst_label"] = replace(label[1], label=watch.names[label[0]])
    told_apart = retained & (watch.domain >= 0)
    if told_apart.any() and watch.domains:
        wide = int(watch.domain.max()) + 1
        place, figure = _worst(
            (watch.top * wide + watch.domain)[told_apart], changed[told_apart]
        )
        figures["worst_cell"] = replace(
            figure,
            label=watch.names[place // wide],
            domain=_domain(watch, place % wide),
        )
    lost = _lost_elsewhere(watch, before, after, retained, cells)
    enough = [figure for figure in lost if figure.pictures >= LEAST] or lost
    if enough:
        figures["elsewhere"] = max(
            enough, key=lambda figure: (figure.share, figure.pictures)
        )
    return figures


def _lost_elsewhere(
    watch: Watch,
    before: Any,
    after: Any,
    retained: Mask,
    cells: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> list[Figure]:
    """For each label of `cells` the share of its pictures in other domains that lost it."""
    lost = []
    for labels, domains in cells:
        elsewhere = retained & ~np.isin(watch.domain, list(domains))
        for label in labels:
            pictures = elsewhere & (before == label) & (watch.top == label)
            if pictures.any():
                share = float((after[pictures] != label).mean())
                lost.append(Figure(share, int(pictures.sum()), watch.names[label]))
    return lost


def _domain(watch: Watch, place: int) -> str:
    return watch.domains[place] if place < len(watch.domains) else "other"


def _worst(group: Any, changed: Any) -> tuple[int, Figure]:
    """The group of which the largest share changed, among those with enough pictures; of equal ones
    that with most.
    """
    count = np.bincount(group)
    lost = np.bincount(group, changed, len(count))
    enough = count >= LEAST if (count >= LEAST).any() else count > 0
    share = np.where(enough, lost / np.maximum(count, 1), -1.0)
    best = int(np.lexsort((count, share))[-1])
    return best, Figure(float(share[best]), int(count[best]))
