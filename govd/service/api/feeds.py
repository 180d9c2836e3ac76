"""Feeds: what comes in from elsewhere by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from govd.service.api.action import action
from govd.service.api.declared import Asked
from govd.service.api.question import question

if TYPE_CHECKING:
    from govd.types import Record


class Feeds(Asked):
    """Feeds: what comes in from elsewhere by itself."""

    @question(
        "feeds",
        "feeds.all",
        kind="list",
        cursor="name",
    )
    def feeds(self) -> list[Record]:
        """All feeds, by name."""
        raise NotImplementedError

    @question(
        "feeds/{name}",
        "feeds.show",
    )
    def feed(self, name: str) -> Record:
        """One feed."""
        raise NotImplementedError

    @question(
        "feeds/{name}/runs",
        "feeds.history",
        kind="list",
        cursor="run",
    )
    def feed_history(self, name: str) -> list[Record]:
        """The runs of a feed, oldest first, without their rows."""
        raise NotImplementedError

    @question(
        "feeds/{name}/runs/{run}",
        "feeds.run_of",
        rows=lambda run: run["rows"],
    )
    def feed_run(self, name: str, run: int) -> Record:
        """One run of a feed with what became of each row."""
        raise NotImplementedError

    @action(
        "feeds",
        "feeds.add",
        status=201,
        settings="settings",
        creates="name",
        secret=True,
        reconciles="after",
    )
    def add_feed(
        self,
        name: str,
        url: str,
        model: str | None = None,
        every: str | None = None,
        missing: str = "keep",
        secret: str = "",
    ) -> Record:
        """Add a feed, or give a disabled one other settings; a signing secret that is made for it
        is shown this once.

        Raises:
            Conflict: there is such a feed. Unsupported: no plugin reads such an address.
        """
        raise NotImplementedError

    @action(
        "feeds/{name}/run",
        "feeds.run",
        role="operator",
        wakes=True,
        reconciles="at the end",
    )
    def run_feed(self, name: str) -> Record:
        """Look at a feed now: `runs` that were new, with their rows; `waiting`, what is not read
        yet, and why.
        """
        raise NotImplementedError

    @action("feeds/{name}/enable", "feeds.enable", wakes=True, reconciles="after")
    def enable_feed(self, name: str) -> Record:
        """Look at a feed again."""
        raise NotImplementedError

    @action(
        "feeds/{name}/disable", "feeds.disable", role="operator", reconciles="after"
    )
    def disable_feed(self, name: str) -> Record:
        """Look at a feed no more; what it filed stays."""
        raise NotImplementedError

    @action(
        "feeds/{name}/runs/{run}/release",
        "feeds.release",
        role="operator",
        wakes=True,
        reconciles="at the end",
    )
    def release_feed(self, name: str, run: int, reason: str) -> Record:
        """File the rows of a held run after all."""
        raise NotImplementedError

    @action(
        "feeds/{name}/runs/{run}/reject",
        "feeds.reject",
        role="operator",
        wakes=True,
        reconciles="after",
    )
    def reject_feed(self, name: str, run: int, reason: str) -> Record:
        """Leave the rows of a held run unfiled."""
        raise NotImplementedError
