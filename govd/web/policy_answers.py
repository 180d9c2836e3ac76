"""What questions about policies answer, for the API's description."""

from __future__ import annotations

from typing import Any

from govd.web.answers import Answer


class Policy(Answer):
    """A text of a policy."""

    name: str
    digest: str
    version: str
    mode: str
    moments: list[str]
    actor: str
    added_at: str
    added_by: str
    seq: int


class Ready(Answer):
    """A policy that comes with a plugin."""

    name: str
    description: str
    parameters: list[dict[str, Any]]


class Inputs(Answer):
    """What policies see at a moment."""

    moment: str
    when: str
    variables: list[dict[str, Any]]


class Report(Answer):
    """What a policy decided, or would have."""

    policy: str
    policy_digest: str
    mode: str
    digest: str
    decisions: int
    otherwise: int
    rows: list[dict[str, Any]]


class Test(Answer):
    """What a policy would have decided otherwise."""

    policy: str
    policy_digest: str
    requests: int
    otherwise: int
    rows: list[dict[str, Any]]


class Replay(Answer):
    """Whether past decisions come out as they did."""

    decisions: int
    outcomes: int
    agree: bool
    differing: list[dict[str, Any]]


class Explained(Answer):
    """Why a request was decided so."""

    request: str
    state: str
    state_reason: str
    policies: list[dict[str, Any]]
    votes: list[dict[str, Any]]
    approvals: list[dict[str, Any]]


class Frozen(Answer):
    """A freeze."""

    at: str | None
    by: str
    reason: str
