"""What rows of a store were when its originals were purged: digests, by which a later verification
tells what was changed, put in or taken away since. Memory stays flat: of large stores only rows
that their keys choose are remembered one by one, and all of them together by a sum.
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
"""Rows that are remembered one by one."""
WORD: Final = 1 << 64
UNSIGNED: Final = "<u8"


@dataclass(frozen=True)
class Remembered:
    """Rows as they were: how many, the sum of their digests modulo 2⁶⁴, and of each row whose key's
    number is divisible by `every` that number and its digest, `(n,)` and `(n,)`, uint64.
    """

    rows: int
    total: int
    every: int
    keys: Any
    digests: Any

    def as_bytes(self) -> bytes:
        """As an artifact: a line of JSON, then the numbers."""
        head = {"rows": self.rows, "total": self.total, "every": self.every}
        line = json.dumps({**head, "kept": len(self.keys)}, sort_keys=True) + "\n"
        columns = (self.keys.astype(UNSIGNED), self.digests.astype(UNSIGNED))
        return line.encode() + b"".join(column.tobytes() for column in columns)

    @classmethod
    def from_bytes(cls, data: bytes) -> Remembered:
        """What `as_bytes` wrote.

        Raises:
            BadFile: it is none.
        """
        line, _, numbers = data.partition(b"\n")
        try:
            head = json.loads(line)
            keys, digests = np.frombuffer(numbers, UNSIGNED).reshape(2, head["kept"])
            return cls(head["rows"], head["total"], head["every"], keys, digests)
        except (KeyError, TypeError, ValueError) as fault:
            raise BadFile(f"these are no digests of rows ({fault})") from None


class Reading:
    """Digests of rows as they are read, batch by batch. `every` doubles where too many are kept."""

    def __init__(self, every: int = 1, most: int = MOST) -> None:
        self.rows, self.total, self.every, self._most = 0, 0, every, most
        self._kept: dict[int, int] = {}

    def add(self, batch: Batch) -> None:
        """Rows that were read."""
        vectors = np.ascontiguousarray(batch.vectors)
        for key, vector in zip(batch.keys, vectors, strict=True):
            name = key.encode()
            number = _number(name)
            digest = _number(name + b"\0" + vector.tobytes())
            self.total = (self.total + digest) % WORD
            if number % self.every == 0:
                self._kept[number] = digest
        self.rows += len(batch.keys)
        while len(self._kept) > self._most:
            self.every *= 2
            kept = self._kept.items()
            self._kept = {key: row for key, row in kept if key % self.every == 0}

    def remembered(self) -> Remembered:
        """What was read."""
        keys = np.fromiter(self._kept.keys(), np.uint64, len(self._kept))
        digests = np.fromiter(self._kept.values(), np.uint64, len(self._kept))
        order = np.argsort(keys)
        return Remembered(
            self.rows, self.total, self.every, keys[order], digests[order]
        )


def _number(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


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
    """How rows differ from what they were: `changed`, `new` and `gone` of those that are remembered
    one by one (`looked_at`); `is_other`: whether the sum of all differs though these do not.
    """

    changed: int
    new: int
    gone: int
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
        if self.new:
            yield f"out of sync: {self.new}{of} rows came since originals were purged"
        if self.gone:
            yield f"{self.gone}{of} rows are gone that were there when originals were purged"
        if self.is_other:
            yield (
                "out of sync: some rows are not what they were when originals were purged, none of"
                f" the {self.looked_at} that are remembered one by one"
            )


def since(before: Remembered, reading: Reading) -> Since:
    """How what was read, by the same `every`, differs from what was there before."""
    now = reading.remembered()
    _, then, today = np.intersect1d(before.keys, now.keys, return_indices=True)
    changed = int((before.digests[then] != now.digests[today]).sum())
    new, gone = len(now.keys) - len(today), len(before.keys) - len(then)
    is_same = (before.rows, before.total) == (now.rows, now.total)
    is_other = not (is_same or changed or new or gone) and before.rows == now.rows
    return Since(changed, new, gone, len(before.keys), is_other)
