"""Asking plugins and policies: their votes on a request, their gates on a revision. A fault or
nonsense of a plugin counts as "wait".

Proven by `tests/plugins/test_hostile.py`, `tests/policies/test_policies.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from govd.errors import PluginFault
from govd.ledger.times import now
from govd.models.core import Core
from govd.policies.ballots import Ballot
from govd.policies.judging import Judging
from govd.records.predicted import Predicted
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Gate, Record, Vote


class Voting:
    """What plugins and policies say to requests and revisions. Nothing is written."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.judging = Judging(core)

    def ballot(
        self, moment: str, request: Request, predicted: Predicted | None, actor: str
    ) -> Ballot:
        """What the policies say to a request when `actor` files or approves it, each under its
        plugin's name; one that fails or answers nonsense lets it wait. `moment`: `filed`, `approve`
        or `revert`; `predicted`: what the request is predicted to do, None for a revert.
        """
        votes = []
        people = self.core.desk.views.people()
        time = now()
        roles = people.roles(actor, time)
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
                votes.append(
                    Vote(
                        decision=answer.decision,
                        policy=plugin,
                        reason=answer.reason,
                        inputs=inputs,
                        needs=answer.needs,
                    )
                )
        judged = self.judging.judged(
            moment, request, predicted, actor, roles, approvals
        )
        late = None
        if moment == "approve":
            filer_roles = people.roles(request.filed_by, time)
            late = self.judging.late(request, predicted, filer_roles)
        versions = {p.name: p.version for p in self.core.plugins.known}
        return Ballot(moment, tuple(votes), judged, late, versions)

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
        gates += [
            Gate(v.decision, v.policy, v.reason)
            for _, v in self.judging.gated(revision)
        ]
        return gates, any(isinstance(answer, PluginFault) for _, answer in answers)


def _failed(fault: PluginFault) -> str:
    return f"it failed: {fault.message}"


def approvals_of(request: Request) -> list[Record]:
    """The approvals of a request so far, as JSON, oldest first: those that policies did not find
    enough, and those that were.
    """
    approvals = [*request.get("approvals_held", ()), *request.get("approvals", ())]
    return sorted(approvals, key=lambda approval: int(approval["entry"]))


def verdict(votes: Sequence[Vote], otherwise: str) -> tuple[str, str]:
    """The event that votes lead to (one "deny" wins, then one "wait"), and whose word that is, with
    the people whom it needs; `otherwise` and nothing where all allow.
    """
    for decision in ("deny", "wait"):
        objections = [_objection(vote) for vote in votes if vote.decision == decision]
        if objections:
            return decision, "; ".join(objections)
    return otherwise, ""


def _objection(vote: Vote) -> str:
    needs = "" if vote.needs is None else f" (needs {vote.needs})"
    return f"{vote.policy}: {vote.reason}{needs}"
