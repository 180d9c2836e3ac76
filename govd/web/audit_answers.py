"""What questions to the ledger answer, for the API's description."""

from __future__ import annotations

from typing import Any

from pydantic import RootModel

from govd.web.answers import Answer
from govd.web.request_answers import Request


class Entry(Answer):
    """An entry of the ledger."""

    seq: int
    time: str
    kind: str
    subject: str
    actor: str
    model: str
    payload: dict[str, Any]


class Line(Answer):
    """An entry as a sentence."""

    entry: int
    time: str
    actor: str
    kind: str
    what: str


class Trail(Answer):
    """Everything that happened to a request."""

    request: Request
    entries: list[Entry]
    timeline: list[Line]
    complete: bool


class AsOf(Answer):
    """What was served at a time, by model."""

    asked: str
    time: str
    tree_size: int
    models: list[dict[str, Any]]
    proof: dict[str, Any] | None = None


class Why(Answer):
    """From a revision back to requests, votes, artifacts and software."""

    model: str
    number: int
    state: str
    base: dict[str, Any]
    edit: dict[str, Any]
    computed_by: dict[str, Any]
    requests: list[dict[str, Any]]
    files: dict[str, str]
    entries: list[Line]


class Deadlines(Answer):
    """What is due, late and extended."""

    summary: dict[str, int | float]
    requests: list[dict[str, Any]]


class Predictions(Answer):
    """What forgets were predicted to do, against what was measured of them."""

    summary: list[dict[str, Any]]
    predictions: list[dict[str, Any]]


class Rows(Answer):
    """What a question in SQL found."""

    columns: list[str]
    rows: list[list[Any]]
    more: bool


class Inclusion(Answer):
    """That an entry is in the log (RFC 9162, section 2.1.3)."""

    entry: int
    body: str
    leaf: str
    size: int
    root: str
    path: list[str]
    checkpoint: str


class Consistency(Answer):
    """That the log begins with what it was (RFC 9162, section 2.1.4)."""

    old: int
    new: int
    old_root: str
    new_root: str
    path: list[str]
    checkpoint: str


class Verified(Answer):
    """Whether the ledger holds, and what that proves."""

    holds: bool
    size: int
    root: str
    signed_size: int
    faults: list[str]
    origin: str
    key: str
    claim: str
    proven: list[str]
    recorded: list[str]
    not_proven: list[str]


class Rebuilt(Answer):
    """Whether the views, made anew, are those that were in use."""

    entries: int
    same: bool
    differences: int
    examples: list[str]


class Witnessed(RootModel[list[dict[str, Any]]]):
    """What each witness answered."""


class Rotated(Answer):
    """The old key and the new one; `model_key`: the id of the new one for models."""

    old: str
    new: str
    entry: int
    reason: str
    model_key: str | None


class Given(Answer):
    """Which revision gave an answer."""

    id: str
    time: str
    model: str
    revision: int
    evidence: str
