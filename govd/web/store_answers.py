"""What calls about stores answer."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from govd.web.answers import Answer


class Store(Answer):
    """A store."""

    name: str
    url: str
    model: str
    state: str = Field(description="ready, patching or failed")
    stamp: dict[str, Any] = Field(description="What its searched vectors are of.")
    claimed: bool = Field(description="Whether somebody had to say what they are of.")
    follow: bool = Field(
        description="Whether it is patched by itself after a publication."
    )
    facts: dict[str, Any] = Field(description="What it was when it was added.")
    revision: int
    published: int
    is_current: bool
    patching: dict[str, Any] | None
    progress: dict[str, Any] | None = Field(
        description="How far its patch is, while one runs."
    )
    last: dict[str, Any] | None = Field(description="What the last patch came to.")
    verified: dict[str, Any] | None
    purged: dict[str, Any] | None
    faults: list[str]
    added_at: str
    added_by: str


class StoreEstimated(Store):
    """A store that is to be patched."""

    estimate: dict[str, Any] = Field(
        description=(
            "rows, size_bytes; rows_per_second and seconds of reading and editing; last: the same"
            " of the last patch; paces: of writing, with each setting that decides it"
        )
    )
    dry_run: bool = False


class StoreVerified(Store):
    """A store that was looked at."""

    verdict: dict[str, Any] = Field(description="counts, faults, well, compared")


class StoreHits(Answer):
    """What in a store is about a concept."""

    store: str
    model: str
    revision: int
    concept: str
    examples: int
    rows: int
    named: int | None = Field(
        description="How many are recognised as it, where all were looked at"
    )
    hits: list[dict[str, Any]] = Field(description="key, score, named")


class Manifest(Answer):
    """Every copy of a model that the ledger knows of."""

    model: str
    revision: int
    copies: list[dict[str, Any]] = Field(
        description="kind, name, place, revision, state (forgotten, pending, unknown), why, side,"
        " recipient, at, entry; of exports what they lack and keep"
    )
    counts: dict[str, int]
    to_tell: list[dict[str, Any]] = Field(
        description="recipient, has, since, lacks, keeps"
    )
