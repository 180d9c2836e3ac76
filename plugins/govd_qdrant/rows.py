"""Rows of a batch as points, and points as hits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qdrant_client import models

from govd.types import Batch, Floats, Hit, Portion
from govd_qdrant.points import Point, Points


@dataclass(frozen=True)
class Rows:
    """Where rows are written: `following`, and `base` for originals of late ones. `has_originals`:
    the batch was made of originals that are kept apart.
    """

    searched: Points
    following: Points
    base: Points | None
    revision: int
    has_originals: bool

    def write(
        self,
        batch: Batch,
        originals: Floats | None,
        traces: Mapping[Any, list[float]] | None,
    ) -> None:
        """Write a batch, but for points that were deleted or changed.

        Args:
            batch: the vectors `(n, d)` of `next`.
            originals: of late rows, `(n, d)`.
            traces: what the searched vectors were known by when they were read.
        """
        present = self.searched.get([identity_of(key) for key in batch.keys])
        following, kept, lost = [], [], []
        for place, key in enumerate(batch.keys):
            before = present.get(identity_of(key))
            if before is None or not self._is_intact(before, traces):
                continue
            mark = batch.marks[place] if batch.marks else None
            following.append(
                before.with_vector(batch.vectors[place], mark, before.trace)
            )
            if originals is not None and mark == self.revision:
                kept.append(before.with_vector(originals[place], 0, None))
            elif originals is not None:
                lost.append(before.id)
        self.following.put(following)
        if self.base is not None:
            self.base.put(kept)
            self.base.delete(lost)

    def _is_intact(
        self, before: Point, traces: Mapping[Any, list[float]] | None
    ) -> bool:
        """Whether a searched point is the one that was read, or that its original belongs to."""
        if self.has_originals:
            return before.is_as_written
        return traces is None or traces.get(before.id) == before.trace


def identity_of(key: str) -> Any:
    """A point's id from its text: a number, or a UUID."""
    return int(key) if key.isdecimal() else key


def hit_of(distance: Any, query: Floats, point: Any, name: str) -> Hit:
    """A hit by its cosine, from the score of another distance and the vector's length; `query` is
    `(d,)`.
    """
    if distance == models.Distance.COSINE:
        return Hit(str(point.id), float(point.score))
    vector = np.asarray(point.vector[name] if name else point.vector, np.float64)
    length = float(np.linalg.norm(vector)) or 1.0
    if distance == models.Distance.DOT:
        return Hit(str(point.id), float(point.score) / length)
    if distance == models.Distance.EUCLID:
        return Hit(
            str(point.id), (1 + length**2 - float(point.score) ** 2) / (2 * length)
        )
    return Hit(str(point.id), float(vector @ query) / length)


def portion_of(ids: Sequence[Any]) -> Portion:
    """Points from one id to another."""
    return Portion(json.dumps([ids[0], ids[-1]]), len(ids))
