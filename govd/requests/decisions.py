"""Who decides: people on requests, policies by their votes, gates on revisions. A fault or nonsense
of a plugin counts as "wait".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from govd.errors import Conflict, Denied, PluginFault, Usage
from govd.ledger.times import moment
from govd.models.core import Core
from govd.policies.judging import Judging
from govd.records import lifecycle
from govd.records.actors import roles_of, spoken
from govd.records.drafts import request_draft
from govd.records.lifecycle import OPEN
from govd.records.limits import bounded
from govd.records.predicted import Predicted
from govd.records.request import Request
from govd.records.revision import Revision
from govd.requests.ballots import Ballot
from govd.requests.options import date_of
from govd.requests.privacy import Privacy
from govd.types import Gate, Json, Record, Vote

GOVD = "govd"


class Decisions:
    """What people and policies say to requests."""

    def __init__(self, core: Core, privacy: Privacy) -> None:
        self.core, self.privacy = core, privacy
        self.judging = Judging(core)

    @bounded
    def decide(self, request_id: str, event: str, reason: str, actor: str) -> Request:
        """A person's decision: `approve` (policies may still deny it or let it wait), `reject`,
        `withdraw`, `retry`.

        Raises:
            Conflict: the request's state does not allow it. Denied: it is under a legal hold.
            Usage: a rejection without a reason.
        """
        core = self.core
        ballot = Ballot("approve")
        request = core.desk.request(request_id)
        check_model(request)
        if event == "approve":  # policies are asked before the lock: they may take their time
            lifecycle.decide(request.kind, request.state, event)
            self._check_computed(request)
            ballot = self.ballot("approve", request, _of_forget(request), actor)
        with core.desk.lock:
            core.desk.refresh()
            request = core.desk.request(request_id)
            lifecycle.decide(request.kind, request.state, event)
            self._check_allowed(request, event, reason)
            drafts = ballot.drafts(request, self.versions())
            outcome, objection = verdict(ballot.everything, event)
            payload = self.privacy.reason(request, reason or f"by {actor}")
            if objection:
                approval = {**payload, "held_by": objection}
                drafts += [
                    request_draft(request, "approval", actor, approval),
                    request_draft(request, outcome, GOVD, {"reason": objection}),
                ]
            else:
                decision = {**payload, "by": actor}
                drafts.append(request_draft(request, event, actor, decision))
            core.desk.append(drafts)
            return core.desk.request(request.id)

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
                f"the text of {request.id} was destroyed: nothing can be looked at again",
                advice="Approve it where it waits for a person, or withdraw it.",
            )
        if event == "reject" and not reason.strip():
            raise Usage("a rejection needs a reason", advice="Say --reason TEXT.")
        if event == "approve":
            self._check_computed(request)

    def _check_computed(self, request: Request) -> None:
        """A forget is approved for what the model is now."""
        if not request.is_forget:
            return
        reference = self.core.desk.views.contribution(str(request.contribution))
        basis = None if reference is None else reference.basis
        if basis != self.core.desk.model(request.model).basis:
            raise Conflict(
                f"{request.id} is not computed for what the model is now",
                advice="Withdraw it, or set the model back to what it was.",
            )

    def versions(self) -> dict[str, str]:
        """The plugins and their versions."""
        return {p.name: p.version for p in self.core.plugins.known}

    @bounded
    def extend(self, request_id: str, due: str, reason: str, actor: str) -> Request:
        """More time for a forget that is not in force yet.

        Raises:
            Usage: no reason, or no later date than the one there is, or one beyond what may be
            extended. Conflict: it is decided or served.
        """
        core = self.core
        with core.desk.lock:
            core.desk.refresh()
            request = core.desk.request(request_id)
            check_model(request)
            if not request.is_forget or request.state not in OPEN:
                raise Conflict(
                    f"{request.id} is {request.state}: nothing is due",
                    advice="Only open forgets can be extended.",
                )
            if not reason.strip():
                raise Usage("an extension needs a reason", advice="Say --reason TEXT.")
            settings, filed = core.home.settings, datetime.fromisoformat(request.filed_at)
            due_at = str(date_of(due, "due"))
            due_already = request.due_at or _after(filed, settings.deadline_days)
            if due_at <= due_already:
                raise Usage(
                    f"{due} is no later than {due_already[:10]}, when it is due already",
                    advice="Say a later --due.",
                )
            latest = _after(filed, settings.extended_days)
            if due_at > latest:
                advice = f"At most until {latest[:10]} (extended_days in govd.toml)."
                raise Usage(
                    f"{due} is more than {settings.extended_days} days after the filing",
                    advice=advice,
                )
            payload: dict[str, Json] = {
                "due_at": due_at,
                "was": due_already,
                **self.privacy.reason(request, reason),
            }
            core.desk.append([request_draft(request, "extend", actor, payload)])
            return core.desk.request(request.id)

    @bounded
    def hold(self, request_id: str, reason: str, actor: str) -> Request:
        """A legal hold: until it is released the request is neither reverted, withdrawn, rejected
        nor shredded.

        Raises:
            Usage: no reason. Conflict: it is held already.
        """
        return self._held(request_id, "hold", reason, actor)

    @bounded
    def release(self, request_id: str, reason: str, actor: str) -> Request:
        """End a legal hold.

        Raises:
            Usage: no reason. Conflict: it is not held.
        """
        return self._held(request_id, "release", reason, actor)

    def _held(self, request_id: str, event: str, reason: str, actor: str) -> Request:
        with self.core.desk.lock:
            self.core.desk.refresh()
            request = self.core.desk.request(request_id)
            if (request.hold is not None) == (event == "hold"):
                raise Conflict(
                    f"{request.id} is {'held already' if event == 'hold' else 'not held'}",
                    advice="`govd request show ID`",
                )
            if not reason.strip():
                raise Usage(f"a {event} needs a reason", advice="Say --reason TEXT.")
            payload = self.privacy.reason(request, reason)
            self.core.desk.append([request_draft(request, event, actor, payload)])
            return self.core.desk.request(request.id)

    # -- policies

    def ballot(
        self, moment: str, request: Request, predicted: Predicted | None, actor: str
    ) -> Ballot:
        """What the policies say to a request when `actor` files or approves it, each under its
        plugin's name; one that fails or answers nonsense lets it wait. `moment`: `filed`, `approve`
        or `revert`; `predicted`: what the request is predicted to do, None for a revert.
        """
        votes = []
        roles = roles_of(actor, list(self.core.desk.views.tokens.values()))
        approvals = approvals_of(request)
        answers = self.core.plugins.asker.each(
            "govd_vote",
            moment=moment,
            request=request,
            predicted={} if predicted is None else predicted.as_json(),
            actor=actor,
            roles=roles,
            approvals=approvals,
        )
        for plugin, answer in answers:
            if isinstance(answer, PluginFault):
                votes.append(Vote("wait", plugin, _failed(answer)))
            else:
                rule = {} if answer.policy == plugin else {"rule": answer.policy}
                inputs = {**rule, **answer.inputs}
                votes.append(Vote(answer.decision, plugin, answer.reason, inputs, answer.needs))
        judged = self.judging.judged(moment, request, predicted, actor, roles, approvals)
        return Ballot(moment, tuple(votes), judged)

    def gates(self, revision: Revision) -> tuple[list[Gate], bool]:
        """What the gates say to an evaluated revision, each under its plugin's name; and whether
        one of them failed.
        """
        answers = self.core.plugins.asker.each("govd_gate", revision=revision)
        gates = [
            (
                Gate("wait", plugin, _failed(answer))
                if isinstance(answer, PluginFault)
                else Gate(answer.decision, plugin, answer.reason)
            )
            for plugin, answer in answers
        ]
        gates += [Gate(v.decision, v.policy, v.reason) for _, v in self.judging.gated(revision)]
        return gates, any(isinstance(answer, PluginFault) for _, answer in answers)


def _of_forget(request: Request) -> Predicted | None:
    """What a request was predicted to do; nothing was of a revert."""
    return request.predicted if request.is_forget else None


def _failed(fault: PluginFault) -> str:
    return f"it failed: {fault.message}"


def approvals_of(request: Request) -> list[Record]:
    """The approvals of a request so far, as JSON, oldest first: those that policies did not find
    enough, and those that were.
    """
    approvals = [*request.get("approvals_held", ()), *request.get("approvals", ())]
    return sorted(approvals, key=lambda approval: int(approval["entry"]))


def verdict(votes: Sequence[Vote], otherwise: str) -> tuple[str, str]:
    """The event that votes lead to (one "deny" wins, then one "wait"), and whose word that is;
    `otherwise` and nothing where all allow.
    """
    for decision in ("deny", "wait"):
        for vote in votes:
            if vote.decision == decision:
                return decision, f"{vote.policy}: {vote.reason}"
    return otherwise, ""


def check_hold(request: Request) -> None:
    """Refuse what a legal hold forbids.

    Raises:
        Denied: the request is under one.
    """
    hold = request.hold
    if hold is not None:
        raise Denied(
            f"it is under a legal hold since {hold.at[:10]} by {spoken(hold.by)}: {hold.reason}",
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
