"""Documents that somebody sends, signed, to `POST /v1/feeds/{name}`: the daemon checks the
signature, puts each into the feed's inbox and answers; here they are taken from it, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govd.errors import BadFile
from govd.types import Answers, Document, Feed, Json, Proposals

URL: Final = "webhook:"
MOST: Final = 100
"""Documents that are taken at once."""


def is_own(url: str) -> bool:
    """Whether this is a feed that is sent to."""
    return url == URL


def look(feed: Feed, cursor: Mapping[str, Json], by_hand: bool) -> Proposals:
    """What lies in the inbox, in the order of its coming.

    Raises:
        BadFile: what lies there is damaged.
    """
    letters = sorted(feed.inbox.glob("*.json"))[:MOST] if feed.inbox.is_dir() else []
    return Proposals(tuple(_document(path) for path in letters), dict(cursor))


def answer(feed: Feed, document: Document, answers: Answers) -> None:
    """Take the document from the inbox: it was answered when it came, and the run says the rest."""
    for path in feed.inbox.glob("*.json"):
        if _document(path).delivery == document.delivery:
            path.unlink(missing_ok=True)


def _document(path: Path) -> Document:
    try:
        about, _, body = path.read_bytes().partition(b"\n")
        letter = json.loads(about)
        return Document("", body, letter["form"], letter["id"])
    except (OSError, ValueError, KeyError) as fault:
        raise BadFile(
            f"a document that was sent cannot be read ({fault})",
            where=str(path),
            advice="Move it away; who sent it sends it again.",
        ) from None
