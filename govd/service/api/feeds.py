"""Feeds: what comes in from elsewhere by itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from govd.service.api.question import Asked, question

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

    @abstractmethod
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

    @abstractmethod
    def run_feed(self, name: str) -> Record:
        """Look at a feed now: `runs` that were new, with their rows; `waiting`, what is not read
        yet, and why.
        """

    @abstractmethod
    def enable_feed(self, name: str) -> Record:
        """Look at a feed again."""

    @abstractmethod
    def disable_feed(self, name: str) -> Record:
        """Look at a feed no more; what it filed stays."""

    @abstractmethod
    def release_feed(self, name: str, run: int, reason: str) -> Record:
        """File the rows of a held run after all."""

    @abstractmethod
    def reject_feed(self, name: str, run: int, reason: str) -> Record:
        """Leave the rows of a held run unfiled."""
