"""What is kept in memory because it is needed again soon: bounded, and safe to use from several
threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """The values that were used last, at most `limit` of them, or of their `size` together. Values
    must not be changed.
    """

    def __init__(self, limit: int, size: Callable[[V], int] = lambda value: 1) -> None:
        self.limit = limit
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value of a key, None where it is not kept."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: K, value: V) -> V:
        """Keep a value, and let go of those that were used longest ago."""
        with self._lock:
            self._drop(key)
            self._values[key] = value
            self._total += self._size(value)
            while self._total > self.limit and len(self._values) > 1:
                self._drop(next(iter(self._values)))
        return value

    def _drop(self, key: K) -> None:
        if key in self._values:
            self._total -= self._size(self._values.pop(key))

    def __contains__(self, key: K) -> bool:
        with self._lock:
            return key in self._values

    def __len__(self) -> int:
        return len(self._values)
