"""Whether what people say is enough for what policies asked: of an approval, and of acts that need
several people to ask for the same.

Proven by `tests/requests/test_four_eyes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from govd.ledger.times import now
from govd.records.lifecycle import RequestState
from govd.records.people import Filing, People
from govd.records.request import Request
from govd.records.requirements import (
    APPROVING,
    Approver,
    Tally,
    required_by,
    role_of,
    tally,
)
from govd.types import Json, Vote

NAMED = 20
"""People who could approve and are named."""
TO_COME = 2**62
"""The number of an entry that is not appended yet."""


@dataclass(frozen=True)
class Act:
    """What somebody wants to do, and what counts for it: votes of `moments` and what people said
    (`earlier`: approvals as records have them) since entry `since`.
    """

    request: Request
    moments: frozenset[str]
    since: int
    earlier: tuple[Mapping[str, Json], ...]


@dataclass(frozen=True)
class Outcome:
    """What follows: the `event` (`deny`, `wait`, or empty where all is met) and whose objection it
    is; `words`: what the entry says of the person: `role`, `roles`, `for`, `meets`.
    """

    event: str
    objection: str
    words: Mapping[str, Json] = field(default_factory=dict)


def approval_of(request: Request) -> Act:
    """The approval of a request."""
    since = request.asked_from
    approvals = [*request.get("approvals_held", ()), *request["approvals"]]
    earlier = sorted(
        (a for a in approvals if a["entry"] > since), key=lambda a: int(a["entry"])
    )
    return Act(request, APPROVING, since, tuple(earlier))


def release_of(request: Request) -> Act:
    """The end of a legal hold."""
    wishes = tuple(wish for wish in request.wanted if wish["act"] == "release")
    since = int((request["held"] or {}).get("entry", request.seq))
    return Act(request, frozenset({"release"}), since, wishes)


def extension_of(request: Request, due_at: str) -> Act:
    """More time, until `due_at`."""
    wishes = tuple(
        wish
        for wish in request.wanted
        if wish["act"] == "extend" and wish["due_at"] == due_at
    )
    since = max((int(e["entry"]) for e in request["extensions"]), default=request.seq)
    return Act(request, frozenset({"extend"}), since, wishes)


def weighed(
    act: Act, moment: str, votes: Sequence[Vote], actor: str, people: People
) -> Outcome:
    """What follows from what policies say now, what they asked before, and who said so already, if
    `actor` says so, too.

    Args:
        act: what he wants to do.
        moment: when the policies were asked.
        votes: what they said then; they are not recorded yet.
        actor: who wants it.
        people: who is in charge.
    """
    approver = approver_of(actor, people, now())
    tallies = tallied(act, people, [_line(vote, moment) for vote in votes], [approver])
    words: dict[str, Json] = {
        "role": role_of(tallies, approver),
        "roles": sorted(approver.roles),
        "meets": [tally.requirement.policy for tally in tallies if tally.counts(actor)],
    }
    acting = people.acting(actor, now())
    if acting:
        words["for"] = [tally.as_json() for tally in acting]
    for decision in ("deny", "wait"):
        for vote in votes:
            if vote.decision == decision and vote.needs is None:
                return Outcome(decision, f"{vote.policy}: {vote.reason}", words)
    unmet = [tally.sentence() for tally in tallies if not tally.is_met]
    return Outcome("wait" if unmet else "", "; ".join(unmet), words)


def approver_of(actor: str, people: People, time: str) -> Approver:
    """The `actor` with the roles that he has, by `people`, at a time."""
    acting = {
        person.principal: frozenset(person.roles)
        for person in people.acting(actor, time)
    }
    return Approver(actor, frozenset(people.roles(actor, time)), acting)


def tallied(
    act: Act,
    people: People,
    votes: Sequence[Mapping[str, Json]] = (),
    approvers: Sequence[Approver] = (),
) -> list[Tally]:
    """How far each requirement of `act` is met, `people` being in charge. `votes`, `approvers`:
    beside those that are recorded.
    """
    recorded = [Approver.from_json(approval) for approval in act.earlier]
    filing = Filing(act.request.filed_by, act.request.seq, act.request.filed_at)
    requirements = required_by([*act.request["votes"], *votes], act.since, act.moments)
    return [
        tally(requirement, [*recorded, *approvers], filing, people)
        for requirement in requirements
    ]


def needed(request: Request, people: People) -> list[dict[str, Json]]:
    """What a request still needs of people: each requirement that is not met, who counts so far
    (`approved`) and who could (`could`); `act`: what it is for.
    """
    acts: list[tuple[str, Act]] = []
    if request.state is RequestState.WAITING:
        acts.append(("approve", approval_of(request)))
    if request.hold is not None:
        acts.append(("release", release_of(request)))
    dates = {str(wish["due_at"]) for wish in request.wanted if wish["act"] == "extend"}
    acts += [("extend", extension_of(request, due_at)) for due_at in sorted(dates)]
    records = []
    for name, act in acts:
        for of_policy in tallied(act, people):
            if not of_policy.is_met:
                could = _could(act, of_policy, people)
                records.append({"act": name, **of_policy.as_json(), "could": could})
    return records


def _could(act: Act, unmet: Tally, people: People) -> list[str]:
    """Who would count beside those who do."""
    time = now()
    policy = unmet.requirement.policy
    could = []
    for actor in people.actors(time):
        with_him = tallied(act, people, approvers=[approver_of(actor, people, time)])
        counted = next(
            tally for tally in with_him if tally.requirement.policy == policy
        ).counted
        if len(counted) > len(unmet.counted):
            could.append(actor)
        if len(could) == NAMED:
            break
    return could


def _line(vote: Vote, moment: str) -> dict[str, Json]:
    """A vote as records have it."""
    return {
        "policy": vote.policy,
        "moment": moment,
        "decision": vote.decision,
        "reason": vote.reason,
        "needs": None if vote.needs is None else vote.needs.as_json(),
        "entry": TO_COME,
    }
