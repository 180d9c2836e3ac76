"""What policies say to an input: the one function behind a live decision, a test on past requests
and a replay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from govd.errors import BadFile
from govd.policies.document import read
from govd.policies.effects import Effect
from govd.policies.language import evaluated
from govd.policies.names import hidden_fault, hidden_reads
from govd.records.policy import SHOWN_DIGITS, Mode
from govd.types import Decision, Json, Needs, Vote

Result = Literal["true", "false", "fault"]
FAULT: Final = "it could not be decided"


@dataclass(frozen=True)
class Asked:
    """A policy that is asked: its name, its text, its digest, and whether what it says counts."""

    name: str
    text: str
    digest: str
    mode: Mode


@dataclass(frozen=True)
class Outcome:
    """What one policy came to. `result`: of its expression; `fault`: why it has none. `effect`:
    what follows, None where nothing does.
    """

    name: str
    digest: str
    version: str
    mode: Mode
    result: Result
    effect: Effect | None
    message: str
    fault: str = ""

    @property
    def actor(self) -> str:
        """As which the policy acts and votes."""
        return f"policy:{self.name}@{shown_digest(self.digest)}"

    @property
    def counts(self) -> bool:
        """Whether it is enforced, so that something follows."""
        return self.mode is Mode.ENFORCE and self.effect is not None

    @property
    def decision(self) -> Decision | None:
        """Of an effect that is a vote."""
        kind = None if self.effect is None else self.effect.kind
        return kind if kind in ("allow", "deny", "wait") else None

    @property
    def reason(self) -> str:
        """A sentence for the people who read why."""
        if self.result == "fault":
            return f"{FAULT}: {self.fault}"
        return self.message or "its expression is true"

    def as_vote(self) -> Vote | None:
        """The vote of one that is enforced; None where it says nothing."""
        if not self.counts or self.effect is None or self.decision is None:
            return None
        return Vote(
            decision=self.decision,
            policy=self.name,
            reason=self.reason,
            inputs={},
            needs=self.effect.needs,
        )

    def as_json(self) -> dict[str, Json]:
        """As the entry of the decision keeps it."""
        effect = self.effect
        record: dict[str, Json] = {
            "policy": self.name,
            "digest": self.digest,
            "version": self.version,
            "mode": self.mode.value,
            "result": self.result,
            "effect": None if effect is None else effect.kind,
        }
        if effect is not None:
            record["message"] = self.reason
            record |= _details(effect)
        return record


def _details(effect: Effect) -> dict[str, Json]:
    details: dict[str, Json] = {}
    if effect.needs is not None:
        details["needs"] = effect.needs.as_json()
    if effect.due_seconds is not None:
        details["due_seconds"] = effect.due_seconds
    if effect.expires_seconds is not None:
        details["expires_seconds"] = effect.expires_seconds
    return details


def outcomes_of(
    asked: Sequence[Asked], moment: str, seen: Mapping[str, Json]
) -> list[Outcome]:
    """What each policy says at a moment to an input, in their order.

    `seen`: the variables of the moment as JSON, as `inputs` describes them and the entry of the
    decision keeps them. A pure function of its arguments.
    """
    return [_outcome(policy, moment, seen) for policy in asked]


def _outcome(policy: Asked, moment: str, seen: Mapping[str, Json]) -> Outcome:
    try:
        document = read(policy.text)
    except BadFile as error:  # written for another version of govd
        return _faulty(policy, "", error.message)
    hidden = (
        hidden_reads(document.when) if seen.get("request", {}).get("private") else ()
    )
    if hidden:
        return _faulty(policy, document.version, hidden_fault(hidden))
    answer = evaluated(document.when, moment, seen)
    if answer.value is None:
        return _faulty(policy, document.version, answer.fault)
    result: Result = "true" if answer.value else "false"
    effect = document.effect if answer.value else None
    return Outcome(
        name=policy.name,
        digest=policy.digest,
        version=document.version,
        mode=policy.mode,
        result=result,
        effect=effect,
        message=document.message,
    )


def _faulty(policy: Asked, version: str, fault: str) -> Outcome:
    """Whatever has no answer lets wait, and never anything else."""
    waits = Effect("wait")
    return Outcome(
        name=policy.name,
        digest=policy.digest,
        version=version,
        mode=policy.mode,
        result="fault",
        effect=waits,
        message="",
        fault=fault,
    )


def shown_digest(digest: str) -> str:
    """The beginning of a digest, as actors and tables have it."""
    return digest[:SHOWN_DIGITS]


def needs_of(told: Mapping[str, Json]) -> Needs | None:
    """The people whom an outcome, as its entry keeps it, waits for."""
    return Needs(**told["needs"]) if told.get("needs") else None
