"""Legal holds and longer deadlines: acts of people about which policies are asked, too.

Proven by `tests/requests/test_holds.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from govd.errors import Conflict, Denied, Usage
from govd.ledger.entry import Draft
from govd.ledger.times import moment
from govd.models.core import Core
from govd.policies.voting import Voting
from govd.records.actors import GOVD, spoken
from govd.records.drafts import request_draft
from govd.records.lifecycle import OPEN, RequestState
from govd.records.limits import bounded
from govd.records.request import Request
from govd.requests.approving import Act, extension_of, release_of, weighed
from govd.requests.options import date_of
from govd.requests.privacy import Privacy
from govd.types import Json


class Holding:
    """Holds requests, releases them, and gives them more time."""

    def __init__(self, core: Core, privacy: Privacy, voting: Voting) -> None:
        self.core = core
        self.privacy = privacy
        self.voting = voting

    @bounded
    def hold(self, request_id: str, reason: str, actor: str) -> Request:
        """A legal hold on `request_id` by `actor`: until it is released the request is neither
        reverted, withdrawn, rejected nor shredded, and does not expire. A revert of it that was
        approved waits again.

        Raises:
            Usage: no reason. Conflict: it is held already.
        """
        with self.core.desk.lock:
            self.core.desk.refresh()
            request = self.core.desk.request(request_id)
            if request.hold is not None:
                raise Conflict(
                    f"{request.id} is held already", advice="`govd request show ID`"
                )
            _check_reason(reason, "a hold")
            payload = self.privacy.reason(request, reason)
            drafts = [request_draft(request, "hold", actor, payload)]
            for other in list(self.core.desk.views.open.values()):
                is_approved = (
                    other.state is RequestState.APPROVED and not other.is_forget
                )
                if is_approved and request.id in (other.id, other.reverts):
                    waits = {
                        "reason": f"{request.id} is under a legal hold: approve it again later"
                    }
                    drafts.append(request_draft(other, "wait", GOVD, waits))
            self.core.desk.append(drafts)
            return self.core.desk.request(request.id)

    @bounded
    def release(self, request_id: str, reason: str, actor: str) -> Request:
        """End the legal hold on `request_id`, once as many people asked for it as policies want;
        until then the word of `actor` is kept.

        Raises:
            Usage: no reason. Conflict: it is not held. Denied: a policy says no.
        """

        def checked(request: Request) -> dict[str, Json]:
            if request.hold is None:
                raise Conflict(
                    f"{request.id} is not held", advice="`govd request show ID`"
                )
            _check_reason(reason, "a release")
            return {}

        return self._done(request_id, "release", reason, actor, checked)

    @bounded
    def extend(self, request_id: str, due: str, reason: str, actor: str) -> Request:
        """More time, until `due`, for `request_id`, a forget that is not in force yet, once as many
        people asked for the same date as policies want; until then the word of `actor` is kept.

        Raises:
            Usage: no reason, or no later date than the one there is, or one beyond what may be
            extended. Conflict: it is decided or served. Denied: a policy says no.
        """

        def checked(request: Request) -> dict[str, Json]:
            check_model(request)
            if not request.is_forget or request.state not in OPEN:
                raise Conflict(
                    f"{request.id} is {request.state}: nothing is due",
                    advice="Only open forgets can be extended.",
                )
            _check_reason(reason, "an extension")
            return self._dates(request, due)

        return self._done(request_id, "extend", reason, actor, checked)

    def _dates(self, request: Request, due: str) -> dict[str, Json]:
        """The date that somebody asked for, and the one that there is.

        Raises:
            Usage: it is no later, or too late.
        """
        settings = self.core.home.settings
        filed = datetime.fromisoformat(request.filed_at)
        due_at = str(date_of(due, "due"))
        due_already = request.due_at or _after(filed, settings.deadline_days)
        if due_at <= due_already:
            raise Usage(
                f"{due} is no later than {due_already[:10]}, when it is due already",
                advice="Give a later --due.",
            )
        latest = _after(filed, settings.extended_days)
        if due_at > latest:
            raise Usage(
                f"{due} is more than {settings.extended_days} days after the filing",
                advice=f"At most until {latest[:10]} (extended_days in govd.toml).",
            )
        return {"due_at": due_at, "was": due_already}

    def _done(
        self,
        request_id: str,
        event: str,
        reason: str,
        actor: str,
        checked: Callable[[Request], dict[str, Json]],
    ) -> Request:
        """An act about which policies are asked, at the moment that is called as the event.
        `checked`: what the entry says of it, or why it cannot be.

        Raises:
            Denied: a policy says no; its vote is recorded.
        """
        core = self.core
        request = core.desk.request(request_id)
        checked(request)
        # before the lock: they may take their time
        predicted = request.predicted if request.is_forget else None
        ballot = self.voting.ballot(event, request, predicted, actor)
        with core.desk.lock:
            core.desk.refresh()
            request = core.desk.request(request.id)
            payload = checked(request)
            act = _act(request, event, payload)
            outcome = weighed(
                act, event, ballot.everything, actor, core.desk.views.people()
            )
            drafts: list[Draft] = ballot.drafts(request)
            payload |= {**self.privacy.reason(request, reason), **outcome.words}
            if outcome.event == "deny":
                core.desk.append(drafts)
                raise Denied(
                    outcome.objection,
                    where=request.id,
                    advice="`govd request show ID` has the votes.",
                )
            kind = f"{event}_wanted" if outcome.objection else event
            payload |= {"held_by": outcome.objection} if outcome.objection else {}
            core.desk.append([*drafts, request_draft(request, kind, actor, payload)])
            return core.desk.request(request.id)


def _act(request: Request, event: str, payload: dict[str, Json]) -> Act:
    if event == "release":
        return release_of(request)
    return extension_of(request, payload["due_at"])


def _check_reason(reason: str, what: str) -> None:
    """An act that is explained.

    Raises:
        Usage: it is not.
    """
    if not reason.strip():
        raise Usage(f"{what} needs a reason", advice="Say --reason TEXT.")


def check_hold(request: Request) -> None:
    """Refuse what a legal hold forbids.

    Raises:
        Denied: the request is under one.
    """
    hold = request.hold
    if hold is not None:
        raise Denied(
            f"it has been under a legal hold since {hold.at[:10]}, by {spoken(hold.by)}:"
            f" {hold.reason}",
            where=request.id,
            advice="`govd request release ID --reason …` ends it.",
        )


def check_model(request: Request) -> None:
    """Refuse what would change a request whose model was retired.

    Raises:
        Conflict: it was.
    """
    retired = request.model_retired
    if retired is not None:
        raise Conflict(
            f"the model {request.model} was retired on {retired['at'][:10]}: nothing serves it,"
            " and its requests stay as they are",
            where=request.id,
            advice=f"`govd request show {request.id}`",
        )


def _after(time: datetime, days: int) -> str:
    return str(moment((time + timedelta(days=days)).isoformat(), "time"))
