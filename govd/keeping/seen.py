"""What was read of portions until they are written: which rows were changed meanwhile."""

from __future__ import annotations

import threading
from typing import Final, Generic, TypeVar

T = TypeVar("T")
REMEMBERED: Final = 64
"""Portions that are read and not written yet; of older ones nothing is known any more."""


class Seen(Generic[T]):
    """By the names of portions, for several threads."""

    def __init__(self) -> None:
        self._of: dict[str, T] = {}
        self._lock = threading.Lock()

    def keep(self, name: str, value: T) -> None:
        """Remember what a portion was read as."""
        with self._lock:
            self._of[name] = value
            while len(self._of) > REMEMBERED:
                self._of.pop(next(iter(self._of)))

    def take(self, name: str) -> T | None:
        """What it was read as, once; None where that is not known."""
        with self._lock:
            return self._of.pop(name, None)
