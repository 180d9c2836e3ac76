"""The thread that looks every second for notices that are due. It sends none itself: each receiver
has a thread of its own, so that this one, the reconciler and the daemon's end wait for nobody.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import Final

from govd.errors import GovdError
from govd.service.service import Service
from govd.web.log import told

log = logging.getLogger("govd")
EVERY_SECONDS: Final = 1.0
SLOWEST_SECONDS: Final = 60.0
"""Between two looks at most while they fail."""


class Telling(threading.Thread):
    """Looks until it is told to end."""

    def __init__(self, service: Service) -> None:
        super().__init__(name="telling", daemon=True)
        self.service = service
        self.ending = threading.Event()

    def run(self) -> None:
        """A fault is logged and tried again, more slowly."""
        pause = EVERY_SECONDS
        while not self.ending.wait(pause):
            pause = EVERY_SECONDS if self._look() else min(SLOWEST_SECONDS, 2 * pause)

    def _look(self) -> bool:
        """Whether a look went well."""
        try:
            self.service.notices.sending.look(datetime.now(UTC))
        except GovdError as error:
            log.error("notices: %s", told(error))
            return False
        # the thread's outermost net: nobody would be told anything any more
        except Exception:
            log.exception("notices: a bug in govd")
            return False
        return True
