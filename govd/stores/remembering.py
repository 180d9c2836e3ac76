"""Which vectors a store had when its originals were purged: digests, by which a later verification
tells how many were changed, put in or taken away since. They are of vectors without their keys:
numbers of rows change when files are written anew. Memory stays flat: of large stores only digests
that are divisible by a number are kept one by one, and all of them together as a sum.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from govd.errors import BadFile
from govd.stores.opening import GuardedStore
from govd.stores.portions import ROWS
from govd.types import Batch, Progress

MOST: Final = 1 << 16
"""Digests that are kept one by one."""
WORD: Final = 1 << 64
UNSIGNED: Final = "<u8"


@dataclass(frozen=True)
class Remembered:
    """Vectors as they were: how many, the sum of their digests modulo 2⁶⁴, and those digests
    `(n,)`, ascending, uint64, that are divisible by `every`.
    """

    rows: int
    total: int
    every: int
    digests: Any

    def as_bytes(self) -> bytes:
        """As an artifact: a line of JSON, then the digests."""
        head = {"rows": self.rows, "total": self.total, "every": self.every}
        line = json.dumps(head, sort_keys=True) + "\n"
        numbers: bytes = self.digests.astype(UNSIGNED).tobytes()
        return line.encode() + numbers

    @classmethod
    def from_bytes(cls, data: bytes) -> Remembered:
        """What `as_bytes` wrote.

        Raises:
            BadFile: it is none.
        """
        line, _, numbers = data.partition(b"\n")
        try:
            digests = np.frombuffer(numbers, UNSIGNED)
            return cls(digests=digests, **json.loads(line))
        except (TypeError, ValueError) as fault:
            raise BadFile(f"these are no digests of vectors ({fault})") from None


class Reading:
    """Digests of vectors as they are read, batch by batch. `every` doubles where more than `most`
    would be kept.
    """

    def __init__(self, every: int = 1, most: int = MOST) -> None:
        self.rows = 0
        self.total = 0
        self.every = every
        self._most = most
        self._kept: set[int] = set()

    def add(self, batch: Batch) -> None:
        """Vectors that were read."""
        vectors = np.ascontiguousarray(batch.vectors)
        cells = [blake2b(row.data, digest_size=8).digest() for row in vectors]
        digests = np.frombuffer(b"".join(cells), UNSIGNED)
        self.rows += len(digests)
        self.total = (self.total + int(digests.sum(dtype=np.uint64))) % WORD
        self._kept.update(digests[digests % np.uint64(self.every) == 0].tolist())
        while len(self._kept) > self._most:
            self.every *= 2
            self._kept = {digest for digest in self._kept if digest % self.every == 0}

    def remembered(self) -> Remembered:
        """What was read."""
        digests = np.array(sorted(self._kept), np.uint64)
        return Remembered(self.rows, self.total, self.every, digests)


def remembered(at: GuardedStore, progress: Progress) -> Remembered:
    """What is searched in a store."""
    reading = Reading()
    portions = at.portions("searched", ROWS)
    total = sum(portion.rows for portion in portions)
    for portion in portions:
        reading.add(at.read("searched", portion))
        progress("rows", reading.rows, total)
    return reading.remembered()


@dataclass(frozen=True)
class Since:
    """How vectors differ from what they were: `changed`, `came` and `left`, of those that are kept
    one by one (`looked_at`); `is_other`: whether the sum of all differs though these do not.
    """

    changed: int
    came: int
    left: int
    looked_at: int
    is_other: bool

    def faults(self, is_sample: bool) -> Iterable[str]:
        """What is amiss, in sentences."""
        of = f" of {self.looked_at} that were looked at" if is_sample else ""
        if self.changed:
            yield (
                f"out of sync: {self.changed}{of} rows are not what they were when originals were"
                " purged"
            )
        if self.came:
            yield f"out of sync: {self.came}{of} rows came since originals were purged"
        if self.left:
            yield f"{self.left}{of} rows are gone that were there when originals were purged"
        if self.is_other:
            yield (
                "out of sync: some rows are not what they were when originals were purged, none of"
                f" the {self.looked_at} that are remembered one by one"
            )


def since(before: Remembered, reading: Reading) -> Since:
    """How what was read, by the same `every`, differs from what was there before. A vector that is
    new beside one that is gone is one that was changed.
    """
    now = reading.remembered()
    new = len(np.setdiff1d(now.digests, before.digests, assume_unique=True))
    removals = len(np.setdiff1d(before.digests, now.digests, assume_unique=True))
    came = max(0, new - removals) if now.rows > before.rows else 0
    deletions = max(0, removals - new) if now.rows < before.rows else 0
    is_same = (before.rows, before.total) == (now.rows, now.total)
    is_other = not (is_same or new or removals) and before.rows == now.rows
    changed = max(new - came, removals - deletions)
    return Since(changed, came, deletions, len(before.digests), is_other)
