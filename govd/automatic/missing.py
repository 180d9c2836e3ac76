"""Rows that disappeared from a feed: what it filed for an earlier document of the same name and the
newest one lacks.

By default they are kept and told. With `--missing revert` a forget that is served gets a revert,
which the votes decide on, and one that is not served yet is withdrawn; a legal hold leaves either
alone. A row that comes back before its revert is approved takes that back. Nothing is taken back by
a document that has a row which cannot be read: it might be that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from govd.errors import GovdError
from govd.ledger.entry import Draft
from govd.records.drafts import request_draft
from govd.records.feed import FeedRecord
from govd.records.lifecycle import RequestState
from govd.records.request import Request
from govd.requests import Requests
from govd.requests.reverting import copied_from, revert_of
from govd.requests.together import Outcome
from govd.types import Json

UNDECIDED: Final = frozenset({RequestState.FILED, RequestState.WAITING})
REVERT: Final = "revert"
KEEP: Final = "keep"
MANY: Final = 10
"""Of what a feed has standing, so many and more than half disappearing at once are held."""


@dataclass(frozen=True)
class Missing:
    """A request of a row that disappeared. `answer`: `kept`, `reverted` (a revert is filed) or
    `withdrawn`; `revert`: the id of the revert.
    """

    request: Request
    answer: Literal["kept", "reverted", "withdrawn"]
    reason: str = ""
    revert: str = ""

    def as_json(self) -> dict[str, Json]:
        """As the entry of the run has it."""
        row: dict[str, Json] = {"request": self.request.id, "answer": self.answer}
        row |= {"revert": self.revert} if self.revert else {}
        return row | ({"reason": self.reason} if self.reason else {})


class Missings:
    """What follows for rows that disappeared."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.core = requests.core

    def of(
        self, feed: FeedRecord, document: str, outcomes: Sequence[Outcome]
    ) -> tuple[Missing, ...]:
        """What disappeared from a document, oldest first, and what is to follow. `desk.lock` is
        held.
        """
        scopes = {(outcome.proposed.model, outcome.scope) for outcome in outcomes}
        privacy = self.requests.privacy
        missing = [
            request
            for request in self._of_document(feed, document)
            if (request.model, privacy.scope(request)) not in scopes
        ]
        if feed.missing != REVERT:
            return tuple(Missing(request, "kept") for request in missing)
        unread = sum(not outcome.scope for outcome in outcomes)
        if unread:
            reason = f"{unread} of the rows cannot be read: it might be one of them"
            return tuple(Missing(request, "kept", reason) for request in missing)
        return tuple(self._to_follow(feed, request) for request in missing)

    def _of_document(self, feed: FeedRecord, document: str) -> list[Request]:
        """The forgets that this feed filed for earlier documents of this name, and that still stand
        or are on their way.
        """
        place = (feed.name, document)
        going = self.core.desk.views.going()
        return [
            request
            for request in list(self.core.desk.views.open.values())
            if request.is_forget
            and request.id not in going
            and not request.model_retired
            and (request.source.get("feed"), request.source.get("document")) == place
        ]

    def returned(
        self, feed: FeedRecord, document: str, outcomes: Sequence[Outcome]
    ) -> list[Draft]:
        """Entries that withdraw the reverts of rows that came back before they were approved.
        `desk.lock` is held.
        """
        scopes = {(outcome.proposed.model, outcome.scope) for outcome in outcomes}
        reason = f"its row is in the feed {feed.name} again"
        drafts: list[Draft] = []
        for revert in list(self.core.desk.views.open.values()):
            if (
                revert.is_forget
                or revert.filed_by != feed.actor
                or revert.state not in UNDECIDED
            ):
                continue
            forget = self.core.desk.views.request(str(revert.reverts))
            if (
                forget is None
                or forget.source.get("document") != document
                or revert.hold
            ):
                continue
            if (forget.model, self.requests.privacy.scope(forget)) in scopes:
                payload = {
                    **self.requests.privacy.reason(revert, reason),
                    "by": feed.actor,
                }
                drafts.append(request_draft(revert, "withdraw", feed.actor, payload))
        return drafts

    def _to_follow(self, feed: FeedRecord, request: Request) -> Missing:
        if request.shredded_at or self.requests.privacy.scope(request) is None:
            return Missing(
                request, "kept", "its text was destroyed: nobody can compare it"
            )
        if request.hold is not None:
            return Missing(request, "kept", "it is under a legal hold")
        if not request.stands:
            return Missing(request, "withdrawn")
        try:
            self.requests.check_revert(request)
        except GovdError as fault:
            return Missing(request, "kept", fault.what)
        _, before = self._next_key(feed, request)
        if before is not None:
            reason = f"its revert {before.id} is {before.state}"
            return Missing(request, "kept", reason, before.id)
        return Missing(request, "reverted")

    def _next_key(
        self, feed: FeedRecord, request: Request
    ) -> tuple[str, Request | None]:
        """The key of the next revert of a forget by its feed, and the revert that has it already.
        One that the feed withdrew itself, as the row was back, does not count: the next has a
        number.
        """
        first = key = f"{feed.actor}:missing:{request.id}"
        count = 1
        while True:
            stored_key = key
            if request.private:
                stored_key = self.requests.privacy.keyed(key)
            before = self.core.desk.views.by_key(stored_key)
            if before is None or not self._is_withdrawn_by(feed, before):
                return key, before
            count += 1
            key = f"{first}:{count}"

    def _is_withdrawn_by(self, feed: FeedRecord, revert: Request) -> bool:
        if revert.state is not RequestState.WITHDRAWN:
            return False
        entries = self.core.desk.ledger.some(list(revert.entries))
        return any(
            e["kind"] == "request.withdraw" and e["actor"] == feed.actor
            for e in entries
        )

    def held_for(
        self,
        feed: FeedRecord,
        document: str,
        has_rows: bool,
        missing: Sequence[Missing],
    ) -> str:
        """Why a person must look before anything is taken back; empty where nobody must."""
        leaving = sum(row.answer != "kept" for row in missing)
        if not leaving:
            return ""
        if not has_rows:
            return f"it came back empty: {leaving} forgets would be taken back"
        standing = len(self._of_document(feed, document))
        if leaving >= MANY and 2 * leaving > standing:
            return f"{leaving} of its {standing} forgets disappeared from it at once"
        return ""

    def drafts(
        self, feed: FeedRecord, missing: Sequence[Missing]
    ) -> tuple[list[Draft], tuple[Missing, ...]]:
        """Entries that take back what disappeared, and what became of each."""
        drafts: list[Draft] = []
        followed: list[Missing] = []
        reason = f"it disappeared from the feed {feed.name}"
        for row in missing:
            request = row.request
            if row.answer == "reverted":
                body = {**revert_of(request, reason), **copied_from(request)}
                body["source"] = {"feed": feed.name, "of": request.id}
                key, _ = self._next_key(feed, request)
                is_private = request.is_private
                draft = self.requests.filed_draft(body, key, feed.actor, is_private)
                drafts.append(draft)
                row = replace(row, revert=draft.subject)
            elif row.answer == "withdrawn":
                payload = {
                    **self.requests.privacy.reason(request, reason),
                    "by": feed.actor,
                }
                drafts.append(request_draft(request, "withdraw", feed.actor, payload))
            followed.append(row)
        return drafts, tuple(followed)
