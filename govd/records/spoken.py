"""What a request's record keeps of what people and policies said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from govd.types import Decision, Json, Needs


@dataclass(frozen=True)
class Approval:
    """That somebody approved. `role`: as which he did; None where the entry does not say.

    `by_filer`: he filed the request himself. `automatic`: the home approved in his name
    (`approval = "self"` in `govd.toml`). `entry`: the number of the entry. `roles`: all that he had
    then; None where the entry does not say. `acting`: for whom he acted beside himself, each with
    `principal`, `roles` and the `entry` of the delegation. `meets`: the policies for whose
    requirements he counted.
    """

    principal: str
    role: str | None
    at: str
    entry: int
    reason: str
    by_filer: bool
    automatic: bool = False
    roles: tuple[str, ...] | None = None
    acting: tuple[Mapping[str, Json], ...] = ()
    meets: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, approval: Mapping[str, Json]) -> Approval:
        """As the record of the request has it."""
        return cls(
            principal=str(approval["principal"]),
            role=approval.get("role"),
            at=str(approval["at"]),
            entry=int(approval["entry"]),
            reason=str(approval["reason"]),
            by_filer=bool(approval["by_filer"]),
            automatic=bool(approval.get("automatic")),
            roles=tuple(approval["roles"]) if "roles" in approval else None,
            acting=tuple(approval.get("for") or ()),
            meets=tuple(approval.get("meets") or ()),
        )


@dataclass(frozen=True)
class RecordedVote:
    """What a policy said. `moment`: when it was asked (`filed`, `approve`, `revert`, …); `version`:
    of its plugin; `inputs`: what it went by; `needs`: what a "wait" waits for; `entry`: the number
    of the entry.
    """

    moment: str
    policy: str
    version: str
    decision: Decision
    reason: str
    inputs: Mapping[str, Json]
    at: str
    entry: int
    needs: Needs | None = None

    @classmethod
    def from_json(cls, vote: Mapping[str, Json]) -> RecordedVote:
        """As the record of the request has it."""
        return cls(
            moment=str(vote.get("moment", "")),
            policy=str(vote["policy"]),
            version=str(vote.get("version", "")),
            decision=vote["decision"],
            reason=str(vote.get("reason", "")),
            inputs=vote.get("inputs", {}),
            at=str(vote["at"]),
            entry=int(vote["entry"]),
            needs=Needs(**vote["needs"]) if vote.get("needs") else None,
        )


@dataclass(frozen=True)
class Hold:
    """A legal hold: since when, by whom, and why."""

    at: str
    by: str
    reason: str

    @classmethod
    def from_json(cls, hold: Mapping[str, Json]) -> Hold:
        """As the record of the request has it."""
        return cls(str(hold["at"]), str(hold["by"]), str(hold["reason"]))


@dataclass(frozen=True)
class Hidden:
    """What the ledger only commits to: `commitment` (SHA-256, salted) to the texts of `fields`."""

    commitment: str
    fields: tuple[str, ...]

    @classmethod
    def from_json(cls, hidden: Mapping[str, Json]) -> Hidden:
        """As the record of the request has it."""
        return cls(str(hidden["commitment"]), tuple(hidden.get("fields", ())))
