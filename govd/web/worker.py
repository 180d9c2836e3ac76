"""The thread that reconciles, and how it is."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from govd.errors import GovdError
from govd.service.service import Service
from govd.web.log import told

log = logging.getLogger("govd")
EVERY = 1.0
"""Seconds between two looks at the ledger when nobody says that there is news."""
SLOWEST = 60.0
"""Seconds between two attempts at most while they fail."""
WAIT_SECONDS = 60.0
"""For the step at hand, when the daemon ends; the process waits no longer than
`daemon.LONGEST_SECONDS`.
"""
CALM_SECONDS = 2.0
"""For which the ledger has not grown before figures that nobody waits for are measured: where a
revision follows another each second they would take the processors from those who ask for answers,
and be of a revision that is not served any more.
"""
LATEST_SECONDS = 30.0
"""After which they are measured though the ledger grows."""
PATIENCE = 3
"""Passes that fail one after the other until the daemon calls itself not ready."""


class Worker(threading.Thread):
    """Reconciles when woken and every second. A fault is logged and tried again, more slowly; it
    does not stop the other steps.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(name="reconciler", daemon=True)
        self.service = service
        self.news = threading.Event()
        self.ending = threading.Event()
        self.faults: Counter[str] = Counter()
        self.failing = 0
        self._begun = False
        self._size = service.core.desk.views.size
        self._grew = float("-inf")  # what was there before has waited
        self._measured = time.monotonic()

    def run(self) -> None:
        """Until told to end; the step at hand is finished."""
        self._begun = True
        pause = EVERY
        while True:
            self.news.wait(pause)
            self.news.clear()
            if self.ending.is_set() or self.service.core.ending:
                return
            well = self._step("automatic", self._automatic)
            well &= self._step(
                "reconcile", partial(self.service.reconciler.run, patient=False)
            )
            if not self.news.is_set() and self._is_calm():
                well &= self._step(
                    "measure", partial(self.service.reconciler.measure, patient=False)
                )
            well &= self._step("vouch", self.service.vouch)
            self.failing = 0 if well else self.failing + 1
            pause = EVERY if well else min(SLOWEST, 2 * pause)

    def _is_calm(self) -> bool:
        """Whether it is time for what takes long and nobody waits for."""
        moment = time.monotonic()
        size = self.service.core.desk.views.size
        if size != self._size:
            self._size, self._grew = size, moment
        is_calm = moment - self._grew >= CALM_SECONDS
        if is_calm or moment - self._measured >= LATEST_SECONDS:
            self._measured = moment
            return True
        return False

    def _automatic(self) -> None:
        """What govd does by itself; what takes long goes on in the background."""
        self.service.automatic.step(datetime.now(UTC), patient=False)

    def _step(self, name: str, step: Callable[[], object]) -> bool:
        """Whether a step went well; whatever it raises is logged, since the next pass tries
        again.
        """
        try:
            step()
        except GovdError as error:
            log.error("%s: %s", name, told(error))
        # the thread's outermost net: a bug in one step must neither end the others nor go unseen
        # (`trouble`, `faults`)
        except Exception:
            log.exception("%s: a bug in govd", name)
        else:
            return True
        self.faults[name] += 1
        return False

    def trouble(self) -> str:
        """Why the daemon does not do its work, in words without details; empty where it does."""
        if self._begun and not self.is_alive():
            return "the reconciler has ended"
        if self.failing >= PATIENCE:
            return f"the reconciler has failed {self.failing} times in a row; the log says why"
        return ""

    def end(self) -> None:
        """Finish the step at hand; the others are taken after the next start."""
        self.service.core.ending = True
        self.ending.set()
        self.news.set()
        if self._begun:
            self.join(WAIT_SECONDS)
