"""A document of a feed, read: its rows, and what the feed proposes by each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from govd.errors import GovdError, Usage
from govd.records.feed import FeedRecord
from govd.requests import ForgetOptions, Requests
from govd.requests.row_options import Filing
from govd.requests.rows import rows_of
from govd.requests.together import Proposed, Together, Understood
from govd.types import Document, Json


@dataclass(frozen=True)
class Reading:
    """A document as it was read: its rows, or why it could not be; `digest` as entries say it."""

    document: Document
    filings: tuple[Filing, ...]
    digest: str
    fault: str = ""


class FeedReader:
    """Reads documents of feeds."""

    def __init__(self, requests: Requests, together: Together) -> None:
        self.requests = requests
        self.together = together

    def read(self, document: Document) -> Reading:
        """A document's rows, or why it cannot be read."""
        digest = hashlib.sha256(document.data).hexdigest()
        name = document.name or "the document"
        try:
            filings = rows_of(document.data, name, document.form, pictures=False)
        except Usage as fault:
            return Reading(document, (), digest, fault.message)
        if any(filing.options.get("private") for filing in filings):
            # a guess of a name must not be confirmed
            digest = self.requests.privacy.keyed(digest)
        return Reading(document, tuple(filings), digest)

    def proposals(self, feed: FeedRecord, reading: Reading) -> list[Understood]:
        """The rows as the feed proposes them, each understood: before the lock, since what is large
        may be read for it.
        """
        source = {
            "feed": feed.name,
            "document": reading.document.name,
            "digest": reading.digest,
        }
        return [
            self.together.understood(_proposed(feed, filing, source))
            for filing in reading.filings
        ]


def _proposed(feed: FeedRecord, filing: Filing, source: Mapping[str, Json]) -> Proposed:
    """A row as the feed proposes it."""
    options: dict[str, Any] = dict(filing.options)
    model = str(options.pop("model", "") or feed.model)
    fault: GovdError | None = filing.fault
    if fault is None and not model:
        fault = Usage(
            "no model", advice="Give the feed a --model, or the rows a column model."
        )
    elif fault is None and feed.model and model != feed.model:
        fault = Usage(
            f"the feed is for the model {feed.model}", advice="Leave the column out."
        )
    content = {"concepts": list(filing.concepts), "model": model, **_content(options)}
    own_key = options.get("idempotency_key")
    if own_key:
        content = {"idempotency_key": own_key}
    spelled = json.dumps(content, sort_keys=True, default=str).encode()
    key = f"{feed.actor}:{hashlib.sha256(spelled).hexdigest()[:32]}"
    if fault is None:
        proposed = ForgetOptions(concepts=filing.concepts, **options)
    else:
        proposed = ForgetOptions(private=bool(options.get("private")))
    row_source = {**source, "row": filing.line}
    return Proposed(
        row=filing.line,
        model=model,
        options=proposed,
        key=key,
        source=row_source,
        fault=fault,
    )


def _content(options: Mapping[str, Any]) -> dict[str, Json]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
    }
