"""Stores that the daemon verifies by itself, every so often: what was encoded by the unedited model
since a patch is found without anybody asking.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from govd.automatic.clock import Timetable
from govd.errors import GovdError
from govd.ledger.entry import Draft
from govd.ledger.times import interval_seconds
from govd.models.core import Core
from govd.records.store import StoreRecord, StoreState
from govd.stores.verifying import Counts
from govd.types import Json, Record

log = logging.getLogger("govd")
AGAIN_SECONDS: Final = 3600.0
"""After which a store that could not be read is looked at again, at most."""
UNREAD: Final = "it could not be read: "
"""How the fault begins of a store that could not be read."""


class Watching:
    """Verifies stores that are due. `verify` verifies one by its name, for an actor."""

    def __init__(
        self, core: Core, verify: Callable[[str, str], Record], actor: str
    ) -> None:
        self.core = core
        self.verify = verify
        self.actor = actor
        self._timetable = Timetable()

    def step(self, now: datetime) -> bool:
        """Verify the first store that is due `now` (UTC); whether one was. One at a time: a patch
        that was begun meanwhile comes before the next.
        """
        every = interval_seconds(self.core.home.settings.stores_verify_every)
        if not every or self.core.ending:
            return False
        for store in list(self.core.desk.refresh().stores.values()):
            if store.state in (StoreState.READY, StoreState.FAILED) and self._is_due(
                store, every, now
            ):
                self._timetable.note(store.name)
                self._verified(store)
                return True
        return False

    def _is_due(self, store: StoreRecord, every: int, now: datetime) -> bool:
        record = store.as_json()
        times = [record["added_at"]]
        times += [record[what]["at"] for what in ("verified", "last") if record[what]]
        is_read = not any(fault.startswith(UNREAD) for fault in store.faults)
        seconds = float(every) if is_read else min(float(every), AGAIN_SECONDS)
        return self._timetable.is_due(store.name, seconds, max(times), now)

    def _verified(self, store: StoreRecord) -> None:
        """Verify a store; one that cannot be read gets a verdict as well, once until it can be."""
        try:
            self.verify(store.name, self.actor)
        except GovdError as fault:
            log.error("store %s: %s", store.name, fault.message)
            if any(before.startswith(UNREAD) for before in store.faults):
                return
            verdict: dict[str, Json] = {
                "revision": store.revision,
                "counts": Counts().as_json(),
                "faults": [UNREAD + fault.message[:1000]],
                "well": False,
                "compared": False,
            }
            draft = Draft("store.verify", store.name, self.actor, store.model, verdict)
            with self.core.desk.lock:
                self.core.desk.append([draft])
