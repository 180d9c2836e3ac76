"""What calls about requests answer, for the API's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from govd.web.answers import Answer


class Concept(Answer):
    """What is named, with its aliases."""

    name: str
    aliases: list[str]


class VoteRecord(Answer):
    """What a policy said to a request, and the entry that says so."""

    at: str
    entry: int
    moment: str
    policy: str
    version: str
    decision: Literal["allow", "deny", "wait"]
    reason: str
    inputs: dict[str, Any]
    needs: dict[str, Any] | None = Field(
        None, description="What a wait needs: `n` people, of a `role`, `not_filer`."
    )


class Approval(Answer):
    """Who approved a request."""

    at: str
    entry: int
    reason: str


class Criterion(Answer):
    """That a figure is at most so much."""

    metric: str
    at_most: float


class Request(Answer):
    """A forget request, or the revert of one."""

    id: str
    kind: Literal["forget", "revert"]
    model: str
    state: str
    state_reason: str | None
    concepts: list[Concept]
    domains: list[str]
    strength: float
    method: str
    target: str | None
    filed_at: str
    filed_by: str
    due_at: str | None
    expires_at: str | None
    revision: int | None
    contribution: str | None
    predicted: dict[str, Any] | None
    votes: list[VoteRecord]
    approvals: list[Approval]
    reverts: str | None
    entries: list[int]
    criteria: list[Criterion] | None = Field(
        None, description="What it must keep in every revision while it stands."
    )
    judged: dict[str, Any] | None = Field(
        None, description="What its criteria came to in the published revision."
    )
    returns: dict[str, Any] | None = Field(
        None, description="Of a revert: what it brings back, and what improves."
    )
    prediction: dict[str, Any] | None = Field(
        None, description="What was measured of its prediction."
    )


class Preview(Answer):
    """What a forget would do."""

    model: str
    concepts: list[Concept]
    domains: list[str]
    strength: float
    method: str
    target: str | None
    same_scope: dict[str, Any] | None
    effect: dict[str, Any] | None
    labelled: dict[str, Any] | None
    costs: dict[str, Any]
    criteria: list[dict[str, Any]] = Field(
        description="Whether they would be kept, as predicted."
    )
    decision: dict[str, Any]
    others: list[dict[str, Any]]
    near: list[dict[str, Any]]
    asking: dict[str, Any] | None = Field(
        description="What it would cost with all in force, and leave, were the model --conditional."
    )
    capacity: dict[str, Any] | None = Field(
        description="What random forgets cost on this model, where it is, and where this leads."
    )
    subsumed_by: str | None
    predicted: dict[str, Any]


class RevertPreview(Answer):
    """What the revert of a forget would bring back, and what improves."""

    kind: Literal["revert"]
    model: str
    reverts: str
    filed: dict[str, Any] | None = Field(
        description="Its revert, where it is filed already."
    )
    concepts: list[Concept]
    domains: list[str]
    effect: dict[str, Any] | None
    labelled: dict[str, Any] | None
    takes_over: list[dict[str, Any]]
    covered_by: str | None
    costs: dict[str, Any]
    disagreement: float
    disagreement_after: float
    forgets: int
    forgets_after: int
    capacity: dict[str, Any] | None
    decision: dict[str, Any]


class Picture(Answer):
    """A synthesised picture."""

    prompt: str
    png: str
