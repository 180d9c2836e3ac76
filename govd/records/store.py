"""A store of embeddings as its entries leave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from govd.records.record import StoredRecord

if TYPE_CHECKING:
    from govd.types import Json


class StoreState(StrEnum):
    """What is being done with a store. One that was removed may be added anew."""

    READY = "ready"
    PATCHING = "patching"
    FAILED = "failed"
    """The last patch did not come to its end; what is searched is as the stamp says."""
    REMOVED = "removed"


@dataclass(frozen=True, eq=False)
class StoreRecord(StoredRecord):
    """Embeddings of a model that are kept elsewhere, and which revision they are of."""

    @property
    def name(self) -> str:
        """How everybody calls it."""
        return str(self._json["name"])

    @property
    def url(self) -> str:
        """Where it is, without any secret."""
        return str(self._json["url"])

    @property
    def model(self) -> str:
        """Whose vectors they are."""
        return str(self._json["model"])

    @property
    def state(self) -> StoreState:
        """What is being done with it."""
        return StoreState(self._json["state"])

    @property
    def stamp(self) -> Mapping[str, Json]:
        """What its searched vectors are of, as it was last seen: see `govd.types.StoreStamp`."""
        stamp: Mapping[str, Json] = self._json["stamp"]
        return stamp

    @property
    def revision(self) -> int:
        """The revision that its searched vectors are of; 0: the unedited model."""
        return int(self.stamp["revision"])

    @property
    def follows(self) -> bool:
        """Whether it is patched by itself when another revision is published."""
        return bool(self._json.get("follow", False))

    @property
    def wanted(self) -> Mapping[str, Json] | None:
        """The patch that is under way: `revision`, `edit_digest`, `from`, `begun_at`, …"""
        patch: Mapping[str, Json] | None = self._json.get("patching")
        return patch

    @property
    def retired(self) -> int:
        """The entry up to which edits of queries are retired; -1: none is."""
        return int(self._json.get("retired", -1))

    @property
    def faults(self) -> tuple[str, ...]:
        """What the last verification or patch found amiss."""
        return tuple(self._json.get("faults", ()))

    @property
    def purged(self) -> Mapping[str, Json] | None:
        """The last purge: `size_bytes`, `until`, `remains`, of which edit the vectors were then
        (`edit_digest`) and the digests that are kept of their rows (`rows_digest`).
        """
        return self._json.get("purged")

    @property
    def skipped(self) -> int:
        """Rows that the last patch left as they were."""
        return int((self._json.get("last") or {}).get("skipped", 0))
