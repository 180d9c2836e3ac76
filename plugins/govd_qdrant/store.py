"""A collection, its originals in another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from qdrant_client import models

from govd.errors import Conflict, NotFound
from govd.keeping.seen import Seen
from govd.keeping.spans import is_late
from govd.keeping.stamps import check_expected, check_unstamped
from govd.types import (
    Batch,
    Floats,
    Generation,
    Hit,
    Portion,
    Progress,
    Purged,
    StoreFacts,
    StoreStamp,
    silent,
)
from govd_qdrant import state as states
from govd_qdrant.clients import Address, Client, address_of
from govd_qdrant.points import MARK, Points, has_marks
from govd_qdrant.resuming import begun_originals, originals_of, put_back
from govd_qdrant.rows import Rows, identity_of, late_portions, points_of, portions_of
from govd_qdrant.searching import nearest
from govd_qdrant.settings import REMAINS, dtype_of, stacked, vector_settings
from govd_qdrant.siblings import BASE, Sibling, Siblings
from govd_qdrant.state import State
from govd_qdrant.switching import (
    Exchange,
    alias_target,
    check_there,
    lacks,
    late_ids,
    take_out,
)


def opened(url: str, secret: str) -> QdrantStore:
    """The store at an address.

    Raises:
        Usage: the address names no collection, or leaves open which vector is meant. BadFile:
        there is no such collection. Unreachable: the server does not answer.
    """
    address = address_of(url)
    client = Client(address, secret)
    try:
        return QdrantStore(client, address)
    except BaseException:
        client.close()
        raise


class QdrantStore:
    """The points of a collection, or of the one that an alias points to."""

    def __init__(self, client: Client, address: Address) -> None:
        self._client, self._address = client, address
        self.name, self.vector = address.collection, address.vector
        self._store = f"{self.name}/{self.vector}" if self.vector else self.name
        self._read: Seen[dict[Any, list[float]]] = Seen()
        with client.use() as at:
            check_there(at, address)
            self._params(at)

    def _params(self, at: Any) -> Any:
        """The settings of its vector."""
        config = at.get_collection(self._searched(at)).config
        return vector_settings(config.params.vectors, self._address)

    def _searched(self, at: Any) -> str:
        return alias_target(at, self.name) or self.name

    def _points(self, at: Any, collection: str) -> Points:
        return Points(at, collection, self.vector)

    def _siblings(self, at: Any) -> Siblings:
        return Siblings(at, self._address.folder, self.vector)

    def _begun(self, at: Any, state: State) -> Sibling | None:
        siblings = self._siblings(at)
        return begun_originals(siblings, state, self.name, self._searched(at))

    def _collection(self, at: Any, generation: Generation) -> str:
        if generation == "searched":
            return self._searched(at)
        state = states.read(at, self._store)
        return state.base if generation == "base" else state.following

    def _state(self, at: Any) -> State:
        """What is known of it; nothing where its collection was made anew since."""
        return (
            states.read(at, self._store)
            if has_marks(at, self._searched(at))
            else State()
        )

    # -- what it is

    def facts(self) -> StoreFacts:
        """See `govd.types.Store`."""
        with self._client.use() as at:
            params, collection = self._params(at), self._searched(at)
            rows = self._points(at, collection).count()
            base = self._siblings(at).described(f"{self.name}{BASE}")
        is_alias = collection != self.name
        keeps = "the collection before it" if is_alias else base
        size = rows * params.size * np.dtype(dtype_of(params)).itemsize
        is_server = self._address.folder is None
        index = f"HNSW ({params.distance.value})" if is_server else ""
        return StoreFacts(
            "qdrant",
            params.size,
            dtype_of(params),
            rows,
            size,
            keeps,
            index,
            "",
            is_alias,
            True,
        )

    def stamp(self) -> StoreStamp | None:
        """See `govd.types.Store`."""
        with self._client.use() as at:
            return self._state(at).stamps.get(self._searched(at))

    def held(self) -> Sequence[StoreStamp]:
        """See `govd.types.Store`."""
        with self._client.use() as at:
            state = self._state(at)
            places = {self._searched(at), state.base}
        return [stamp for place, stamp in state.stamps.items() if place in places]

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """See `govd.types.Store`.

        Raises:
            Conflict: it is stamped.
        """
        with self._client.use() as at:
            collection = self._searched(at)
            state = self._state(at)
            check_unstamped(state.stamps.get(collection), self._address.url)
            states.check_alone(at, self._store, collection, self._address.url)
            rows = self._points(at, collection).count()
            counted = replace(stamp, rows=rows, sha256="")
            every = models.FilterSelector(filter=models.Filter())
            at.set_payload(collection, {MARK: stamp.revision}, every, wait=True)
            states.write(at, self._store, State({collection: counted}))
        return counted

    # -- reading and writing

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        with self._client.use() as at:
            name = self._collection(at, generation)
            ids = self._siblings(at).points(name).ids() if name else iter(())
            return portions_of(ids, rows)

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`.

        Raises:
            NotFound: there are no such vectors.
        """
        with self._client.use() as at:
            params, collection = self._params(at), self._collection(at, generation)
            if not collection:
                raise NotFound(
                    f"there are no vectors of {generation}", where=self._address.url
                )
            points = points_of(self._siblings(at).points(collection), portion)
            if generation == "searched":
                traces = {point.id: point.trace for point in points}
                self._read.keep(portion.name, traces)
                state = states.read(at, self._store)
                done = originals_of(points, self._begun(at, state), state.number)
                points = [done.get(point.id, point) for point in points]
        vectors = [point.vector for point in points]
        return Batch(
            [str(point.id) for point in points],
            stacked(vectors, params),
            [point.payload.get(MARK) for point in points],
            rescaled=params.distance == models.Distance.COSINE,
        )

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """See `govd.types.Store`."""
        with self._client.use() as at:
            state = self._checked(at, expected)
            if state.begun == expected and state.wanted and state.wanted.is_of(stamp):
                return
            siblings = self._siblings(at)
            begun = self._begun(at, state)
            if begun is not None:
                alone = self._address.folder is not None
                put_back(self._points(at, self.name), begun, state.number, alone)
            siblings.drop(state.following)
            states.write(at, self._store, state.without_following())
            whole = hashlib.sha256(json.dumps(stamp.as_json()).encode())
            name = f"{self.name}_govd_{stamp.revision}_{whole.hexdigest()[:8]}"
            searched = self._searched(at)
            if name in (searched, state.base):
                name += "_2"
            name = siblings.name_in_place(name) if searched == self.name else name
            base = siblings.name_in_place(f"{self.name}{BASE}")
            for leftover in {name, base} - {state.base}:
                siblings.drop(leftover)
            siblings.create(name, searched)
            planned = replace(state, following=name, begun=expected, wanted=stamp)
            states.write(at, self._store, planned)

    def _checked(self, at: Any, expected: StoreStamp) -> State:
        """The state, where its stamp is the expected one.

        Raises:
            Conflict: it is another.
        """
        state = states.read(at, self._store)
        stamp = state.stamps.get(self._searched(at))
        check_expected(stamp, expected, self._address.url)
        return state

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`.

        Raises:
            Conflict: nobody has made room for it.
        """
        traces = self._read.take(portion.name)
        with self._client.use() as at:
            state = states.read(at, self._store)
            if not state.following or state.wanted is None:
                raise Conflict("no patch of it is under way", where=self._address.url)
            siblings = self._siblings(at)
            rows = Rows(
                self._points(at, self._searched(at)),
                siblings.points(state.following),
                siblings.points(state.base) if originals is not None else None,
                state.wanted.revision,
                bool(state.base) and not is_late(portion),
                self._begun(at, state),
            )
            rows.write(batch, originals, traces)

    def late(self, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        with self._client.use() as at:
            name = states.read(at, self._store).following
            searched = self._points(at, self._searched(at))
            ids = list(late_ids(searched, self._siblings(at).points(name)))
        return late_portions(ids, rows)

    # -- switching

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or it holds none of this one.
        """
        with self._client.use() as at:
            state = self._checked(at, expected)
            collection = self._searched(at)
            searched = self._points(at, collection)
            siblings = self._siblings(at)
            if state.following and state.wanted and state.wanted.is_of(stamp):
                source = state.following
                if list(late_ids(searched, siblings.points(source))):
                    return None
            elif state.base and state.stamps[state.base].is_of(stamp):
                source = state.base
                if lacks(searched, siblings.points(source)):
                    return None
                take_out(siblings.points(source), searched)
            else:
                raise Conflict(
                    "it holds no vectors of this stamp", where=self._address.url
                )
            is_next = source == state.following
            exchange = Exchange(siblings, self._store, self.name, searched, source)
            if collection != self.name:
                return exchange.by_alias(state, expected, stamp, is_next)
            return exchange.in_place(state, expected, stamp, is_next)

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        with self._client.use() as at:
            distance = self._params(at).distance
            return nearest(at, self.name, self.vector, distance, queries, limit)

    def fetch(self, keys: Sequence[str]) -> Floats:
        """See `govd.types.Store`.

        Raises:
            NotFound: one of them is not there.
        """
        with self._client.use() as at:
            points = self._points(at, self._searched(at)).get(
                [identity_of(key) for key in keys]
            )
            params = self._params(at)
        missing = [key for key in keys if identity_of(key) not in points]
        if missing:
            raise NotFound(f"there is no point {missing[0]}", where=self._address.url)
        rows = [points[identity_of(key)].vector for key in keys]
        return stacked(rows, params)

    # -- letting go

    def purge(self, progress: Progress = silent) -> Purged:
        """See `govd.types.Store`."""
        size = 0
        with self._client.use() as at:
            state, collection = states.read(at, self._store), self._searched(at)
            width = self._params(at).size * 4
            siblings = self._siblings(at)
            for name in (state.base, state.following):
                if name and name != collection:
                    size += siblings.count(name) * width
                    siblings.drop(name)
            stamps = {
                key: value for key, value in state.stamps.items() if key == collection
            }
            states.write(at, self._store, State(stamps))
        progress("steps", 1, 1)
        return Purged(size, None, REMAINS)

    def close(self) -> None:
        """See `govd.types.Store`."""
        self._client.close()
