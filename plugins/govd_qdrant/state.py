"""What is known of a store: stamps of collections, kept as a point of the collection
`govd_stores`.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Final

from qdrant_client import models

from govd.errors import Conflict
from govd.types import StoreStamp

STORES: Final = "govd_stores"


@dataclass(frozen=True)
class State:
    """Stamps by the collection that they are of; the collection of originals, where they are apart;
    the one that is written, from where to where.
    """

    stamps: dict[str, StoreStamp] = field(default_factory=dict)
    base: str = ""
    following: str = ""
    begun: StoreStamp | None = None
    wanted: StoreStamp | None = None

    @property
    def number(self) -> int:
        """The revision that is written; 0 where none is."""
        return self.wanted.revision if self.wanted else 0

    def without_following(self) -> State:
        """With nothing that is written."""
        return replace(self, following="", begun=None, wanted=None)


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"govd:{name}"))


def read(client: Any, name: str) -> State:
    """The state of a store; an empty one where there is none."""
    if not client.collection_exists(STORES):
        return State()
    points = client.retrieve(STORES, [_id(name)], with_payload=True)
    if not points:
        return State()
    value = json.loads(points[0].payload["state"])
    stamps = {
        key: StoreStamp.from_json(stamp) for key, stamp in value["stamps"].items()
    }
    begun, wanted = (
        StoreStamp.from_json(value[key]) if value[key] else None
        for key in ("begun", "wanted")
    )
    return State(stamps, value["base"], value["following"], begun, wanted)


def check_alone(client: Any, name: str, collection: str, where: str) -> None:
    """Whether no other vector of a collection is a store.

    Raises:
        Conflict: one is. Points say of one vector only what encoded it.
    """
    if not client.collection_exists(STORES):
        return
    points, _ = client.scroll(STORES, limit=10_000, with_payload=True)
    names = {
        str(point.payload["store"])
        for point in points
        if collection in json.loads(point.payload["state"])["stamps"]
    }
    for other in sorted(names - {name}):
        raise Conflict(
            f"another vector of this collection is a store already: {other}",
            where=where,
            advice="Points say of one vector what encoded it: keep a collection for each.",
        )


def write(client: Any, name: str, state: State) -> None:
    """Keep the state of a store."""
    if not client.collection_exists(STORES):
        config = models.VectorParams(size=1, distance=models.Distance.DOT)
        client.create_collection(STORES, vectors_config=config)
    value = {
        "stamps": {key: stamp.as_json() for key, stamp in state.stamps.items()},
        "base": state.base,
        "following": state.following,
        "begun": state.begun.as_json() if state.begun else None,
        "wanted": state.wanted.as_json() if state.wanted else None,
    }
    payload = {"store": name, "state": json.dumps(value, sort_keys=True)}
    point = models.PointStruct(id=_id(name), vector=[1.0], payload=payload)
    client.upsert(STORES, [point], wait=True)
