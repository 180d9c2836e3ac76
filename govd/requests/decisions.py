"""What people decide: approve, reject, withdraw, retry; policies are asked of an approval, too.

Proven by `tests/requests/test_rules.py`, `tests/requests/test_four_eyes.py`.
"""

from __future__ import annotations

from govd.errors import Conflict, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.policies.ballots import Ballot
from govd.policies.voting import Voting
from govd.records import lifecycle
from govd.records.actors import GOVD
from govd.records.drafts import request_draft
from govd.records.limits import bounded
from govd.records.predicted import Predicted
from govd.records.request import Request
from govd.requests.approving import approval_of, weighed
from govd.requests.holding import Holding, check_hold, check_model
from govd.requests.privacy import Privacy
from govd.types import Json


class Decisions:
    """What people decide on requests."""

    def __init__(self, core: Core, privacy: Privacy, voting: Voting) -> None:
        self.core = core
        self.privacy = privacy
        self.voting = voting
        holding = Holding(core, privacy, voting)
        self.hold = holding.hold
        self.release = holding.release
        self.extend = holding.extend

    @bounded
    def decide(self, request_id: str, event: str, reason: str, actor: str) -> Request:
        """A person's decision: `approve` (policies may still deny it or let it wait), `reject`,
        `withdraw`, `retry`.

        Args:
            request_id: of the request.
            event: one of these four.
            reason: in the person's words.
            actor: the person.

        Raises:
            Conflict: the request's state does not allow it. Denied: it is under a legal hold.
            Usage: a rejection without a reason.
        """
        core = self.core
        ballot = Ballot("approve")
        request = core.desk.request(request_id)
        check_model(request)
        policies = dict(core.desk.views.policies)
        # policies are asked before the lock: they may take their time
        if event == "approve":
            lifecycle.check_decision(request.kind, request.state, event)
            self._check_computed(request)
            ballot = self.voting.ballot("approve", request, _of_forget(request), actor)
        with core.desk.lock:
            core.desk.refresh()
            request = core.desk.request(request_id)
            lifecycle.check_decision(request.kind, request.state, event)
            if event == "approve" and policies != core.desk.views.policies:
                raise Conflict(
                    "the policies changed while they were being asked",
                    where=request.id,
                    advice="Approve it again: they will be asked anew.",
                )
            self._check_allowed(request, event, reason)
            payload = self.privacy.reason(request, reason or f"by {actor}")
            if event == "approve":
                drafts = self._approved(request, ballot, actor, payload)
            else:
                decision = {**payload, "by": actor}
                drafts = [request_draft(request, event, actor, decision)]
            core.desk.append(drafts)
            return core.desk.request(request.id)

    def _approved(
        self, request: Request, ballot: Ballot, actor: str, payload: dict[str, Json]
    ) -> list[Draft]:
        """A person's approval: the votes, and that it is enough, or what policies still want. What
        is under a legal hold is not denied: it waits.
        """
        people = self.core.desk.views.people()
        outcome = weighed(
            approval_of(request), ballot.moment, ballot.everything, actor, people
        )
        drafts = ballot.drafts(request)
        approval: dict[str, Json] = {**payload, **outcome.words}
        if not outcome.objection:
            return [
                *drafts,
                request_draft(request, "approve", actor, {**approval, "by": actor}),
            ]
        approval["held_by"] = outcome.objection
        event = "wait" if request.hold is not None else outcome.event
        return [
            *drafts,
            request_draft(request, "approval", actor, approval),
            request_draft(request, event, GOVD, {"reason": outcome.objection}),
        ]

    def _check_allowed(self, request: Request, event: str, reason: str) -> None:
        """What forbids a person's decision though the request's state allows it.

        Raises:
            Denied: a legal hold. Conflict: its text was destroyed, or it is not computed for what
            the model is now. Usage: a rejection without a reason.
        """
        if event in ("withdraw", "reject"):
            check_hold(request)
        if event == "retry" and request.shredded_at:
            raise Conflict(
                f"the text of {request.id} was destroyed: there is nothing left to look at again",
                advice="Approve it where it waits for a person, or withdraw it.",
            )
        if event == "reject" and not reason.strip():
            raise Usage("a rejection needs a reason", advice="Say --reason TEXT.")
        if event == "approve":
            self._check_computed(request)
            # what undoes something under a hold, or is held itself
            if not request.is_forget:
                check_hold(request)
                check_hold(self.core.desk.request(str(request.reverts)))

    def _check_computed(self, request: Request) -> None:
        """A forget is approved for what the model is now."""
        if not request.is_forget:
            return
        reference = self.core.desk.views.contribution(str(request.contribution))
        basis = None if reference is None else reference.basis
        if basis != self.core.desk.model(request.model).basis:
            raise Conflict(
                f"{request.id} was computed for an earlier state of the model",
                advice="Withdraw it, or set the model back to what it was.",
            )


def _of_forget(request: Request) -> Predicted | None:
    """What a request was predicted to do; nothing was of a revert."""
    return request.predicted if request.is_forget else None
