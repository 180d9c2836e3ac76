"""A request as the entries about it leave it: a forget, or the revert of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from govd.records.coverage import scope_of
from govd.records.criteria import CriteriaSet, Criterion
from govd.records.lifecycle import (
    REQUEST_STATES,
    STANDING,
    WANTED,
    Kind,
    RequestState,
    is_final,
)
from govd.records.predicted import Predicted
from govd.records.record import StoredRecord
from govd.records.spoken import Approval, Hidden, Hold, RecordedVote
from govd.types import Concept, ForgetSpec, Json, Record, Scope


@dataclass(frozen=True, eq=False)
class Request(StoredRecord):
    """A forget or a revert. Times are RFC 3339 in UTC; `…_at` are the times of the entries that
    made it so, None while there is none.
    """

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits, `5d0c2f1e9a7b`."""
        return str(self._json["id"])

    @cached_property
    def model(self) -> str:
        """The name of the model that it is about."""
        return str(self._json["model"])

    @property
    def kind(self) -> Kind:
        """`forget` or `revert`."""
        if self._json["kind"] == "revert":
            return "revert"
        return "forget"

    @property
    def state(self) -> RequestState:
        """Where it is; what may follow is in `lifecycle`."""
        return REQUEST_STATES[self._json["state"]]

    @property
    def state_reason(self) -> str:
        """Why it is so, for people: `bounds: it would change 3.1 % of other answers`."""
        return str(self._json["state_reason"])

    @cached_property
    def concepts(self) -> tuple[Concept, ...]:
        """What is named, `private:…` where the ledger does not say it; a revert copies its
        forget's.
        """
        return tuple(
            Concept(str(concept["name"]), tuple(concept["aliases"]))
            for concept in self._json.get("concepts", ())
        )

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains in which it is forgotten, `("sketch",)`; empty: in all."""
        return tuple(self._json.get("domains", ()))

    @cached_property
    def scope(self) -> Scope:
        """Concepts × domains."""
        return Scope(self.concepts, self.domains)

    @property
    def strength(self) -> float:
        """1 takes the concept away wholly."""
        return float(self._json["strength"])

    @property
    def method(self) -> str:
        """By which it is computed, as it was chosen when it was filed: never `auto`."""
        return str(self._json["method"])

    @property
    def target(self) -> str | None:
        """What takes the concept's place: `unnamed`, `level` or `shift`; None: the method's own."""
        return self._json.get("target")

    @property
    def prototypes(self) -> int:
        """Synthesised pictures for each prompt."""
        return int(self._json.get("prototypes") or 0)

    @property
    def examples(self) -> tuple[str, ...]:
        """SHA-256 of the pictures that were given."""
        return tuple(self._json.get("examples") or ())

    @property
    def reason(self) -> str:
        """Why it was filed; empty where that is kept private."""
        return str(self._json.get("reason") or "")

    @property
    def legal_basis(self) -> str | None:
        """The law or contract that asks for it (`basis` in JSON)."""
        return self._json.get("basis")

    @property
    def ticket(self) -> str | None:
        """Its number where requests come from, `HELP-112`."""
        return self._json.get("ticket")

    @property
    def idempotency_key(self) -> str | None:
        """With which it was filed; of a private request a keyed digest of it."""
        return self._json.get("idempotency_key")

    @property
    def reverts(self) -> str | None:
        """Of a revert: the id of its forget."""
        return self._json.get("reverts")

    @property
    def source(self) -> Mapping[str, Json]:
        """Where it came from, of what a feed filed: `feed`, `document`, its `digest`, and the
        `row`; of a revert of it `feed` and `of`. Empty where a person filed it.
        """
        return self._json.get("source") or {}

    @property
    def filed_at(self) -> str:
        """When it was filed."""
        return str(self._json["filed_at"])

    @property
    def filed_by(self) -> str:
        """The actor who filed it, `ann` or `token:ci`."""
        return str(self._json["filed_by"])

    @property
    def due_at(self) -> str | None:
        """By when it must be served, where somebody said so."""
        return self._json.get("due_at")

    @property
    def expires_at(self) -> str | None:
        """After which it need no longer be forgotten."""
        return self._json.get("expires_at")

    @property
    def served_at(self) -> str | None:
        """When it was in force (a revert: done) first."""
        return self._json.get("served_at")

    @property
    def ended_at(self) -> str | None:
        """When it was reverted, denied, rejected or withdrawn."""
        return self._json.get("ended_at")

    @property
    def breach(self) -> Mapping[str, Json] | None:
        """That what it forgets was recognised again when it was measured last: `at`, `revision`,
        `named`, `pictures`, `bound`, `reason`; None where it was not.
        """
        return self._json.get("breach")

    @property
    def shredded_at(self) -> str | None:
        """When the text of a private request was destroyed."""
        return self._json.get("shredded_at")

    @property
    def revision(self) -> int | None:
        """The first revision that carries it."""
        return self._json.get("revision")

    @property
    def contribution(self) -> str | None:
        """The digest of what it adds to an edit, once that is computed."""
        return self._json.get("contribution")

    @cached_property
    def predicted(self) -> Predicted:
        """What it was predicted to do when it was decided; before, nothing is said in it."""
        return Predicted.from_json(self._json["predicted"] or {})

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """What it must keep in every revision while it stands, as it is said now."""
        return tuple(
            Criterion.from_json(row) for row in self._json.get("criteria") or ()
        )

    @property
    def criteria_set(self) -> CriteriaSet | None:
        """The evaluation set that its criteria are bound to; None: whatever the model has."""
        bound_to = self._json.get("criteria_set")
        return CriteriaSet.from_json(bound_to) if bound_to else None

    @property
    def votes(self) -> tuple[RecordedVote, ...]:
        """What policies said to it, in order."""
        return tuple(RecordedVote.from_json(vote) for vote in self._json["votes"])

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """Who approved it, in order."""
        return tuple(
            Approval.from_json(approval) for approval in self._json["approvals"]
        )

    @property
    def approvals_held(self) -> tuple[Approval, ...]:
        """Approvals by people when a policy said no, or not yet."""
        approvals = self._json.get("approvals_held", ())
        return tuple(Approval.from_json(approval) for approval in approvals)

    @property
    def asked_from(self) -> int:
        """The entry after which votes and approvals count for what is asked now: its filing, the
        last time that it was looked at anew, or the last approval that was enough.
        """
        later = (int(self._json.get(field) or 0) for field in ("retried", "granted"))
        return max(self.seq, *later)

    @property
    def wanted(self) -> tuple[Mapping[str, Json], ...]:
        """What people said for acts that need more people: approvals with the `act` (`release`,
        `extend`) and its `due_at`.
        """
        return tuple(self._json.get("wanted", ()))

    @property
    def hold(self) -> Hold | None:
        """The legal hold that it is under (`held` in JSON)."""
        hold = self._json.get("held")
        return Hold.from_json(hold) if hold else None

    @property
    def private(self) -> Hidden | None:
        """What the ledger only commits to, of a private request."""
        hidden = self._json.get("private")
        return Hidden.from_json(hidden) if hidden else None

    @property
    def is_private(self) -> bool:
        """Whether the ledger only commits to what it says."""
        return bool(self._json.get("private"))

    @property
    def model_retired(self) -> Mapping[str, Json] | None:
        """When (`at`), by whom (`by`) and why (`reason`) its model was retired while it was in
        force.
        """
        return self._json.get("model_retired")

    @property
    def weights_approved(self) -> Mapping[str, Json] | None:
        """By whom (`by`), when (`at`), why (`reason`) and with which entry (`entry`) what it costs
        in published weights was approved, against the `objection` of a `policy` (`reason`).
        """
        return self._json.get("weights_approved")

    @property
    def entries(self) -> tuple[int, ...]:
        """Numbers of the entries about it, in order."""
        return tuple(self._json["entries"])

    @property
    def seq(self) -> int:
        """The number of the entry that filed it."""
        return int(self._json["seq"])

    @property
    def is_forget(self) -> bool:
        """Whether it is a forget, not a revert."""
        return self.kind == "forget"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return is_final(self.kind, self.state)

    @cached_property
    def is_wanted(self) -> bool:
        """Whether it is a forget that is part of the desired state, as long as no revert of it is
        approved.
        """
        return self.is_forget and self.state in WANTED

    @property
    def stands(self) -> bool:
        """Whether it is a forget that is served, by itself or under one that covers it."""
        return self.is_forget and self.state in STANDING


def spec_of(request: Record) -> ForgetSpec:
    """The spec that a request's record says; `request` may be one whose private text is there
    again (`Private.revealed`).
    """
    return ForgetSpec(
        scope=scope_of(request),
        method=request["method"],
        target=request["target"],
        strength=float(request["strength"]),
        prototypes=int(request["prototypes"]),
        examples=tuple(request.get("examples", ())),
    )
