"""That there is news in the ledger, told once to everybody who waits: streams and calls that wait
for a decision.
"""

from __future__ import annotations

import asyncio
import threading

from govd.hookspecs import hookimpl
from govd.types import Record


class News:
    """Counts entries as they become durable. A plugin of the service like any other; waiting takes
    no thread.
    """

    def __init__(self) -> None:
        # a signal's handler may close it in the middle of a call
        self._lock = threading.RLock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self.count = 0
        self.closed = False

    @hookimpl
    def govd_on_entry(self, entry: Record) -> None:
        """An entry is durable."""
        self.tell()

    def tell(self) -> None:
        """Wake everybody."""
        with self._lock:
            self.count += 1
            waiting = list(self._waiting)
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """The daemon ends: nobody waits any longer."""
        self.closed = True
        self.tell()

    async def after(self, count: int, seconds: float) -> bool:
        """Whether there is news since `count`, as soon as there is; False when the time is over."""
        event = asyncio.Event()
        loop = asyncio.get_running_loop()
        with self._lock:
            if self.count != count or self.closed:
                return True
            self._waiting.add((loop, event))
        try:
            await asyncio.wait_for(event.wait(), max(0.0, seconds))
        except TimeoutError:
            return False
        finally:
            with self._lock:
                self._waiting.discard((loop, event))
        return True
