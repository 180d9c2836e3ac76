"""Pauses between attempts, longer and longer, kept in a small file so that neither a new start nor
`govd reconcile` from a timer begins to count anew. It is no evidence; lost, the counting begins
again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from govd.errors import MachineFault
from govd.home.home import write_private
from govd.notices.outcome import Outcome

log = logging.getLogger("govd")
PAUSES_SECONDS: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0)
"""After the first attempt, the second, …; the last one again and again."""
LONGEST_SECONDS: Final = 86_400.0
"""As long as a receiver may ask for patience."""
JITTER: Final = 0.1
"""Pauses are longer by up to this share, so that not all receivers are tried at once."""
FILE: Final = "attempts.json"


class Attempts:
    """What was tried in vain, for each receiver the one notice that is at its head.

    Waits are measured by `clock`, a monotonic one in seconds; the file says times in UTC, for
    people and for the next process.
    """

    def __init__(
        self, folder: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._heads: dict[str, dict[str, Any]] = self._read()
        self._until: dict[str, float] = {}
        for name, head in self._heads.items():
            self._until[name] = clock() + self._left(head)

    def _read(self) -> dict[str, dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError):
            heads = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(heads, dict):
                return {
                    name: h
                    for name, h in heads.items()
                    if isinstance(h, dict) and "id" in h
                }
        return {}

    def _left(self, head: Mapping[str, Any]) -> float:
        """Seconds to the next attempt, as an earlier process wrote it; never longer than that was
        to wait, whatever the clock did since.
        """
        try:
            until = datetime.fromisoformat(str(head["next_at"]))
            pause = float(head["pause_seconds"])
            seconds = (until - datetime.now(UTC)).total_seconds()
        except (KeyError, ValueError, TypeError):
            return 0.0
        return min(max(0.0, seconds), pause, LONGEST_SECONDS)

    def waits(self, name: str) -> bool:
        """Whether a receiver is not to be tried yet."""
        return self._clock() < self._until.get(name, float("-inf"))

    def failed(self, name: str, notice_id: str, outcome: Outcome) -> int:
        """Note an attempt in vain; how many there were.

        Args:
            name: of the receiver.
            notice_id: of the notice.
            outcome: what came of it.
        """
        with self._lock:
            before = self._heads.get(name, {})
            count = 1
            if before.get("id") == notice_id:
                count = int(before["attempts"]) + 1
            pause = PAUSES_SECONDS[min(count, len(PAUSES_SECONDS)) - 1]
            pause *= 1 + JITTER * random.random()
            pause = min(max(pause, outcome.wait_seconds), LONGEST_SECONDS)
            now = datetime.now(UTC)
            self._until[name] = self._clock() + pause
            self._heads[name] = {
                "id": notice_id,
                "attempts": count,
                "at": now.isoformat(),
                "reason": outcome.reason,
                "next_at": (now + timedelta(seconds=pause)).isoformat(),
                "pause_seconds": pause,
            }
            self._write()
        return count

    def count(self, name: str, notice_id: str) -> int:
        """How often a notice was tried in vain."""
        head = self._heads.get(name, {})
        if head.get("id") == notice_id:
            return int(head["attempts"])
        return 0

    def head(self, name: str) -> Mapping[str, Any] | None:
        """What a receiver was tried with in vain last: `id`, `attempts`, `at`, `reason`,
        `next_at`; None where nothing was.
        """
        return self._heads.get(name)

    def forget(self, name: str) -> None:
        """It was sent, or given up, or shall be tried at once."""
        with self._lock:
            self._until.pop(name, None)
            if self._heads.pop(name, None) is not None:
                self._write()

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(self._path, json.dumps(self._heads) + "\n")
        except (MachineFault, OSError) as fault:  # the next process counts anew
            log.warning(
                "attempts to send notices are not noted: %s", type(fault).__name__
            )
