"""How past requests were decided, and how they would have been with another policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from govd.policies.outcomes import Outcome
from govd.records.lifecycle import RequestState
from govd.records.request import Request


def decided_then(request: Request, at: str) -> str:
    """What the votes at a moment came to: `allow`, `wait` or `deny`."""
    return _strongest(_votes(request, at)) or (
        "wait" if _left_to_people(request) else "allow"
    )


def decided_with(
    request: Request, at: str, outcome: Outcome, people_approve: bool
) -> str:
    """What they would have come to with what a policy says now, in the place of what a text of its
    name said then.

    `people_approve`: whether people approve in this home what no policy holds up; asked where what
    happened then does not tell.
    """
    votes = _votes(request, at)
    other_votes = [vote for vote in votes if vote["policy"] != outcome.name]
    strongest = _strongest([*other_votes, {"decision": outcome.decision}])
    if strongest:
        return strongest
    by_itself = outcome.decision == "allow" or any(
        _approves(vote) for vote in other_votes
    )
    tells = len(other_votes) == len(votes)
    waits = _left_to_people(request) if tells else people_approve
    return "wait" if waits and not by_itself else "allow"


def _votes(request: Request, at: str) -> list[Mapping[str, Any]]:
    return [vote for vote in request["votes"] if vote.get("moment") == at]


def _strongest(votes: Sequence[Mapping[str, Any]]) -> str:
    """The word that wins, empty where nothing holds it up."""
    decisions = {vote["decision"] for vote in votes}
    return next(
        (decision for decision in ("deny", "wait") if decision in decisions), ""
    )


def _approves(vote: Mapping[str, Any]) -> bool:
    """Whether a vote is that of a policy of the ledger that approves by itself."""
    return vote["decision"] == "allow" and bool(vote.get("digest"))


def _left_to_people(request: Request) -> bool:
    """Whether it was left to people though no vote said so."""
    if request.state in (RequestState.WAITING, RequestState.REJECTED):
        return True
    approvals = request.approvals
    return bool(approvals) and not any(approval.automatic for approval in approvals)
