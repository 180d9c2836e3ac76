"""Where a contribution is stored, and what it was computed with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from govd.records.record import StoredRecord
from govd.types import Json


@dataclass(frozen=True, eq=False)
class ContributionRef(StoredRecord):
    """A contribution as its entry speaks of it; the tensors lie in the artifact."""

    @property
    def artifact(self) -> str:
        """SHA-256 of the artifact that holds it."""
        return str(self._json["artifact"])

    @property
    def method(self) -> str:
        """The method that computed it."""
        return str(self._json["method"])

    @property
    def basis(self) -> str:
        """The digest of the basis that it was computed for."""
        return str(self._json.get("basis", ""))

    @property
    def facts(self) -> Mapping[str, Json]:
        """What the method says of it."""
        return self._json.get("facts") or {}

    @property
    def device(self) -> str:
        """Where it was computed, `cpu`."""
        return str(self._json.get("device", ""))

    @property
    def plugins(self) -> Mapping[str, str]:
        """Versions of the plugins when it was computed."""
        return self._json.get("plugins") or {}

    @property
    def prototypes(self) -> tuple[str, ...]:
        """SHA-256 of the artifacts of pictures that were synthesised for it."""
        return tuple(self._json.get("prototypes") or ())

    @property
    def seq(self) -> int:
        """The number of the entry that speaks of it."""
        return int(self._json["seq"])
