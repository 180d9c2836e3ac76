"""When something is due. Records are in UTC, waiting is by a clock that never jumps, and `now` is
asked of the machine at the edge alone and handed down.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from govd.errors import Usage
from govd.ledger.times import interval_seconds, moment

LONGEST_SECONDS: Final = 366 * 86_400


def spelled(now: datetime) -> str:
    """A time as entries spell it."""
    return moment(now.isoformat(), "now")


def seconds_of(text: str, what: str) -> float:
    """An interval that somebody wrote: `24h`, `90s`, `1w`. `what`: what errors call it.

    Raises:
        Usage: it is none from a second to a year.
    """
    seconds = interval_seconds(text) or 0
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise Usage(
            f"{what} is {text!r}",
            advice="Write 30s, 15m, 24h, 7d or 2w: from 1s to 366d.",
        )
    return float(seconds)


class Timetable:
    """What is done at intervals, each under a name.

    Something is due when its interval has passed since it was done last, by the monotonic clock of
    this process or by the records, whichever comes first: a wall clock that is set back delays
    nothing, one that jumps ahead (or a machine that slept) makes it due early, and after a restart
    the records count, but never a time to come.
    """

    def __init__(self) -> None:
        self._done: dict[str, float] = {}

    def is_due(
        self, name: str, every_seconds: float, last_at: str | None, now: datetime
    ) -> bool:
        """Whether it is time.

        Args:
            name: of what is done.
            every_seconds: the interval.
            last_at: when it was done last, by the records; None: never, or it failed.
            now: this moment, in UTC.
        """
        if last_at is None:
            done_at = self._done.get(name)
            return done_at is None or time.monotonic() - done_at >= every_seconds
        age_seconds = max(0.0, (now - datetime.fromisoformat(last_at)).total_seconds())
        if age_seconds >= every_seconds:
            return True
        done_at = self._done.setdefault(name, time.monotonic() - age_seconds)
        return time.monotonic() - done_at >= every_seconds

    def note(self, name: str, ahead_seconds: float = 0.0) -> None:
        """It was done just now. `ahead_seconds`: it is due again so much earlier than its interval
        says.
        """
        self._done[name] = time.monotonic() - max(0.0, ahead_seconds)
