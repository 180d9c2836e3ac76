"""Desired state against actual state: what is wanted by the ledger, what is published, and the next
step between them.

Level-triggered: each step looks at the views anew and does what is missing, so a crash at any
moment costs time and nothing else. The step of a request is in `request_step`, those of a revision
in `revision_steps`; then `deliveries` keeps `--publish-to`. What computes holds no lock that filing
or answering needs; before anything is appended the views are looked at again.

Proven by `tests/reconcile/test_reconcile.py`; two at once by `tests/reconcile/test_together.py`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Final, TypeVar

from govd.asking.limited import Call
from govd.contributions import Contributions
from govd.errors import JobFailed, PluginFault
from govd.models.core import Core
from govd.policies.voting import Voting
from govd.reconcile.deliveries import Deliveries
from govd.reconcile.measuring import Measuring
from govd.reconcile.pauses import Pauses
from govd.reconcile.request_step import RequestStep
from govd.reconcile.revision_steps import RevisionSteps
from govd.reconcile.settling import Settling
from govd.records.lifecycle import RequestState
from govd.records.request import Request

log = logging.getLogger("govd")

Subject = TypeVar("Subject", str, Request)
Outcome = tuple[bool, list[Exception]]
"""Whether something was done for a model, and what went wrong."""
ROUNDS: Final = 3
"""Rounds of looking for newly filed requests before a revision is made: what arrives together is
served together.
"""
MOMENT_SECONDS: Final = 1.0
"""How long a look that is not patient waits for all models together."""
REST_SECONDS: Final = 20.0
"""How long closing a home waits for the steps in progress."""


class Reconciler:
    """Brings every model to what its ledger wants."""

    def __init__(
        self,
        core: Core,
        contributions: Contributions,
        voting: Voting,
        measuring: Measuring,
    ) -> None:
        self.core = core
        self.pauses = Pauses()
        settling = Settling(core, contributions.stored)
        self.request_step = RequestStep(core, contributions, voting, settling)
        self.revisions = RevisionSteps(
            core, contributions, voting, measuring, settling, self.pauses
        )
        self.deliveries = Deliveries(core, measuring)
        self._running: dict[tuple[str, str], Call] = {}

    def run(self, only: str | None = None, patient: bool = True) -> bool:
        """Do everything that can be done now, for every model or `only` one; whether anything was.
        One request's or model's fault does not hold up the others. Not `patient`: models that are
        still busy after a moment go on in the background; their faults are raised when they are
        looked at next.

        Raises:
            GovdError: the first fault, when the rest is done.
        """
        self.core.desk.refresh()
        self.core.desk.sign_published()
        views = self.core.desk.views
        filed = [
            r.model for r in list(views.open.values()) if r.state is RequestState.FILED
        ]
        models = (
            list(dict.fromkeys([*views.models, *filed])) if only is None else [only]
        )
        if did := self._sweep(self._reconciled, models, patient):
            self.core.models.let_go()
        return did

    def measure(self, patient: bool = True) -> bool:
        """Figures that take longer, for published revisions that have none yet: what strangers can
        still do; whether there was one. `patient` as for `run`.

        Raises:
            GovdError: the first fault, when the rest is done.
        """
        return self._sweep(self._measured, list(self.core.desk.views.models), patient)

    def rest(self) -> None:
        """Start no further step, and wait a while for those in progress."""
        self.core.ending = True
        last = time.monotonic() + REST_SECONDS
        for call in list(self._running.values()):
            call.wait(max(0.0, last - time.monotonic()))

    def _sweep(
        self, task: Callable[[str], Outcome], models: list[str], patient: bool
    ) -> bool:
        """The task for each model; whether something was done.

        Raises:
            GovdError: the first fault.
        """
        outcomes = (
            [task(model) for model in models] if patient else self._beside(task, models)
        )
        faults = [fault for _, of_model in outcomes for fault in of_model]
        for fault in faults[1:]:
            log.error("%s", fault)
        if faults:
            raise faults[0]
        return any(did for did, _ in outcomes)

    def _beside(
        self, task: Callable[[str], Outcome], models: list[str]
    ) -> list[Outcome]:
        """Each model in a thread of its own, unless it is busy still; what has come back after a
        moment.
        """
        for model in models:
            key = (task.__name__, model)
            if key not in self._running:
                self._running[key] = Call(partial(task, model))
                self._running[key].begin(f"reconciling {model}")
        last = time.monotonic() + MOMENT_SECONDS
        outcomes: list[Outcome] = []
        for key, call in list(self._running.items()):
            if key[0] == task.__name__ and call.wait(max(0.0, last - time.monotonic())):
                del self._running[key]
                if call.error is not None:
                    raise call.error
                outcomes.append(call.answer)
        return outcomes

    def _reconciled(self, model: str) -> Outcome:
        """Everything for one model."""
        did = False
        faults = list[Exception]()
        views = self.core.desk.views
        with self.core.working(model):
            request_ids: set[str] = set()
            for _ in range(ROUNDS):
                for request in self._filed(model, request_ids):
                    request_ids.add(request.id)
                    did |= self._tried(faults, self.request_step.step, request)
            if model in views.models:
                while self._tried(faults, self.revisions.step, model):
                    did = True
                did |= self._tried(faults, self.deliveries.deliver, model)
        return did, faults

    def _filed(self, model: str, seen: Collection[str]) -> list[Request]:
        """What was filed and was not `seen` yet; never a part of what is filed together."""
        with self.core.desk.fold:
            return [
                request
                for request in self.core.desk.views.open.values()
                if request.state is RequestState.FILED
                and request.model == model
                and request.id not in seen
            ]

    def _measured(self, model: str) -> Outcome:
        faults = list[Exception]()
        with self.core.working(model):
            return self._tried(faults, self.revisions.slow.measure, model), faults

    def _tried(
        self, faults: list[Exception], step: Callable[[Subject], bool], subject: Subject
    ) -> bool:
        """Whether a step did something; what went wrong in it is added to `faults`. `subject`: the
        model, or the request, that it is about.
        """
        name = step.__qualname__
        subject_name = subject.id if isinstance(subject, Request) else subject
        if self.core.ending or not self.pauses.over(name, subject_name):
            return False
        try:
            did = step(subject)
            self.pauses.note(name, subject_name, False)
            return did
        except Exception as fault:  # noqa: BLE001 - raised again when the others are done
            self.pauses.note(
                name, subject_name, isinstance(fault, PluginFault | JobFailed)
            )
            if faults:
                log.error("%s: %s", subject_name, fault)
            faults.append(fault)
            return False
