"""Turns: a few threads for each model or kind of work, so that one never waits for another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")
AT_ONCE: Final = 4
"""Calls of one kind, or of one model, that work at once; others wait for their turn."""
ANSWERS_AT_ONCE: Final = 64
"""Calls for answers of one model that are on their way through its batches at once."""


class Turns:
    """Whose turn it is, by model, by checkpoint, or by kind of work where it is of neither."""

    def __init__(self) -> None:
        self._limiters: dict[str, anyio.CapacityLimiter] = {}

    async def take(self, name: str, work: Callable[[], T], at_once: int = AT_ONCE) -> T:
        """What some work gives, on a thread of its own when its name's turn has come; only to be
        asked on the loop's thread. `at_once`: of one name.
        """
        turns = self._limiters.setdefault(name, anyio.CapacityLimiter(at_once))
        try:
            return await anyio.to_thread.run_sync(work, limiter=turns)
        finally:
            if not turns.borrowed_tokens and not turns.statistics().tasks_waiting:
                self._limiters.pop(name, None)
