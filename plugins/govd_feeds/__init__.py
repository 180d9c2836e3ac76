"""Feeds that come with govd: a folder of files (`folder`), an HTTPS endpoint that is polled
(`polled`), and documents that somebody sends, signed, to `POST /v1/feeds/{name}` (`inbox`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from govd.hookspecs import hookimpl
from govd.types import Answers, Document, Feed, Json, Proposals
from govd_feeds import folder, inbox, polled


class Kind(Protocol):
    """What each module here offers."""

    def is_own(self, url: str) -> bool: ...
    def look(
        self, feed: Feed, cursor: Mapping[str, Json], by_hand: bool
    ) -> Proposals: ...
    def answer(self, feed: Feed, document: Document, answers: Answers) -> None: ...


KINDS: tuple[Kind, ...] = (folder, polled, inbox)


@hookimpl
def govd_propose(
    feed: Feed, cursor: Mapping[str, Json], now: str, by_hand: bool
) -> Proposals | None:
    """What the kind of feed that knows this address brings."""
    for kind in KINDS:
        if kind.is_own(feed.url):
            return kind.look(feed, cursor, by_hand)
    return None


@hookimpl
def govd_answered(feed: Feed, document: Document, answers: Answers) -> bool | None:
    """Leave the answers where that kind of feed leaves them."""
    for kind in KINDS:
        if kind.is_own(feed.url):
            kind.answer(feed, document, answers)
            return True
    return None
