"""That nothing was approved without the people that policies asked for: folded from the entries
alone, and compared with each approval.

The daemon counts with the same functions (`govd.records.requirements`); one that was led to believe
something else recorded an approval that they do not find enough. What policies say is believed as
it was recorded: whether an expression comes to that is for who has its text to compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from govd.errors import Conflict, NotFound
from govd.ledger.times import moment
from govd.records.actors import GOVD
from govd.records.changes import Place
from govd.records.fold import fold
from govd.records.people import Filing, People, Principal
from govd.records.record import StoredRecord
from govd.records.requirements import (
    APPROVING,
    Approver,
    Requirement,
    required_by,
    tally,
)

ABOUT_PEOPLE: Final = ("principal.", "token.")
"""How kinds of entries begin that say who is in charge."""
ABOUT_REQUESTS: Final = frozenset(
    f"request.{event}"
    for event in (
        "file",
        "retry",
        "vote",
        "approval",
        "approve",
        "hold",
        "release",
        "release_wanted",
        "extend",
        "extend_wanted",
        "deny",
        "reject",
        "withdraw",
        "revert",
    )
)
ENDS: Final = ("request.deny", "request.reject", "request.withdraw", "request.revert")
SAID: Final = frozenset(
    (
        *("moment", "policy", "decision", "needs", "reason", "due_at", "automatic"),
        *(
            "role",
            "roles",
            "for",
            "name",
            "principal",
            "models",
            "expires_at",
            "to",
            "until",
        ),
    )
)
"""What is read of these entries' payloads."""
SLACK: Final = timedelta(minutes=2)
"""Between looking at who somebody is and the entry: policies are asked in between."""
BY_THEMSELVES: Final = ("policy:", "feed:")
"""How actors begin that are nobody."""


def decision_of(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of an entry decides who may approve and who did; None where it says nothing of that.

    Raises:
        TypeError, AttributeError: its payload is not one of such an entry.
    """
    kind = str(entry["kind"])
    if kind not in ABOUT_REQUESTS and not kind.startswith(ABOUT_PEOPLE):
        return None
    payload = entry["payload"]
    short = {name: payload[name] for name in SAID if name in payload}
    fields = ("seq", "time", "actor", "kind", "subject")
    return {**{name: entry[name] for name in fields}, "payload": short}


@dataclass(slots=True)
class _Request:
    """What was asked and said about one request."""

    filing: Filing
    since: int
    votes: list[dict[str, Any]] = field(default_factory=list)
    approvers: list[Approver] = field(default_factory=list)
    held: int = 0
    wanted: dict[str, list[tuple[str, Approver]]] = field(default_factory=dict)
    extended: int = 0


class Approved:
    """Who approved what, entry after entry. `fault` is told of each approval that is not enough for
    what was asked, and of each that claims a role that nobody gave.

    `whole`: every entry comes by; where some are not shown, roles are believed as they are written.
    """

    def __init__(self, fault: Callable[[str], None], whole: bool = True) -> None:
        self._fault = fault
        self._whole = whole
        self._records: dict[Place, StoredRecord] = {}
        self._requests: dict[str, _Request] = {}
        self._known: People | None = None
        self._counts = False  # whether approvals say roles by now: older ones did not

    def take(self, entry: Mapping[str, Any]) -> None:
        """The next entry, as `decision_of` has it."""
        try:
            self._take(entry)
        except (TypeError, AttributeError, KeyError, ValueError) as error:
            self._fault(f"entry {entry['seq']} is not what its kind has: {error}")

    def _take(self, entry: Mapping[str, Any]) -> None:
        kind = str(entry["kind"])
        subject = str(entry["subject"])
        if kind.startswith(ABOUT_PEOPLE):
            self._people_changed(entry)
        elif kind == "request.file":
            filing = Filing(str(entry["actor"]), int(entry["seq"]), str(entry["time"]))
            self._requests[subject] = _Request(filing, filing.entry)
        elif subject in self._requests:
            self._changed(self._requests[subject], entry)
            if kind in ENDS:
                del self._requests[subject]

    def _people_changed(self, entry: Mapping[str, Any]) -> None:
        try:
            changes = fold(entry, lambda noun, key: self._records.get((noun, key)))
        except (Conflict, NotFound) as error:
            if self._whole:
                self._fault(f"entry {entry['seq']} cannot be: {error.message}")
            return
        self._records.update(changes.records)
        self._known = None

    def _people(self) -> People:
        """Who is in charge by the entries so far."""
        if self._known is None:
            records = self._records.items()
            principals = [
                Principal.from_json(r)
                for (noun, _), r in records
                if noun == "principal"
            ]
            self._known = People.of(
                principals, [r for (noun, _), r in records if noun == "token"]
            )
        return self._known

    def _changed(self, request: _Request, entry: Mapping[str, Any]) -> None:
        kind = str(entry["kind"])
        payload = entry["payload"]
        seq = int(entry["seq"])
        if kind == "request.vote":
            vote = {"moment": "", "policy": "", "decision": "", **payload, "entry": seq}
            request.votes.append(vote)
        elif kind == "request.retry":
            request.since = seq
        elif kind == "request.hold":
            request.held, request.wanted["release"] = seq, []
        elif kind == "request.approval":
            request.approvers.append(self._approver(entry))
        elif kind in ("request.release_wanted", "request.extend_wanted"):
            act = kind.partition(".")[2].removesuffix("_wanted")
            words = request.wanted.setdefault(act, [])
            words.append((str(payload.get("due_at")), self._approver(entry)))
        elif kind == "request.approve":
            self._check_approved(request, entry)
        elif kind == "request.release":
            earlier = [approver for _, approver in request.wanted.pop("release", ())]
            self._check(request, entry, frozenset({"release"}), request.held, earlier)
            request.held = 0
        elif kind == "request.extend":
            due_at = str(payload.get("due_at"))
            earlier = [
                a for date, a in request.wanted.pop("extend", ()) if date == due_at
            ]
            since = request.extended or request.filing.entry
            self._check(request, entry, frozenset({"extend"}), since, earlier)
            request.extended = seq

    def _approver(self, entry: Mapping[str, Any]) -> Approver:
        """An approval as it counts; roles that nobody gave are a fault."""
        payload = entry["payload"]
        approver = Approver.from_json(
            {**payload, "principal": entry["actor"], "entry": entry["seq"]}
        )
        if "roles" in payload:
            self._counts = True
            if self._whole:
                self._check_roles(approver, entry)
        return approver

    def _check_roles(self, approver: Approver, entry: Mapping[str, Any]) -> None:
        people = self._people()
        time = _before(str(entry["time"]))
        strange = approver.roles - set(people.roles(approver.actor, time))
        acting = {
            person.principal: set(person.roles)
            for person in people.acting(approver.actor, time)
        }
        for principal, roles in approver.acting.items():
            strange |= {
                f"{role} of {principal}"
                for role in roles - acting.get(principal, set())
            }
        if strange:
            self._fault(
                f"entry {entry['seq']} says that {approver.actor} had the role"
                f" {', '.join(sorted(strange))}, which no entry before it gives him"
            )

    def _check_approved(self, request: _Request, entry: Mapping[str, Any]) -> None:
        approver = self._approver(entry)
        request.approvers.append(approver)
        is_automatic = bool(entry["payload"].get("automatic"))
        self._check(
            request, entry, APPROVING, request.since, request.approvers, is_automatic
        )
        request.since = int(entry["seq"])
        request.votes = [v for v in request.votes if v["moment"] not in APPROVING]
        request.approvers = []

    def _check(
        self,
        request: _Request,
        entry: Mapping[str, Any],
        moments: frozenset[str],
        since: int,
        approvers: list[Approver],
        is_automatic: bool = False,
    ) -> None:
        """That an act was enough for what was asked about it."""
        if moments is not APPROVING:
            approvers = [*approvers, self._approver(entry)]
        requirements = required_by(request.votes, since, moments)
        if not requirements:
            return
        approvers = [a for a in approvers if a.entry is None or a.entry > since]
        says_roles = "roles" in entry["payload"]
        for requirement in requirements:
            problem = ""
            actor = str(entry["actor"])
            if is_automatic or actor == GOVD or actor.startswith(BY_THEMSELVES):
                problem = f"by nobody: {_asked(requirement)}"
            elif requirement.needs is not None and (says_roles or self._counts):
                counted = tally(requirement, approvers, request.filing, self._people())
                problem = "" if counted.is_met else counted.sentence()
            if problem:
                act = str(entry["kind"]).partition(".")[2]
                self._fault(
                    f"entry {entry['seq']} ({act}) is without what was asked of people for"
                    f" {entry['subject']}: {problem}"
                )


def _asked(requirement: Requirement) -> str:
    needs = requirement.needs
    return f"{requirement.policy}: {'a person' if needs is None else needs}"


def _before(time: str) -> str:
    """A little before a time; the time itself where it is none."""
    try:
        return str(moment((datetime.fromisoformat(time) - SLACK).isoformat(), "time"))
    except ValueError:
        return time
