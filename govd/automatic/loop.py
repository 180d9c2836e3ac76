"""What govd does by itself, one work after another: nothing of it while it is frozen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from govd.errors import GovdError
from govd.models.core import Core

log = logging.getLogger("govd")


class Work(Protocol):
    """Something that is done by itself. A `step` looks at the views and the time anew, does what is
    due and says whether there was something; not `patient`, it waits for nothing that takes long.

    A step may raise a GovdError: the other works go on.
    """

    def step(self, now: datetime, patient: bool) -> bool: ...


class Automatic:
    """Takes each work in turn. Adding one is adding it to `works`."""

    def __init__(self, core: Core, works: Sequence[Work]) -> None:
        self.core = core
        self.works = tuple(works)

    def step(self, now: datetime, patient: bool = True) -> bool:
        """Do what is due `now` (UTC); whether there was something. While `views.frozen` stands
        nothing is. `patient`: as `Work`.

        Raises:
            GovdError: the first fault, when the rest is done.
        """
        self.core.desk.refresh()
        did = False
        faults: list[GovdError] = []
        for work in self.works:
            if self.core.ending or self.core.desk.views.frozen is not None:
                break
            try:
                did |= work.step(now, patient)
            except GovdError as fault:
                faults.append(fault)
        for further in faults[1:]:
            log.error("%s", further.message)
        if faults:
            raise faults[0]
        return did
