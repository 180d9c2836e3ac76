"""How long a patch takes, told before it begins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from govd.records.store import StoreRecord
from govd.stores.opening import GuardedStore
from govd.stores.portions import ROWS, Task, made_of
from govd.types import Json, Pace, StoreFacts

TRIAL: Final = 4
"""Portions that are edited, and not written, to tell how long a patch takes."""


@dataclass(frozen=True)
class Estimate:
    """What a patch would do: rows and bytes; rows a second of reading and editing, measured on a
    few portions, and the seconds that follow from it; writing comes on top of it. `last`: rows a
    second of the last whole patch of this store, None where there was none. `paces`: of writing, as
    the store is set and as it might be, where it tells.
    """

    rows: int
    size_bytes: int
    rows_per_second: float
    seconds: float
    last: float | None = None
    paces: Sequence[Pace] = ()

    def as_json(self) -> dict[str, Json]:
        """For an answer and an entry; each pace with the seconds that follow from it."""
        paces = [
            {**asdict(pace), "seconds": self._seconds(pace.rows_per_second)}
            for pace in self.paces
        ]
        last = self.last and {
            "rows_per_second": self.last,
            "seconds": self._seconds(self.last),
        }
        return {**vars(self), "last": last, "paces": paces}

    def _seconds(self, rate: float) -> float:
        return round(self.rows / max(rate, 1e-6), 1)


def estimated(
    store: StoreRecord, task: Task, at: GuardedStore, facts: StoreFacts
) -> Estimate:
    """How long a patch takes, from a few portions of its store.

    Raises:
        BadFile: they cannot be read.
    """
    began = time.monotonic()
    rows = 0
    for portion in at.portions("searched", ROWS)[:TRIAL]:
        batch = at.read("searched", portion)
        made_of(replace(task, any_length=True), batch, late=False)
        rows += len(batch.keys)
    rate = rows / max(time.monotonic() - began, 1e-6)
    is_held = any(stamp.is_of(task.stamp) for stamp in at.held())
    return Estimate(
        facts.rows,
        facts.size_bytes,
        round(rate, 1),
        round(facts.rows / max(rate, 1e-6), 1),
        None if is_held else _last(store),
        [] if is_held else at.paces(),
    )


def _last(store: StoreRecord) -> float | None:
    """Rows a second of the last patch, where it wrote some."""
    last = store.as_json().get("last") or {}
    rows = last.get("patched", 0) + last.get("skipped", 0) - last.get("resumed", 0)
    seconds = last.get("seconds", 0)
    return round(rows / seconds, 1) if rows > 0 and seconds > 0 else None
