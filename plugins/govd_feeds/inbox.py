"""Documents that somebody sends, signed, to `POST /v1/feeds/{name}`: the daemon checks the
signature, puts each into the feed's inbox and answers; here they are taken from it, in their order.

A document lies in a file `TIME-MARK.json`: a line of JSON that says its form and id, then its
bytes; `MARK` is the beginning of the SHA-256 of the id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govd.errors import BadFile
from govd.types import DOCUMENT_BYTES, Answers, Document, Feed, Json, Proposals

URL: Final = "webhook:"
MOST: Final = 100
"""Documents that are taken at once, and about how many bytes of them."""
LOOK_BYTES: Final = 4 * DOCUMENT_BYTES
MARK: Final = 32
"""Digits of the digest of a message's id that end the name of its file."""


def is_own(url: str) -> bool:
    """Whether this is a feed that is sent to."""
    return url == URL


def look(feed: Feed, cursor: Mapping[str, Json], by_hand: bool) -> Proposals:
    """What lies in the inbox, in the order of its coming.

    Raises:
        BadFile: what lies there is damaged.
    """
    letters = sorted(feed.inbox.glob("*.json")) if feed.inbox.is_dir() else []
    documents: list[Document] = []
    left_bytes = LOOK_BYTES
    for path in letters[:MOST]:
        if left_bytes <= 0:
            break
        documents.append(_document(path))
        left_bytes -= len(documents[-1].data)
    left = len(letters) - len(documents)
    waiting = (
        (f"{left} more that were sent are taken at the next look",) if left else ()
    )
    return Proposals(tuple(documents), dict(cursor), waiting)


def answer(feed: Feed, document: Document, answers: Answers) -> None:
    """Take the document from the inbox: it was answered when it came, and the run says the rest."""
    mark = hashlib.sha256(document.delivery.encode()).hexdigest()[:MARK]
    for path in feed.inbox.glob(f"*-{mark}.json"):
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
