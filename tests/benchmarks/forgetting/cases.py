"""What is forgotten on a split: labels everywhere, cells (a label in one domain), or everything in
one domain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from tests.benchmarks.forgetting.sets import Split

Kind = Literal["labels", "cells", "domains"]
KINDS: tuple[Kind, ...] = ("labels", "cells", "domains")
SINGLES = 6
"""Forgets of one label, or cell, that are tried on each seed."""
CELL_LEAST = 3
"""Judging pictures that a cell must have to be forgotten."""


@dataclass(frozen=True)
class Case:
    """`forgotten` `(k,)` are positions of labels, none where whole domains go; `domains` `(k,)`
    those of cells or of whole domains, None where labels are forgotten everywhere.
    """

    split: Split
    kind: Kind
    forgotten: np.ndarray
    domains: np.ndarray | None = None
    draw: int = 0

    @property
    def count(self) -> int:
        """How many forgets."""
        return len(self.domains) if self.domains is not None else len(self.forgotten)

    @property
    def texts(self) -> np.ndarray:
        """Of the forgotten labels, `(k, d)`."""
        vectors: np.ndarray = self.split.labels.vectors[self.forgotten]
        return vectors

    @property
    def pool(self) -> np.ndarray:
        """Unlabelled pictures `(n, d)`."""
        rows: np.ndarray = self.split.basis.tensors["pool"]
        return rows

    @property
    def guessed(self) -> np.ndarray:
        """The best label of each pool picture, `(n,)`."""
        kept = self.split.kept
        if "guessed" not in kept:
            kept["guessed"] = (self.pool @ self.split.labels.vectors.T).argmax(1)
        best: np.ndarray = kept["guessed"]
        return best

    @cached_property
    def told(self) -> np.ndarray:
        """Which answers `(n, m)` are forgotten where a judging picture is; none where everything in
        a domain is.
        """
        count = len(self.split.labels.names)
        mask = np.zeros((len(self.split.x), count), bool)
        if self.kind == "labels":
            mask[:, self.forgotten] = True
        elif self.kind == "cells":
            assert self.domains is not None
            for label, domain in zip(self.forgotten, self.domains, strict=True):
                mask[self.split.domain == domain, label] = True
        return mask

    @cached_property
    def inside(self) -> np.ndarray:
        """Judging pictures `(n,)` that are to be forgotten."""
        if self.kind == "domains":
            return np.isin(self.split.domain, self.domains)
        shows = self.split.label >= 0
        return shows & self.told[np.arange(len(shows)), np.maximum(self.split.label, 0)]

    @cached_property
    def elsewhere(self) -> np.ndarray:
        """Judging pictures `(n,)` of labels that are forgotten in other domains than theirs."""
        if self.kind != "cells":
            return np.zeros(len(self.split.x), bool)
        return np.isin(self.split.label, self.forgotten) & ~self.inside

    @cached_property
    def others(self) -> np.ndarray:
        """Pictures `(n,)` of no forgotten label whose base answer is none either: their answers are
        to stay.
        """
        base_told = self.told[np.arange(len(self.split.base)), self.split.base]
        return ~self.inside & ~self.elsewhere & ~base_told


def cases(split: Split, kind: Kind, count: int) -> Iterator[Case]:
    """Several single forgets of a seed, or one of `count`; nothing where it would be more than half
    of what there is.
    """
    draw = np.random.default_rng(1000 * split.seed + count)
    times = SINGLES if count == 1 else 1
    if kind == "labels":
        if 2 * count > len(split.crowd):
            return
        for i in range(times):
            yield Case(
                split,
                kind,
                np.sort(draw.choice(split.crowd, count, replace=False)),
                draw=i,
            )
    elif split.domain is None:
        return
    elif kind == "cells":
        wide = int(split.domain.max()) + 1
        of_cell = np.bincount(split.label * wide + split.domain)
        shown = np.flatnonzero(of_cell >= CELL_LEAST)
        if 2 * count > len(shown):
            return
        for i in range(times):
            chosen = np.sort(draw.choice(shown, count, replace=False))
            yield Case(split, kind, chosen // wide, chosen % wide, draw=i)
    elif (
        count == 1 and split.seed == 0
    ):  # there are so few that all are forgotten, each alone
        for domain in np.unique(split.domain):
            yield Case(
                split, kind, np.zeros(0, np.int64), np.array([domain]), draw=int(domain)
            )
