"""A feed as its entries leave it, and each of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from govd.records.record import StoredRecord
from govd.types import Json

ENABLED: Final = "enabled"
DISABLED: Final = "disabled"
DONE: Final = "done"
HELD: Final = "held"
RELEASED: Final = "released"
REJECTED: Final = "rejected"


@dataclass(frozen=True, eq=False)
class FeedRecord(StoredRecord):
    """A feed: where it is read, how often, and what its runs asked for."""

    @property
    def name(self) -> str:
        """Its name: what it files is filed by `feed:NAME`."""
        return str(self._json["name"])

    @property
    def actor(self) -> str:
        """As whom it files."""
        return f"feed:{self.name}"

    @property
    def url(self) -> str:
        """Where it is read."""
        return str(self._json["url"])

    @property
    def model(self) -> str:
        """The model that its rows are for; empty where each row says its own."""
        return str(self._json.get("model") or "")

    @property
    def every_seconds(self) -> float:
        """Between two looks."""
        return float(self._json["every_seconds"])

    @property
    def missing(self) -> str:
        """What follows for a row that disappears: `keep` or `revert`."""
        return str(self._json["missing"])

    @property
    def is_enabled(self) -> bool:
        """Whether it is looked at."""
        return bool(self._json["state"] == ENABLED)

    @property
    def runs(self) -> int:
        """How many runs it had."""
        return int(self._json["runs"])

    @property
    def held(self) -> tuple[int, ...]:
        """Numbers of the runs that wait for a person."""
        return tuple(self._json["held"])

    @property
    def usual(self) -> float | None:
        """What a run usually asks for: the median of the new rows of its last runs, at least one;
        None before the first.
        """
        counts = self._json["asked"]
        return max(1.0, float(median(counts))) if counts else None

    @property
    def documents(self) -> Mapping[str, Json]:
        """The newest run of each document, by its name: `digest`, `run`, `state`."""
        documents: Mapping[str, Json] = self._json["documents"]
        return documents


@dataclass(frozen=True, eq=False)
class FeedRun(StoredRecord):
    """One run of a feed: a document, and what became of its rows."""

    @property
    def number(self) -> int:
        """From 1, within its feed."""
        return int(self._json["run"])

    @property
    def state(self) -> str:
        """`done`; `held` for a person, then `released` or `rejected`."""
        return str(self._json["state"])

    @property
    def document(self) -> str:
        """The document's name."""
        return str(self._json["document"])

    @property
    def digest(self) -> str:
        """SHA-256 of the document; a keyed digest of it where a row of it is private."""
        return str(self._json["digest"])
