"""When a step in which a plugin or an external job failed is tried again."""

from __future__ import annotations

import math
import time
from typing import Final

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 600.0


class Pauses:
    """Seconds before a step in which a plugin failed is tried again: one, two, four, and so on;
    nothing else waits for it meanwhile.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], tuple[float, float]] = {}

    def over(self, step: str, about: str) -> bool:
        """Whether a step may be tried. `about`: a model's name, a request's id, or a revision's
        `model/number`.
        """
        return time.monotonic() >= self._failed.get((step, about), (0.0, -math.inf))[1]

    def note(self, step: str, about: str, failed: bool) -> None:
        """A step was tried. `failed`: a plugin or an external job did.

        Args:
            about: the request or revision that it was a step of.
        """
        if not failed:
            self._failed.pop((step, about), None)
            return
        last_seconds = self._failed.get((step, about), (FIRST_PAUSE_SECONDS / 2, 0.0))[
            0
        ]
        seconds = min(2 * last_seconds, LONGEST_PAUSE_SECONDS)
        self._failed[step, about] = (seconds, time.monotonic() + seconds)
