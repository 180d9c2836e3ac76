"""`govd request list`: which requests there are, by what the views know, by what was written, and
by exact private names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from govd.errors import GovdError
from govd.ledger.times import moment
from govd.models.core import Core
from govd.records.request import Request
from govd.requests.privacy import Privacy

PAGE: Final = 500
"""Records that are looked through at once where a filter is no word of the views."""


class Finding:
    """Requests by filters. `state`, `model`, `concept`, `domain`, `policy`, `filed_by`, `ticket`:
    equal; `since` ≤ filed < `until`.
    """

    def __init__(self, core: Core, privacy: Privacy) -> None:
        self.core, self.privacy = core, privacy

    def all(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        reason: str | None = None,
        private_too: bool = False,
        **filters: str | None,
    ) -> list[Request]:
        """Requests in the order of their filing, from the one after entry `after`.

        `reason`: a part of what was given as reason, upper and lower case alike. `private_too`: a
        private request is found by the exact name of a concept, as long as its text is there; for
        whoever may see such texts.
        """
        filters |= {
            name: moment(filters[name], name, end=name == "until")
            for name in ("since", "until")
            if filters.get(name)
        }
        for name in ("concept", "ticket"):
            if filters.get(name):
                filters[name] = str(filters[name]).casefold()
        if filters.get("model") and filters["model"] not in self.core.desk.views.heads:
            self.core.desk.model(str(filters["model"]))  # raises
        concept = filters.get("concept")
        if concept is None or not private_too:
            return self._first(filters, after, limit, self._written(reason))
        named = self._first(filters, after, limit, self._written(reason))
        others = {name: value for name, value in filters.items() if name != "concept"} | {
            "private": "yes"
        }
        hidden = self._first(
            others,
            after,
            limit,
            lambda request: self._names(request, concept) and self._written(reason)(request),
        )
        return sorted([*named, *hidden], key=lambda request: request.seq)[:limit]

    def _first(
        self,
        filters: dict[str, str | None],
        after: int | None,
        limit: int | None,
        wanted: Callable[[Request], bool] | None,
    ) -> list[Request]:
        """The first `limit` records that are wanted."""
        if wanted is None:
            return list(self.core.desk.views.requests(after=after, limit=limit, **filters))
        chosen: list[Request] = []
        for request in self._pages(filters, after):
            if limit is not None and len(chosen) >= limit:
                break
            if wanted(request):
                chosen.append(request)
        return chosen

    def _pages(self, filters: dict[str, str | None], after: int | None) -> Iterator[Request]:
        while page := self.core.desk.views.requests(after=after, limit=PAGE, **filters):
            yield from page
            after = page[-1].seq

    @staticmethod
    def _written(reason: str | None) -> Callable[[Request], bool]:
        """Whether a request's reason has this part."""
        part = (reason or "").casefold()
        return lambda request: part in request.reason.casefold()

    def _names(self, request: Request, concept: str) -> bool:
        """Whether a private request is about a concept of exactly this name."""
        try:
            revealed = self.privacy.revealed(request)
        except GovdError:
            return False
        return concept in {
            phrase.casefold() for c in revealed["concepts"] for phrase in (c["name"], *c["aliases"])
        }
