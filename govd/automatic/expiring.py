"""Forgets that have expired: policies that are asked at the moment `expire` take them back, ask
people to, or let them be.
"""

from __future__ import annotations

from datetime import datetime

from govd.automatic.proposals import PolicyProposals
from govd.errors import GovdError
from govd.models.core import Core
from govd.records.lifecycle import has_expired
from govd.requests import Requests


class Expiring:
    """Looks at what has expired. Without a policy that is asked then, an expired forget stays in
    force and is shown as such.
    """

    def __init__(self, core: Core, requests: Requests) -> None:
        self.core = core
        self.proposals = PolicyProposals(core, requests, "expire")

    def step(self, now: datetime, patient: bool) -> bool:
        """Ask about each forget that has expired by `now` (UTC), and is neither held nor on its way
        out; whether something was done. `patient`: as `automatic.loop.Work`.

        Raises:
            GovdError: the first that cannot be filed, when the others are done.
        """
        expired = [r for r in self.proposals.candidates() if has_expired(r, now)]
        policies = self.proposals.judging.asked("expire") if expired else []
        did = False
        faults = list[GovdError]()
        for request in expired if policies else []:
            try:
                did |= self.proposals.about(request, policies, now)
            except GovdError as fault:
                faults.append(fault)
        if faults:
            raise faults[0]
        return did
