"""The calls of a daemon about feeds; what each does is said in `govd.service.api.feeds`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from govd.client.files import part_of_path
from govd.service.api.feeds import Feeds
from govd.types import Json, Record


class FeedCalls(Feeds):
    """Feeds, asked over HTTP."""

    @abstractmethod
    def _post(self, path: str, body: Json, **query: Any) -> Record: ...

    def add_feed(
        self,
        name: str,
        url: str,
        model: str | None = None,
        every: str | None = None,
        missing: str = "keep",
        secret: str = "",
    ) -> Record:
        body = {"name": name, "url": url, "model": model, "every": every}
        return self._post("feeds", {**body, "missing": missing, "secret": secret})

    def run_feed(self, name: str) -> Record:
        return self._of_feed(name, "run")

    def enable_feed(self, name: str) -> Record:
        return self._of_feed(name, "enable")

    def disable_feed(self, name: str) -> Record:
        return self._of_feed(name, "disable")

    def release_feed(self, name: str, run: int, reason: str) -> Record:
        return self._of_feed(name, f"runs/{int(run)}/release", {"reason": reason})

    def reject_feed(self, name: str, run: int, reason: str) -> Record:
        return self._of_feed(name, f"runs/{int(run)}/reject", {"reason": reason})

    def _of_feed(self, name: str, what: str, body: Json | None = None) -> Record:
        return self._post(f"feeds/{part_of_path(name)}/{what}", body)
