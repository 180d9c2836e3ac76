"""Collections that take each other's place: what is late, by alias, in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from qdrant_client import models

from govd.errors import BadFile, instead
from govd.keeping.comparing import is_near
from govd.types import StoreStamp
from govd_qdrant import state as states
from govd_qdrant.clients import Address
from govd_qdrant.points import MARK, OF, OWN, PAGE, TRACE, Point, Points
from govd_qdrant.resuming import is_replaced
from govd_qdrant.siblings import BASE, Sibling, Siblings
from govd_qdrant.state import State


def alias_target(client: Any, name: str) -> str:
    """The collection that an alias points to; empty where the name is none."""
    for alias in client.get_aliases().aliases:
        if alias.alias_name == name:
            return str(alias.collection_name)
    return ""


def check_there(client: Any, address: Address) -> None:
    """That an address means a collection, or an alias of one.

    Raises:
        BadFile: it does not.
    """
    name = address.collection
    if client.collection_exists(name) or alias_target(client, name):
        return
    described = client.get_collections().collections
    collections = [c.name for c in described if "govd_" not in c.name]
    raise BadFile(
        "there is no such collection",
        where=address.url,
        advice=instead(name, collections, "Collections there"),
    )


def late_ids(searched: Points, following: Sibling) -> Iterator[Any]:
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


def take_out(points: Sibling, searched: Points) -> None:
    """Delete points that are not searched any more."""
    ids: list[Any] = []
    for identity in points.ids():
        ids.append(identity)
        if len(ids) == PAGE:
            _take_out(points, searched, ids)
            ids = []
    _take_out(points, searched, ids)


def _take_out(points: Sibling, searched: Points, ids: list[Any]) -> None:
    present = searched.get(ids) if ids else {}
    points.delete([identity for identity in ids if identity not in present])


def lacks(searched: Points, kept: Sibling) -> bool:
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


def carry_others(searched: Points, after: Points) -> None:
    """Bring points that lack the vector to another collection, as they are now; what is not there
    any more is taken out.
    """
    present = set()
    for page in searched.others():
        present |= {point.id for point in page}
        if page:
            after.client.upsert(after.collection, page, wait=True)
    for page in list(after.others()):
        after.delete([point.id for point in page if point.id not in present])


def lacks_others(searched: Points, after: Points) -> bool:
    """Whether points that lack the vector came in since they were brought there."""
    for page in searched.others():
        ids = [point.id for point in page]
        if len(after.client.retrieve(after.collection, ids)) < len(ids):
            return True
    return False


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


def replace_all(
    searched: Points,
    source: Sibling,
    originals: Sibling | None,
    revision: int,
    alone: bool,
) -> None:
    """Put the vectors of a sibling in the place of the searched ones, page by page. What was
    replaced before a crash is left.

    Args:
        searched: what is replaced.
        source: what is put there.
        originals: where those that are replaced are kept.
        revision: what the searched ones are of then.
        alone: as `Points.rewrite`.
    """
    for page in source.pages():
        present = searched.get([point.id for point in page])
        ready = []
        kept = []
        for point in page:
            before = present.get(point.id)
            if before is None or _is_same(before, point):
                continue
            is_old = originals is None or (
                not is_replaced(before, revision)
                and is_near(before.trace, point.payload.get(OF))
            )
            if is_old and originals is not None:
                payload = {MARK: before.payload.get(MARK), TRACE: before.trace}
                kept.append(replace(before, payload=payload, vectors=None))
            if is_old or is_near(before.trace, point.trace):
                own = {MARK: point.payload.get(MARK), TRACE: point.trace}
                payload = before.payload | own
                ready.append(replace(before, vector=point.vector, payload=payload))
        if originals is not None:
            originals.put(kept)
        searched.rewrite(ready, alone)


def _is_same(before: Point, point: Point) -> bool:
    """Whether a searched point has the vector already that is to be put there, and says so."""
    return (
        before.payload.get(MARK) == point.payload.get(MARK)
        and before.is_as_written
        and np.array_equal(before.vector, point.vector)
    )


@dataclass(frozen=True)
class Exchange:
    """What is searched by a name, and the sibling whose vectors are to be searched instead."""

    siblings: Siblings
    store: str
    name: str
    searched: Points
    source: str

    @property
    def client(self) -> Any:
        """The library's."""
        return self.siblings.client

    def by_alias(
        self, state: State, expected: StoreStamp, stamp: StoreStamp, is_next: bool
    ) -> StoreStamp | None:
        """Let the alias point to the other collection, at once; None, and back again, where rows
        came in at that moment.
        """
        before = self.searched.collection
        after = Points(self.client, self.source, self.siblings.vector)
        base = (state.base or before) if is_next else ""
        if not is_next:
            carry(self.searched, after)
        carry_others(self.searched, after)
        rows = after.count()
        counted = replace(stamp, rows=rows, sha256="")
        stamps = state.stamps | {before: expected, self.source: counted}
        states.write(self.client, self.store, replace(state, stamps=stamps))
        point_alias(self.client, self.name, self.source)
        if self._is_behind(after, is_next):
            point_alias(self.client, self.name, before)
            return None
        kept = {name: stamps[name] for name in (self.source, base) if name}
        states.write(self.client, self.store, State(kept, base))
        for name in {before, state.following} - kept.keys():
            self.siblings.drop(name)
        return counted

    def _is_behind(self, after: Points, is_next: bool) -> bool:
        if lacks_others(self.searched, after):
            return True
        if is_next:
            return any(True for _ in late_ids(self.searched, after))
        return lacks(self.searched, after)

    def in_place(
        self, state: State, expected: StoreStamp, stamp: StoreStamp, is_next: bool
    ) -> StoreStamp:
        """Replace the searched vectors, page by page."""
        base = state.base
        originals = None
        if is_next and not base and stamp.revision:
            base = self.siblings.name_in_place(f"{self.name}{BASE}")
            self.siblings.create(base, self.name)
            originals = self.siblings.points(base)
        source = self.siblings.points(self.source)
        alone = self.siblings.folder is not None
        replace_all(self.searched, source, originals, stamp.revision, alone)
        rows = self.searched.count()
        counted = replace(stamp, rows=rows, sha256="")
        kept = {self.name: counted}
        if is_next and base:
            kept[base] = state.stamps.get(base, expected)
        states.write(self.client, self.store, State(kept, base if is_next else ""))
        for name in {state.following, state.base} - kept.keys():
            self.siblings.drop(name)
        return counted
