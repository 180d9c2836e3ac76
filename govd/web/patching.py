"""The thread that patches stores and verifies those that are due: what takes hours must not hold
up a revision.
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
EVERY_SECONDS: Final = 0.5
"""Between two looks at what is under way."""
SLOWEST_SECONDS: Final = 60.0
"""Between two attempts while they fail."""


class Patching(threading.Thread):
    """Does the patches of stores that are under way, one after another, then verifies what is due.
    Told to end, it ends after the portions at hand, and goes on there at the next start.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(name="stores", daemon=True)
        self.service = service
        self.ending = threading.Event()

    def run(self) -> None:
        """Until told to end."""
        pause = EVERY_SECONDS
        while not self.ending.wait(pause):
            try:
                self.service.stores.step()
                self.service.stores.watching.step(datetime.now(UTC))
                pause = EVERY_SECONDS
            except GovdError as error:
                log.error("stores: %s", told(error))
                pause = min(SLOWEST_SECONDS, 2 * pause)
            # the thread's outermost net: a bug must neither end the others nor go unseen
            except Exception:
                log.exception("stores: a bug in govd")
                pause = min(SLOWEST_SECONDS, 2 * pause)
