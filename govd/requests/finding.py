"""`govd request list`: which requests there are, by what the views know, by what was written, and
by exact private names.

Proven by `tests/requests/test_finding.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, Unpack

from govd.errors import GovdError
from govd.ledger.times import moment
from govd.models.core import Core
from govd.models.phrases import spelled
from govd.records.request import Request
from govd.views.filters import RequestFilters

PAGE: Final = 500
"""Records that are looked through at once where a filter is no word of the views."""


class Finding:
    """Requests by filters. `state`, `model`, `concept`, `domain`, `policy`, `filed_by`, `ticket`:
    equal; `since` ≤ filed < `until`.
    """

    def __init__(self, core: Core) -> None:
        self.core = core

    def all(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        reason: str | None = None,
        private_too: bool = False,
        **filters: Unpack[RequestFilters],
    ) -> list[Request]:
        """Requests in the order of their filing.

        Args:
            after: from the one after this entry, the last of the page before.
            limit: at most so many; None: all.
            reason: a part of what was given as reason, upper and lower case alike.
            private_too: a private request is found by the exact name of a concept, as long as its
                text is there; for whoever may see such texts.
            filters: see `RequestFilters`; names in any form and case, times of any kind.

        Raises:
            Usage: a time that is none. NotFound: a model that never was.
        """
        filters = self._spelled(filters)
        has_part = self._written(reason)
        public_requests = self._first(filters, after, limit, has_part)
        concept = filters.get("concept")
        if concept is None or not private_too:
            return public_requests
        private_filters = filters.copy()
        private_filters.pop("concept")
        private_filters["private"] = "yes"
        hidden = self._first(
            private_filters,
            after,
            limit,
            lambda request: self._names(request, concept) and has_part(request),
        )
        requests = sorted([*public_requests, *hidden], key=lambda request: request.seq)
        return requests[:limit]

    def _spelled(self, filters: RequestFilters) -> RequestFilters:
        """Filters as the views spell them.

        Raises:
            Usage: a time that is none. NotFound: a model that never was.
        """
        by = filters.copy()
        if since := filters.get("since"):
            by["since"] = moment(since, "since")
        if until := filters.get("until"):
            by["until"] = moment(until, "until", end=True)
        if concept := filters.get("concept"):
            by["concept"] = spelled(concept).casefold()
        if ticket := filters.get("ticket"):
            by["ticket"] = ticket.casefold()
        if (model := filters.get("model")) and model not in self.core.desk.views.heads:
            self.core.desk.model(model)  # raises
        return by

    def _first(
        self,
        filters: RequestFilters,
        after: int | None,
        limit: int | None,
        wanted: Callable[[Request], bool],
    ) -> list[Request]:
        """The first `limit` records that are wanted."""
        requests: list[Request] = []
        for request in self._pages(filters, after):
            if limit is not None and len(requests) >= limit:
                break
            if wanted(request):
                requests.append(request)
        return requests

    def _pages(self, filters: RequestFilters, after: int | None) -> Iterator[Request]:
        while page := self.core.desk.views.requests(after=after, limit=PAGE, **filters):
            yield from page
            after = page[-1].seq

    @staticmethod
    def _written(reason: str | None) -> Callable[[Request], bool]:
        """Whether a request's reason has this part."""
        part = _even(reason or "")
        return lambda request: part in _even(request.reason)

    def _names(self, request: Request, concept: str) -> bool:
        """Whether a private request is about a concept of exactly this name."""
        try:
            revealed = self.core.private.revealed(request)
        except GovdError:
            return False
        return concept in {
            phrase.casefold()
            for c in revealed["concepts"]
            for phrase in (c["name"], *c["aliases"])
        }


def _even(text: str) -> str:
    """A text whose letters count in any form and case."""
    return unicodedata.normalize("NFC", text).casefold()
