"""Rows of a batch as points, and which points a portion has."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from govd.keeping.spans import LATE, is_late
from govd.types import Batch, Floats, Portion
from govd_qdrant.points import Point, Points
from govd_qdrant.resuming import originals_of
from govd_qdrant.siblings import Sibling

LATE_ROWS: Final = 500
"""Ids of late rows are named one by one."""


@dataclass(frozen=True)
class Rows:
    """Where rows are written: `following`, and `base` for originals of late ones. `has_originals`:
    the batch was made of originals that are kept apart. `begun`: originals of what is replaced.
    """

    searched: Points
    following: Sibling
    base: Sibling | None
    revision: int
    has_originals: bool
    begun: Sibling | None = None

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
        done = originals_of(present.values(), self.begun, self.revision)
        following = []
        kept = []
        lost = []
        for place, key in enumerate(batch.keys):
            before = present.get(identity_of(key))
            if before is None or not self._is_intact(before, traces):
                continue
            mark = batch.marks[place] if batch.marks else None
            of = done.get(before.id, before).trace
            following.append(before.with_vector(batch.vectors[place], mark, of))
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


def portions_of(ids: Iterator[Any], rows: int) -> list[Portion]:
    """Portions of about `rows` points, each from one id to another."""
    portions = []
    while part := list(itertools.islice(ids, rows)):
        portions.append(Portion(json.dumps([part[0], part[-1]]), len(part)))
    return portions


def late_portions(ids: Sequence[Any], rows: int) -> list[Portion]:
    """Points that came in, by their ids."""
    size = min(rows, LATE_ROWS)
    parts = [ids[start : start + size] for start in range(0, len(ids), size)]
    return [Portion(LATE + json.dumps(part), len(part)) for part in parts]


def points_of(points: Sibling, portion: Portion) -> list[Point]:
    """The points of a portion that are there."""
    if is_late(portion):
        ids = json.loads(portion.name.removeprefix(LATE))
        return list(points.get(ids).values())
    first, last = json.loads(portion.name)
    return [point for page in points.pages(first, last) for point in page]
