"""What policies asked of people, and whether their approvals meet it. Pure: the same functions
decide while a home runs and when a ledger is verified from its entries.

A vote that waits and says what it needs is a requirement until the same policy votes again or the
request is looked at anew. Each requirement is met by itself: n people, each of whom approved, and
each in a role of his own or in that of somebody who let him act for him; nobody's role counts
twice. One approval may serve several requirements.

Proven by `tests/records/test_requirements.py`, `tests/requests/test_four_eyes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from govd.records.actors import TOKEN_ROLES, person_of
from govd.records.people import Filing, People
from govd.types import Json, Needs

APPROVING: Final = frozenset({"filed", "revert", "expire", "approve"})
"""Moments whose votes an approval must meet."""
LOOKED_AT: Final = frozenset({"filed", "revert", "expire"})
"""Those of them at which nobody has approved yet."""


@dataclass(frozen=True)
class Requirement:
    """What a policy waits for. `needs`: None where one person's approval is enough; `entry`: of the
    vote, None where it is not recorded yet.
    """

    policy: str
    moment: str
    reason: str
    needs: Needs | None
    entry: int | None = None


@dataclass(frozen=True)
class Approver:
    """An approval as it counts: who, in which roles of his own, and for whom in which roles.
    `entry`: its number, None for the one that is being given.
    """

    actor: str
    roles: frozenset[str]
    acting: Mapping[str, frozenset[str]]
    entry: int | None = None

    @classmethod
    def from_json(cls, approval: Mapping[str, Any]) -> Approver:
        """As the record of the request has it (or, with `principal` and `entry`, the entry)."""
        acting = {
            str(person["principal"]): frozenset(map(str, person["roles"]))
            for person in approval.get("for") or ()
        }
        return cls(
            str(approval["principal"]),
            frozenset(map(str, approval.get("roles") or ())),
            acting,
            approval.get("entry"),
        )


@dataclass(frozen=True)
class Tally:
    """How far approvals meet a requirement. `counted`: the actors that count, in the order of their
    approvals; `seats`: of each of them the person in whose role he counts.
    """

    requirement: Requirement
    counted: tuple[str, ...]
    seats: Mapping[str, str]

    @property
    def is_met(self) -> bool:
        """Whether enough people approved."""
        needs = self.requirement.needs
        return needs is None or len(self.counted) >= needs.n

    def counts(self, actor: str) -> bool:
        """Whether somebody is among those who count."""
        person = person_of(actor)
        return person is not None and person in map(person_of, self.counted)

    def sentence(self) -> str:
        """What is needed and who counts so far: `2 people with the role legal, not the filer; 1 of
        2 so far (principal:ann)`.
        """
        needs = self.requirement.needs or Needs()
        people = (
            ", ".join(actor.removeprefix("principal:") for actor in self.counted)
            or "nobody"
        )
        return (
            f"{self.requirement.policy}: {needs}; {len(self.counted)} of {needs.n} so far"
            f" ({people})"
        )

    def as_json(self) -> dict[str, Json]:
        """For records that say what is still needed."""
        needs = self.requirement.needs or Needs()
        return {
            "policy": self.requirement.policy,
            **needs.as_json(),
            "reason": self.requirement.reason,
            "approved": list(self.counted),
            "missing": max(0, needs.n - len(self.counted)),
        }


def required_by(
    votes: Iterable[Mapping[str, Any]], since: int, moments: frozenset[str] = APPROVING
) -> list[Requirement]:
    """What policies wait for, by the newest vote of each after entry `since`, in the order of their
    first votes. A wait without needs that is said to one approval concerns that one alone.

    `votes`: as the record of a request has them.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    for vote in votes:
        if int(vote["entry"]) > since and vote.get("moment") in moments:
            newest[str(vote["policy"])] = vote
    return [
        Requirement(
            policy=policy,
            moment=str(vote["moment"]),
            reason=str(vote.get("reason", "")),
            needs=needs_of(vote),
            entry=int(vote["entry"]),
        )
        for policy, vote in newest.items()
        if vote["decision"] == "wait"
        and (vote.get("needs") or vote["moment"] in LOOKED_AT)
    ]


def needs_of(vote: Mapping[str, Any]) -> Needs | None:
    """What a recorded vote needs, where it says so."""
    needs = vote.get("needs")
    if not needs:
        return None
    return Needs(int(needs["n"]), needs.get("role"), bool(needs.get("not_filer")))


def tally(
    requirement: Requirement,
    approvers: Sequence[Approver],
    filing: Filing,
    people: People,
) -> Tally:
    """Who counts for a requirement among those who approved: as many as can, each with a seat.

    Args:
        requirement: what is needed.
        approvers: the approvals since the request was looked at last, oldest first.
        filing: who filed the request, and when.
        people: who is in charge now.
    """
    needs = requirement.needs
    if needs is None:
        return Tally(requirement, (), {})
    seats: dict[str, list[str]] = {}
    spoken: dict[str, str] = {}
    for approver in approvers:
        person = person_of(approver.actor)
        if person is None or not _may_sit(person, approver, needs, filing, people):
            continue
        spoken.setdefault(person, approver.actor)
        seats.setdefault(person, []).extend(
            seat
            for seat in _seats(person, approver, needs)
            if _may_sit(seat, approver, needs, filing, people)
        )
    matched = matching(seats)
    counted = [person for person in seats if person in matched]
    return Tally(
        requirement,
        tuple(spoken[person] for person in counted),
        {spoken[person]: matched[person] for person in counted},
    )


def _may_sit(
    person: str, approver: Approver, needs: Needs, filing: Filing, people: People
) -> bool:
    """Whether an approval can count for a person: not where he was removed since, nor where he may
    be who filed.
    """
    if approver.entry is not None and people.is_gone(person, approver.entry):
        return False
    return not (needs.not_filer and people.is_filer(person, filing))


def _seats(person: str, approver: Approver, needs: Needs) -> list[str]:
    """Whose role an approval can stand for: his own first."""
    if needs.role is None:
        return [person]
    himself = [person] if needs.role in approver.roles else []
    represented = [
        str(person_of(p)) for p, roles in approver.acting.items() if needs.role in roles
    ]
    return himself + represented


def matching(seats: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """A seat for as many people as can have one, none twice: a largest matching (augmenting paths,
    in the order of the people and of their seats).
    """
    person_at: dict[str, str] = {}

    def seated(person: str, tried: set[str]) -> bool:
        for seat in seats[person]:
            if seat in tried:
                continue
            tried.add(seat)
            if seat not in person_at or seated(person_at[seat], tried):
                person_at[seat] = person
                return True
        return False

    for person in seats:
        seated(person, set())
    return {person: seat for seat, person in person_at.items()}


def role_of(tallies: Sequence[Tally], approver: Approver) -> str | None:
    """As what somebody approved: the role of the first requirement for which he counts, else the
    first of those that he has.
    """
    for tally in tallies:
        needs = tally.requirement.needs
        if (
            needs is not None
            and needs.role is not None
            and tally.counts(approver.actor)
        ):
            return needs.role
    ranked = [role for role in TOKEN_ROLES if role in approver.roles]
    return ranked[0] if ranked else min(approver.roles, default=None)
