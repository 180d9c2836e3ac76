"""Policies that propose on a schedule: the revert of forgets that their expression is true of, or a
forget once it is true.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from govd.automatic.clock import Timetable, spelled
from govd.automatic.proposals import PolicyProposals
from govd.errors import BadFile, Conflict, GovdError
from govd.models.core import Core
from govd.policies.document import Document, read
from govd.policies.judging import Judged
from govd.policies.outcomes import Asked, outcomes_of
from govd.records.policy import Mode
from govd.requests import ForgetOptions, Requests


class Scheduled:
    """Asks each policy of the moment `propose` as often as its text says."""

    def __init__(self, core: Core, requests: Requests) -> None:
        self.core = core
        self.requests = requests
        self.proposals = PolicyProposals(core, requests, "propose")
        self._timetable = Timetable()
        self._asked_at: dict[str, str] = {}

    def step(self, now: datetime, patient: bool) -> bool:
        """Ask those that are due `now` (UTC); whether something was done. `patient`: as
        `automatic.loop.Work`.

        Raises:
            GovdError: the first that cannot be filed, when the others are done.
        """
        did = False
        faults = list[GovdError]()
        for policy in self.proposals.judging.asked("propose"):
            try:
                document = read(policy.text)
            except BadFile:
                continue  # written for another version of govd: nothing is proposed
            last_at = self._asked_at.get(policy.digest)
            if not self._timetable.is_due(
                policy.digest, document.every_seconds, last_at, now
            ):
                continue
            self._timetable.note(policy.digest)
            self._asked_at[policy.digest] = spelled(now)
            try:
                did |= self._proposed(policy, document, now)
            except GovdError as fault:
                faults.append(fault)
        if faults:
            raise faults[0]
        return did

    def _proposed(self, asked: Asked, document: Document, now: datetime) -> bool:
        if document.effect.forget is not None:
            return self._forget(asked, document, now)
        did = False
        for request in self.proposals.candidates():
            did |= self.proposals.about(request, [asked], now)
        return did

    def _forget(self, asked: Asked, document: Document, now: datetime) -> bool:
        """File the forget that a policy names, once; in shadow, record that it would have."""
        forget = dict(document.effect.forget or {})
        model = str(forget.pop("model"))
        inputs = {"request": {}, "model": {"name": model}, "now": spelled(now)}
        (outcome,) = outcomes_of([asked], "propose", inputs)
        if not self.proposals.is_fresh(document.name, outcome):
            return False
        judged = Judged(
            moment="propose",
            subject=document.name,
            model=model,
            seen=inputs,
            outcomes=(outcome,),
        )
        if outcome.result == "true" and asked.mode is Mode.ENFORCE:
            key = f"{outcome.actor}:forget"
            options = ForgetOptions(**forget, idempotency_key=key)
            # the same scope is wanted already: what it wants is so
            with suppress(Conflict):
                self.requests.forget(model, options, outcome.actor)
        self.core.desk.append([judged.draft()])
        self.proposals.note(document.name, outcome)
        return True
