"""Feeds of a home without a daemon; what each call does is said in `govd.service.api.feeds`."""

from __future__ import annotations

from abc import abstractmethod
from datetime import UTC, datetime

from govd.automatic.feed_settings import FeedSettings
from govd.service.api.feeds import Feeds
from govd.service.service import Service
from govd.types import Record


class LocalFeeds(Feeds):
    """Feeds, asked of the home itself. `actor`: the account of this process."""

    service: Service
    actor: str

    @abstractmethod
    def _went_on(self, record: Record) -> Record: ...

    @abstractmethod
    def _moved(self, record: Record) -> Record: ...

    def add_feed(
        self,
        name: str,
        url: str,
        model: str | None = None,
        every: str | None = None,
        missing: str = "keep",
        secret: str = "",
    ) -> Record:
        settings = FeedSettings(name, url, model, every, missing, secret)
        return self._went_on(
            self.service.feeds.add(settings, self.actor, datetime.now(UTC))
        )

    def run_feed(self, name: str) -> Record:
        return self._moved(self.service.feeds.run(name, datetime.now(UTC)))

    def enable_feed(self, name: str) -> Record:
        return self._went_on(self.service.feeds.enable(name, self.actor))

    def disable_feed(self, name: str) -> Record:
        return self._went_on(self.service.feeds.disable(name, self.actor))

    def release_feed(self, name: str, run: int, reason: str) -> Record:
        return self._moved(self.service.feeds.release(name, run, reason, self.actor))

    def reject_feed(self, name: str, run: int, reason: str) -> Record:
        return self._went_on(self.service.feeds.reject(name, run, reason, self.actor))
