"""Metadata and settings of collections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from govd.types import Floats

STAMP = "govd"
PLAN = "govd_plan"
SWITCH = "govd_switch"
OLD_KEYS: Final = ("hnsw:space",)
"""Metadata of a collection that may not be written again."""


def without_own(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """A collection's metadata without what is govd's."""
    own = (STAMP, PLAN, SWITCH, *OLD_KEYS)
    return {key: value for key, value in (metadata or {}).items() if key not in own}


def note(collection: Any, values: dict[str, Any]) -> None:
    """Write metadata of a collection; what else is there stays."""
    before = {
        key: value
        for key, value in (collection.metadata or {}).items()
        if key not in OLD_KEYS
    }
    collection.modify(metadata=before | values)


def space_of(collection: Any) -> str:
    return str((collection.configuration_json.get("hnsw") or {}).get("space", "l2"))


def cosine_of(space: str, distance: float, vector: Floats) -> float:
    """The cosine, from a distance to a unit query and the vector `(d,)`."""
    length = float(np.linalg.norm(np.asarray(vector, np.float64))) or 1.0
    if space == "cosine":
        return 1 - float(distance)
    if space == "ip":
        return (1 - float(distance)) / length
    return (1 + length**2 - float(distance)) / (2 * length)
