"""How a feed is set: what its name, address and rhythm may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from govd.automatic.clock import seconds_of
from govd.automatic.missing import KEEP, REVERT
from govd.errors import (
    Usage,
)
from govd.models.paths import FILE, address_of, located
from govd.types import Json, RowForm

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
WEBHOOK: Final = "webhook:"
EVERY: Final = {"file": "1m", "webhook": "1s"}
"""Between two looks where nobody says, by the scheme of the address: a folder costs little."""
OTHERWISE: Final = "24h"
FORMS: Final[Mapping[str, RowForm]] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "text",
    "text/plain": "text",
}
"""What may be sent, by its Content-Type."""


@dataclass(frozen=True)
class FeedSettings:
    """How a feed is set.

    `name`: what it files is filed by `feed:NAME`. `url`: `file:///…`, `https://…`, `webhook:`, or
    whatever a plugin reads. `model`: that its rows are for; None: each row says its own. `every`:
    between two looks, `24h`. `missing`: what follows for a row that disappears, `keep` or `revert`.
    `secret`: a bearer token for an address, or what a webhook is signed with; without one, one is
    made for it.
    """

    name: str
    url: str
    model: str | None = None
    every: str | None = None
    missing: str = KEEP
    secret: str = field(default="", repr=False)


def payload_of(settings: FeedSettings) -> dict[str, Json]:
    """What the entry that adds a feed says of it.

    Raises:
        Usage: one of the settings cannot be meant.
    """
    _check(settings)
    url = _address(settings.url.strip())
    every = settings.every or EVERY.get(url.partition(":")[0], OTHERWISE)
    return {
        "url": url,
        "model": settings.model or "",
        "every_seconds": seconds_of(every, "every"),
        "missing": settings.missing,
    }


def _check(settings: FeedSettings) -> None:
    name = settings.name
    missing = settings.missing
    if not NAME.fullmatch(name):
        raise Usage(
            f"{name!r} is no name of a feed",
            advice="Use small letters, digits, dots, hyphens: at most 63.",
        )
    if missing not in (KEEP, REVERT):
        raise Usage(f"missing is {missing!r}", advice=f"Say {KEEP} or {REVERT}.")


def _address(url: str) -> str:
    """An address as it is kept: that of a folder for a path, `webhook:` for `webhook`."""
    if url.startswith(("/", "~")):
        return located(url).as_uri()
    if url.startswith(FILE):
        address_of(url)
    return WEBHOOK if url == WEBHOOK.rstrip(":") else url


def form_of(content_type: str) -> RowForm:
    """How a document of a Content-Type is written.

    Raises:
        Usage: none of its type has rows.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in FORMS:
        raise Usage(
            f"a document of the type {kind[:80]!r}", advice=f"Send {', '.join(FORMS)}."
        )
    return FORMS[kind]
