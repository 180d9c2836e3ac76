"""Collections that take each other's place: what is late, by alias, in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from qdrant_client import models

from govd.keeping.comparing import is_near
from govd.types import StoreStamp
from govd_qdrant import state as states
from govd_qdrant.points import MARK, OF, OWN, PAGE, TRACE, Point, Points
from govd_qdrant.state import State


def alias_target(client: Any, name: str) -> str:
    """The collection that an alias points to; empty where the name is none."""
    for alias in client.get_aliases().aliases:
        if alias.alias_name == name:
            return str(alias.collection_name)
    return ""


def create_like(client: Any, source: str, name: str) -> None:
    """An empty collection with the settings of another, payload indexes included."""
    info = client.get_collection(source)
    params = info.config.params
    settings = {}
    if info.config.hnsw_config is not None:
        settings["hnsw_config"] = models.HnswConfigDiff(
            **info.config.hnsw_config.model_dump(exclude_none=True)
        )
    if info.config.quantization_config is not None:
        settings["quantization_config"] = info.config.quantization_config
    for option in ("shard_number", "replication_factor", "on_disk_payload"):
        if getattr(params, option, None) is not None:
            settings[option] = getattr(params, option)
    client.create_collection(
        name,
        vectors_config=params.vectors,
        sparse_vectors_config=params.sparse_vectors,
        **settings,
    )
    for field, schema in (info.payload_schema or {}).items():
        client.create_payload_index(name, field, schema.params or schema.data_type)


def drop(client: Any, name: str) -> None:
    """Take a collection away, where it is there."""
    if name and client.collection_exists(name):
        client.delete_collection(name)


def late_ids(searched: Points, following: Points) -> Iterator[Any]:
    """Ids of searched points that `next` lacks, or has made of another vector. What is no longer
    searched is taken out of `next`.
    """
    for page in searched.pages():
        beside = following.get([point.id for point in page])
        for point in page:
            written = beside.get(point.id)
            if written is None or not _is_made_of(written, point):
                yield point.id
    take_out(following, searched)


def _is_made_of(written: Point, searched: Point) -> bool:
    trace = searched.trace
    return is_near(trace, written.payload.get(OF)) or is_near(trace, written.trace)


def take_out(points: Points, searched: Points) -> None:
    """Delete points that are not searched any more."""
    ids: list[Any] = []
    for identity in points.ids():
        ids.append(identity)
        if len(ids) == PAGE:
            _take_out(points, searched, ids)
            ids = []
    _take_out(points, searched, ids)


def _take_out(points: Points, searched: Points, ids: list[Any]) -> None:
    present = searched.get(ids) if ids else {}
    points.delete([identity for identity in ids if identity not in present])


def lacks(searched: Points, kept: Points) -> bool:
    """Whether there are searched points that the originals lack, or that somebody has written anew
    since.
    """
    for page in searched.pages():
        originals = kept.get([point.id for point in page])
        for point in page:
            original = originals.get(point.id)
            if original is None:
                return True
            if not point.is_as_written and not is_near(point.trace, original.trace):
                return True
    return False


def carry(searched: Points, kept: Points) -> None:
    """Bring what users have changed in the payload of points to another collection of the same."""
    for page in searched.pages():
        others = kept.get([point.id for point in page])
        changed = []
        for point in page:
            other = others[point.id]
            own = {key: other.payload[key] for key in OWN if key in other.payload}
            payload = {
                key: value for key, value in point.payload.items() if key not in OWN
            } | own
            if payload != other.payload:
                changed.append(replace(other, payload=payload))
        operations = [
            models.OverwritePayloadOperation(
                overwrite_payload=models.SetPayload(
                    payload=point.payload, points=[point.id]
                )
            )
            for point in changed
        ]
        if operations:
            kept.client.batch_update_points(kept.collection, operations, wait=True)


def point_alias(client: Any, alias: str, collection: str) -> None:
    """Let an alias point elsewhere, at once."""
    client.update_collection_aliases(
        [
            models.DeleteAliasOperation(
                delete_alias=models.DeleteAlias(alias_name=alias)
            ),
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(
                    collection_name=collection, alias_name=alias
                )
            ),
        ]
    )


def replace_all(searched: Points, source: Points, originals: Points | None) -> None:
    """Put the vectors of another collection in the place of the searched ones, batch by batch;
    `originals`: where those that are replaced are kept. What was replaced before a crash is left.
    """
    for page in source.pages():
        present = searched.get([point.id for point in page])
        ready = []
        kept = []
        for point in page:
            before = present.get(point.id)
            if before is None:
                continue
            is_old = originals is None or is_near(before.trace, point.payload.get(OF))
            if is_old and originals is not None:
                payload = {MARK: before.payload.get(MARK), TRACE: before.trace}
                kept.append(replace(before, payload=payload, vectors=None))
            if is_old or is_near(before.trace, point.trace):
                ready.append(point)
        if originals is not None:
            originals.put(kept)
        searched.replace(ready)


@dataclass(frozen=True)
class Exchange:
    """What is searched by a name, and the collection whose vectors are to be searched instead."""

    client: Any
    store: str
    name: str
    searched: Points
    source: Points

    def by_alias(
        self, state: State, expected: StoreStamp, stamp: StoreStamp, is_next: bool
    ) -> StoreStamp | None:
        """Let the alias point to the other collection, at once; None, and back again, where rows
        came in at that moment.
        """
        before = self.searched.collection
        after = self.source.collection
        base = (state.base or before) if is_next else ""
        if not is_next:
            carry(self.searched, self.source)
        rows = self.client.count(after, exact=True).count
        counted = replace(stamp, rows=rows, sha256="")
        stamps = state.stamps | {before: expected, after: counted}
        states.write(self.client, self.store, replace(state, stamps=stamps))
        point_alias(self.client, self.name, after)
        if list(late_ids(self.searched, self.source)) if is_next else self._is_behind():
            point_alias(self.client, self.name, before)
            return None
        kept = {name: stamps[name] for name in (after, base) if name}
        states.write(self.client, self.store, State(kept, base))
        for name in {before, state.following} - kept.keys():
            drop(self.client, name)
        return counted

    def _is_behind(self) -> bool:
        return lacks(self.searched, self.source)

    def in_place(
        self, state: State, expected: StoreStamp, stamp: StoreStamp, is_next: bool
    ) -> StoreStamp:
        """Replace the searched vectors, batch by batch."""
        base = state.base
        originals = None
        if is_next and not base:
            base = f"{self.name}_govd_base"
            originals = beside(self.searched, base)
            if not self.client.collection_exists(base):
                create_like(self.client, self.name, base)
        replace_all(self.searched, self.source, originals)
        rows = self.client.count(self.name, exact=True).count
        counted = replace(stamp, rows=rows, sha256="")
        kept = {self.name: counted}
        if is_next:
            kept[base] = state.stamps.get(base, expected)
        states.write(self.client, self.store, State(kept, base if is_next else ""))
        for name in {state.following, state.base} - kept.keys():
            drop(self.client, name)
        return counted


def beside(points: Points, collection: str) -> Points:
    """The same vector's points in another collection."""
    return Points(points.client, collection, points.vector)
