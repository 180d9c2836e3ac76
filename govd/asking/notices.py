"""Telling plugins that an entry is durable (`govd_on_entry`): each in a thread of its own and in
the order of the entries, so that one that is slow or hangs delays nobody; what it does not take in
time is not kept for it without bound.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from govd.asking.asker import Asker
from govd.asking.plain import read_only
from govd.errors import GovdError
from govd.types import Record

log = logging.getLogger("govd")
HOOK: Final = "govd_on_entry"
WAITING: Final = 10_000
"""Entries that wait for one plugin at most; more are not told to it. It finds them in the ledger,
or at `/v1/events`.
"""
LAST_SECONDS: Final = 5.0
"""For which the plugins may take what waits for them when a home is closed, all together."""


class _Listener:
    """One plugin's hook and what waits for it."""

    def __init__(self, asker: Asker, implementation: Any) -> None:
        self.asker = asker
        self.implementation = implementation
        self.name = str(implementation.plugin_name)
        self.waiting: queue.Queue[Record | None] = queue.Queue(WAITING)
        self.missed = 0
        self.thread = threading.Thread(
            target=self._run, name=f"notices of {self.name}", daemon=True
        )
        self.thread.start()

    def put(self, entry: Record) -> None:
        """Say an entry as soon as it listens."""
        try:
            self.waiting.put_nowait(entry)
        except queue.Full:
            if not self.missed:
                log.warning(
                    "plugin %s does not take what it is told: entries from %s on are not told"
                    " to it",
                    self.name,
                    entry["seq"],
                )
            self.missed += 1

    def _run(self) -> None:
        while (entry := self.waiting.get()) is not None:
            inputs = [read_only(entry)] * len(self.implementation.argnames)
            try:
                self.asker.call(
                    self.name,
                    HOOK,
                    partial(self.implementation.function, *inputs),
                    self.asker.seconds,
                )
            except (
                GovdError
            ) as fault:  # its words may quote what somebody asked to forget
                log.warning(
                    "plugin %s: %s in %s, entry %s",
                    self.name,
                    fault.title.lower(),
                    HOOK,
                    entry["seq"],
                )


class Notices:
    """Whoever wants to know of entries."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self._listeners: dict[int, _Listener] = {}
        self._lock = threading.Lock()

    def tell(self, entries: Sequence[Record]) -> None:
        """Tell every plugin, without waiting for it."""
        with self._lock:
            implementations = {
                id(i.plugin): i
                for i in self.asker.manager.hook.govd_on_entry.get_hookimpls()
            }
            for key in set(self._listeners) - set(implementations):
                self._end(self._listeners.pop(key))
            for key, implementation in implementations.items():
                if key not in self._listeners:
                    self._listeners[key] = _Listener(self.asker, implementation)
                for entry in entries:
                    self._listeners[key].put(entry)

    def close(self) -> None:
        """Let them take what waits for them, for a moment."""
        with self._lock:
            listeners, self._listeners = list(self._listeners.values()), {}
        for listener in listeners:
            self._end(listener)
        last = time.monotonic() + LAST_SECONDS
        for listener in listeners:
            listener.thread.join(max(0.0, last - time.monotonic()))

    def _end(self, listener: _Listener) -> None:
        try:
            listener.waiting.put_nowait(None)
        except queue.Full:  # it hangs, and its thread ends with the process
            listener.missed += 1
