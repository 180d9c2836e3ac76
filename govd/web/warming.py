"""What a daemon does before it calls itself ready: every published model is warmed, so that no
caller waits for its opening, or for a program that is compiled.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from govd.errors import GovdError, NotFound
from govd.service.service import Service
from govd.web.log import told

log = logging.getLogger("govd")
PAUSE_SECONDS: Final = 5.0
"""Between two attempts at a model that does not answer."""
SLOWEST_SECONDS: Final = 60.0


class Warming(threading.Thread):
    """Asks each model that was registered when the daemon began, until it has answered or is
    removed; registering opens a later one.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(name="warming", daemon=True)
        self.service = service
        self.ending = threading.Event()
        self.cold = set(service.core.desk.views.models)
        service.warm.is_wanted = True

    def run(self) -> None:
        """Until all have answered, or told to end."""
        pause = PAUSE_SECONDS
        while self.cold and not self.ending.is_set():
            for name in sorted(self.cold):
                if self.ending.is_set():
                    return
                self._ask(name)
            if self.cold:
                self.ending.wait(pause)
                pause = min(SLOWEST_SECONDS, 2 * pause)
        if not self.cold:
            log.info("every published model has answered once")

    def _ask(self, name: str) -> None:
        """Have it encode and answer whatever a call may ask."""
        try:
            self.service.warm.model(name, self.ending.is_set)
        except NotFound:
            if name in self.service.core.desk.views.models:
                log.exception("the model %s does not answer", name)
                return
        except GovdError as error:
            log.error("the model %s does not answer: %s", name, told(error))
            return
        # the thread's outermost net: the model stays cold, so that the daemon is not ready, and is
        # asked again
        except Exception:
            log.exception("the model %s does not answer: a bug in govd", name)
            return
        if not self.ending.is_set():
            self.cold.discard(name)

    def trouble(self) -> str:
        """What is still to come, in words without names; empty where nothing is."""
        cold = len(self.cold)
        return (
            f"{cold} published {'model has' if cold == 1 else 'models have'} not answered yet"
            if cold
            else ""
        )
