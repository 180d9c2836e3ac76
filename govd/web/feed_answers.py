"""What calls about feeds answer."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from govd.web.answers import Answer


class Feed(Answer):
    """A feed."""

    name: str
    url: str
    model: str | None = Field(description="Of its rows; none: each row says its own.")
    state: str = Field(description="enabled or disabled")
    every_seconds: float
    missing: str = Field(description="For a row that disappears: keep or revert.")
    added_at: str
    added_by: str
    runs: int
    held: list[int] = Field(description="Runs that a person is to release or reject.")
    usual: float | None = Field(
        description="Median of the new rows of its last runs, at least 1."
    )
    last_run_at: str | None
    looked_at: str | None
    fault: str = Field(
        description="What went wrong at the last look; empty where nothing did."
    )


class NewFeed(Feed):
    """A feed that was added."""

    waiting: list[str] = Field(description="What there is to read, a line for each.")
    secret: str = Field(
        "", description="What it is signed with, where that was made; shown once."
    )


class FeedRun(Answer):
    """A run of a feed."""

    feed: str
    run: int
    state: str = Field(description="done, held, released or rejected")
    reason: str
    document: str
    digest: str
    bytes: int
    counts: dict[str, int]
    asked: int
    usual: float | None
    at: str
    by: str


class FeedRunWhole(FeedRun):
    """A run with its rows."""

    rows: list[dict[str, Any]] = Field(description="row, answer, request, reason")


class FeedLook(Answer):
    """What a look at a feed came to."""

    feed: str
    runs: list[FeedRunWhole]
    waiting: list[str]


class FeedDocument(Answer):
    """A document that was sent and is kept until it is taken."""

    feed: str
    id: str
    bytes: int
