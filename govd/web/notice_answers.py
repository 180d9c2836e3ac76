"""What calls about notices answer, for the API's description."""

from __future__ import annotations

from govd.web.answers import Answer


class Receiver(Answer):
    """Who is told of entries, and how far; `secret` only where govd has just made it."""

    name: str
    to: str
    on: list[str]
    format: str | None
    days: list[int]
    state: str
    trouble: str
    due: int
    sent: int
    last_sent_at: str | None
    added_at: str
    added_by: str
    secret_at: str | None
    entry: int


class Told(Answer):
    """What became of one notice; `about_entry` is null of a date or a test."""

    id: str
    receiver: str
    kind: str
    subject: str
    about_entry: int | None
    state: str
    at: str
    attempts: int
    status: int
    reason: str
    sha256: str
    entry: int


class Tested(Answer):
    """Whether a test was taken."""

    receiver: str
    sent: bool
    status: int
    reason: str
