"""Whether everything that was approved had its votes and its people, from exported entries alone.

This is written from what the entries are documented to say, and shares no code with govd: what it
finds is a second opinion on what `govd audit verify` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Entry = Mapping[str, Any]
FIRST = ("filed", "revert", "expire")
"""Moments at which nobody has approved yet: a wait is then for at least one person."""
DECIDED = ("request.approve", "request.wait", "request.deny")


def person(actor: str) -> str | None:
    """Who acts: the owner and the accounts of his machine are one; policies and feeds nobody."""
    if actor == "owner" or actor.startswith("local:"):
        return "owner"
    return actor.casefold() if actor.startswith("principal:") else None


@dataclass
class Subject:
    """What the entries say of one request so far."""

    filer: str
    kind: str
    reverts: str | None
    votes: dict[str, Entry] = field(default_factory=dict)
    approvals: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    approved: bool = False
    held: bool = False
    fresh: list[Entry] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    looked_at: bool = False

    @property
    def first(self) -> str:
        """The moment at which it is looked at first."""
        return "filed" if self.kind == "forget" else "revert"


class Proof:
    """Reads entries in order; `faults` has what should not be."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.subjects: dict[str, Subject] = {}
        self.in_force: set[str] = set()
        self.given: dict[str, set[str]] = {}
        self.tokens: dict[str, tuple[str, str]] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.frozen = False
        self.read = 0

    def take(self, entries: Iterable[Entry]) -> Proof:
        """Go on with further entries."""
        for entry in entries:
            if entry["seq"] != self.read:
                self._fault(entry, f"comes after {self.read - 1}")
            self.read = int(entry["seq"]) + 1
            self._take(entry)
        return self

    def _fault(self, entry: Entry, what: str) -> None:
        self.faults.append(f"{entry['seq']} {entry['kind']} {entry['subject']}: {what}")

    def _take(self, entry: Entry) -> None:
        kind, subject = str(entry["kind"]), str(entry["subject"])
        noun = kind.partition(".")[0]
        if noun in ("principal", "token"):
            self._people(entry)
        elif noun == "policy":
            self._policy(entry)
        elif kind == "request.file":
            said = entry["payload"]
            self.subjects[subject] = Subject(
                entry["actor"], said["kind"], said.get("reverts")
            )
            self._check_thawed(entry)
        elif noun == "request" and subject in self.subjects:
            self._request(entry, self.subjects[subject])

    def _check_thawed(self, entry: Entry) -> None:
        if self.frozen and str(entry["actor"]).startswith(("policy:", "feed:")):
            self._fault(entry, f"{entry['actor']} acts by itself while that is frozen")

    # -- people

    def _people(self, entry: Entry) -> None:
        kind, subject, said = entry["kind"], str(entry["subject"]), entry["payload"]
        who = (
            "owner"
            if subject.casefold() == "owner"
            else f"principal:{subject.casefold()}"
        )
        if kind in ("principal.add", "principal.update"):
            self.given[who] = set(said["roles"])
        elif kind == "principal.remove":
            self.given.pop(who, None)
        elif kind == "token.create":
            holder = str(said.get("principal") or said["name"]).casefold()
            self.tokens[subject] = (f"principal:{holder}", said["role"])
        elif kind == "token.revoke":
            self.tokens.pop(subject, None)

    def roles(self, who: str) -> set[str]:
        """The roles that somebody has by the entries so far."""
        held = {role for holder, role in self.tokens.values() if holder == who}
        return (
            held | self.given.get(who, set()) | ({"owner"} if who == "owner" else set())
        )

    # -- policies

    def _policy(self, entry: Entry) -> None:
        kind, subject, said = entry["kind"], str(entry["subject"]), entry["payload"]
        if kind == "policy.add":
            self.policies[said["digest"]] = {
                "name": subject,
                "mode": said["mode"],
                "moments": said["moments"],
            }
        elif kind == "policy.enforce":
            for digest in said["replaces"]:
                self.policies[digest]["mode"] = "off"
            self.policies[said["digest"]]["mode"] = "enforce"
        elif kind == "policy.shadow":
            self.policies[said["digest"]]["mode"] = "shadow"
        elif kind == "policy.disable":
            self.policies[said["digest"]]["mode"] = "off"
        elif kind in ("policy.freeze", "policy.unfreeze"):
            self.frozen = kind == "policy.freeze"
        elif kind == "policy.decide":
            self._decided(entry)

    def _asked(self, moment: str) -> dict[str, str]:
        """Digest and mode of each policy that is to be asked at a moment."""
        return {
            digest: policy["mode"]
            for digest, policy in self.policies.items()
            if moment in policy["moments"] and policy["mode"] != "off"
        }

    def _decided(self, entry: Entry) -> None:
        moment, outcomes = entry["payload"]["moment"], entry["payload"]["outcomes"]
        if moment not in ("filed", "revert", "approve"):
            return
        told = {outcome["digest"]: outcome["mode"] for outcome in outcomes}
        subject = self.subjects[str(entry["subject"])]
        wanted = self._asked(moment)
        if moment == subject.first and subject.looked_at:  # those that came after it
            wanted = {
                d: m
                for d, m in wanted.items()
                if m == "enforce" and d not in subject.asked
            }
        if told != wanted:
            self._fault(entry, f"to be asked were {wanted}, not {told}")
        subject.fresh.append(entry)
        if moment == subject.first:
            subject.asked |= {
                digest for digest, mode in told.items() if mode == "enforce"
            }

    # -- requests

    def _request(self, entry: Entry, subject: Subject) -> None:
        event = str(entry["kind"]).partition(".")[2]
        said = entry["payload"]
        if event == "vote":
            subject.votes[said["policy"]] = entry
            subject.fresh.append(entry)
        elif event == "retry":
            subject.votes, subject.approvals, subject.approved = {}, [], False
            subject.asked, subject.looked_at = set(), False
        elif event in ("hold", "release"):
            subject.held = event == "hold"
        elif event in ("approval", "approve"):
            self._approval(entry, subject)
        elif event in ("withdraw", "reject") and subject.held:
            self._fault(entry, "under a legal hold")
        elif event == "publish":
            self._published(entry, subject)
        elif event == "revert":
            self._reverted(entry, subject)
        if entry["kind"] in DECIDED:
            self._check_votes(entry, subject)
            subject.fresh, subject.looked_at = [], True

    def _approval(self, entry: Entry, subject: Subject) -> None:
        who = person(str(entry["actor"]))
        roles = set(entry["payload"].get("roles") or ())
        if who is not None:
            strange = roles - self.roles(who)
            if strange:
                self._fault(entry, f"{who} has not the role {sorted(strange)}")
            subject.approvals.append((who, frozenset(roles)))
        if entry["kind"] == "request.approve":
            self._check_thawed(entry)
            automatic = bool(entry["payload"].get("automatic"))
            self._check_people(entry, subject, None if automatic else who)
            subject.approved, subject.approvals = True, []

    def _check_people(self, entry: Entry, subject: Subject, who: str | None) -> None:
        for name, vote in subject.votes.items():
            said, is_new = vote["payload"], vote in subject.fresh
            needs, decision, moment = (
                said.get("needs"),
                said["decision"],
                said["moment"],
            )
            if decision == "deny" and (is_new or moment in FIRST):
                self._fault(entry, f"{name} denied it")
            elif decision == "wait" and not needs and (moment in FIRST or is_new):
                if who is None or moment == "approve":
                    self._fault(entry, f"{name} waits for a person")
            elif decision == "wait" and needs:
                people = self._counted(subject, needs)
                if len(people) < needs["n"]:
                    self._fault(entry, f"{name} needs {needs}: {sorted(people)}")

    @staticmethod
    def _counted(subject: Subject, needs: Mapping[str, Any]) -> set[str]:
        role, filer = needs.get("role"), person(subject.filer)
        return {
            who
            for who, roles in subject.approvals
            if (role is None or role in roles)
            and not (needs.get("not_filer") and who == filer)
        }

    def _check_votes(self, entry: Entry, subject: Subject) -> None:
        """Each enforced policy that was asked just now and said something has voted so; and what is
        approved was said to all of them.
        """
        enforced = {
            d for d, mode in self._asked(subject.first).items() if mode == "enforce"
        }
        if entry["kind"] == "request.approve" and enforced - subject.asked:
            names = sorted(
                self.policies[digest]["name"] for digest in enforced - subject.asked
            )
            self._fault(entry, f"{', '.join(names)} were not asked")
        voted = {
            e["payload"].get("digest"): e
            for e in subject.fresh
            if "policy" in e["payload"]
        }
        for decision in subject.fresh:
            for outcome in decision["payload"].get("outcomes", ()):
                counts = outcome["mode"] == "enforce" and outcome["effect"] in (
                    "allow",
                    "deny",
                    "wait",
                )
                vote = voted.get(outcome["digest"])
                if counts and (
                    vote is None or vote["payload"]["decision"] != outcome["effect"]
                ):
                    self._fault(
                        entry, f"{outcome['policy']} has no vote {outcome['effect']}"
                    )

    def _published(self, entry: Entry, subject: Subject) -> None:
        if not subject.approved:
            self._fault(entry, "was not approved")
        if subject.kind == "forget":
            self.in_force.add(str(entry["subject"]))

    def _reverted(self, entry: Entry, subject: Subject) -> None:
        if subject.held:
            self._fault(entry, "under a legal hold")
        self.in_force.discard(str(entry["subject"]))
        reverts = [s for s in self.subjects.values() if s.reverts == entry["subject"]]
        if not any(revert.approved for revert in reverts):
            self._fault(entry, "none of its reverts was approved")
