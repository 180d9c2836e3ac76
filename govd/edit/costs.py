"""What changes for pictures that are to stay as they were: in all, and where it is worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from govd.edit.prediction import Mask, Watch
from govd.edit.shown import counting
from govd.types import Figure, Floats

LEAST: Final = 10
"""Pictures of a label (or cell) from which on it can be the worst one; where none has so many, all
of them can.
"""


Cell = tuple[Sequence[int], Sequence[int]]
"""Labels, and the domains in which they are forgotten."""
Costs = dict[str, Figure]
"""By name: `all`, `shown` (the same, each picture counted as far as it shows one of the labels),
`worst_label`, `worst_cell`, `elsewhere`; one that no picture shows is absent.
"""
COSTS: Final = ("all", "shown", "worst_label", "worst_cell", "elsewhere")


def costs(
    watch: Watch,
    before: Any,
    after: Any,
    inside: Mask,
    cells: Sequence[Cell] = (),
) -> Costs:
    """What changes for pictures that are to stay as they were.

    `before` and `after` `(n,)` are answers, `inside` `(n,)` the pictures that are to go.
    `elsewhere` is the worst of the labels of `cells` in the other domains: the share of its
    pictures that lost it.

    Args:
        watch: the pictures that are counted.
    """
    retained = ~inside
    if not retained.any():
        return {}
    changed = before != after
    figures = {"all": Figure(float(changed[retained].mean()), int(retained.sum()))}
    if watch.shows is not None:
        figures["shown"] = weighted(changed[retained], watch.shows[retained])
    label = _worst(watch.top[retained], changed[retained])
    figures["worst_label"] = replace(label[1], label=watch.names[label[0]])
    in_cells = cells_of(watch, retained)
    if in_cells is not None:
        place, figure = _worst(in_cells.group, changed[in_cells.of])
        figures["worst_cell"] = in_cells.named(place, figure)
    lost = lost_elsewhere(watch, before, after, retained, cells)
    enough = [figure for figure in lost if figure.pictures >= LEAST] or lost
    if enough:
        figures["elsewhere"] = max(
            enough, key=lambda figure: (figure.share, figure.pictures)
        )
    return figures


def weighted(changed: Mask, shows: Floats) -> Figure:
    """The share of pictures `(n,)` that `changed`, each counted as far as `shows` `(n,)` says, of
    as many pictures as these are worth.
    """
    total = float(shows.sum())
    share = float(shows[changed].sum()) / total if total else 0.0
    return Figure(share, counting(shows))


@dataclass(frozen=True)
class Cells:
    """Pictures that are told apart by label and domain: `of` `(n,)`, which of a watch's; `group`
    `(k,)`, the cell of each of those; `wide`: the cells of a label.
    """

    watch: Watch
    of: Mask
    group: Any
    wide: int

    def named(self, group: int, figure: Figure) -> Figure:
        """A figure of a cell, with what it is called."""
        label, domain = divmod(group, self.wide)
        return replace(
            figure, label=self.watch.names[label], domain=_domain(self.watch, domain)
        )


def cells_of(watch: Watch, retained: Mask) -> Cells | None:
    """The cells of the pictures that are `retained` `(n,)`; None where no domain is known."""
    told_apart = retained & (watch.domain >= 0)
    if not told_apart.any() or not watch.domains:
        return None
    wide = int(watch.domain.max()) + 1
    group = (watch.top * wide + watch.domain)[told_apart]
    return Cells(watch, told_apart, group, wide)


def lost_elsewhere(
    watch: Watch,
    before: Any,
    after: Any,
    retained: Mask,
    cells: Sequence[Cell],
) -> list[Figure]:
    """For each label of `cells` the share of its pictures in other domains that lost it; for
    arguments see `costs`, `retained` `(n,)` are the pictures that are to stay.
    """
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
