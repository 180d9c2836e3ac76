"""Points of collections: read in the order of their ids, and known again by a few numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from qdrant_client import models

from govd.errors import BadFile
from govd.keeping.comparing import is_near, trace_of
from govd.types import Floats

MARK: Final = "govd_revision"
TRACE: Final = "govd_trace"
"""Payload: what the vector is known by that govd wrote here."""
OF: Final = "govd_of"
"""Payload: what the searched vector was known by when this one was made."""
OWN: Final = (MARK, TRACE, OF)
PAGE: Final = 1000
"""Points of one request."""


@dataclass(frozen=True)
class Point:
    """A point as the library has it: its id, its vector `(d,)`, its payload, all its vectors."""

    id: Any
    vector: Floats
    payload: dict[str, Any]
    vectors: Any

    @property
    def trace(self) -> list[float]:
        """What its vector is known by."""
        return trace_of(self.vector)

    def with_vector(
        self, vector: Floats, mark: int | None, of: list[float] | None
    ) -> Point:
        """The same point with another vector `(d,)`; `of`: what it was made of is known by."""
        payload = self.payload | {MARK: mark, TRACE: trace_of(vector)}
        return replace(self, vector=vector, payload=payload | ({OF: of} if of else {}))

    @property
    def is_single(self) -> bool:
        """Whether it has no other vector."""
        return not isinstance(self.vectors, dict)

    @property
    def is_as_written(self) -> bool:
        """Whether the vector is still the one that govd has written."""
        return is_near(self.trace, self.payload.get(TRACE))


class Points:
    """The points of one collection that have the vector of a name (empty: the only one)."""

    def __init__(self, client: Any, collection: str, vector: str) -> None:
        self.client = client
        self.collection = collection
        self.vector = vector
        self._having = None
        self._lacking = None
        if vector:
            has_vector = models.HasVectorCondition(has_vector=vector)
            self._having = models.Filter(must=[has_vector])
            self._lacking = models.Filter(must_not=[has_vector])

    def get(self, ids: Sequence[Any]) -> dict[Any, Point]:
        """Points by their ids; those that are not there are left out."""
        points: dict[Any, Point] = {}
        for start in range(0, len(ids), PAGE):
            records = self.client.retrieve(
                self.collection,
                ids[start : start + PAGE],
                with_payload=True,
                with_vectors=True,
            )
            points |= {
                record.id: self._point(record)
                for record in records
                if not self.vector or self.vector in (record.vector or {})
            }
        return points

    def pages(self, first: Any = None, last: Any = None) -> Iterator[list[Point]]:
        """All points from one id to another, in the order of ids."""
        following = first
        while True:
            records, following = self.client.scroll(
                self.collection,
                scroll_filter=self._having,
                limit=PAGE,
                offset=following,
                with_payload=True,
                with_vectors=True,
            )
            page = [
                record
                for record in records
                if last is None or not _is_after(record.id, last)
            ]
            if page:
                yield [self._point(record) for record in page]
            if following is None or len(page) < len(records):
                return

    def ids(self) -> Iterator[Any]:
        """All ids in their order."""
        following = None
        while True:
            records, following = self.client.scroll(
                self.collection,
                scroll_filter=self._having,
                limit=10 * PAGE,
                offset=following,
                with_payload=False,
                with_vectors=False,
            )
            yield from (record.id for record in records)
            if following is None:
                return

    def count(self) -> int:
        """How many there are."""
        counted = self.client.count(
            self.collection, count_filter=self._having, exact=True
        )
        return int(counted.count)

    def others(self) -> Iterator[list[Any]]:
        """Points that lack the vector, as they are put again."""
        following = None
        while self._lacking is not None:
            records, following = self.client.scroll(
                self.collection,
                scroll_filter=self._lacking,
                limit=PAGE,
                offset=following,
                with_payload=True,
                with_vectors=True,
            )
            yield [
                models.PointStruct(
                    id=record.id, vector=record.vector or {}, payload=record.payload
                )
                for record in records
            ]
            if following is None:
                return

    def put(self, points: Sequence[Point]) -> None:
        """Write points whole."""
        for start in range(0, len(points), PAGE):
            rows = [
                models.PointStruct(
                    id=point.id, vector=self._with(point), payload=point.payload
                )
                for point in points[start : start + PAGE]
            ]
            self.client.upsert(self.collection, rows, wait=True)

    def replace(self, points: Sequence[Point]) -> None:
        """Replace the vectors of points and what govd says of them; all else stays, also where
        somebody changes it at this moment. What is said comes first: what is cut off in between is
        not as written, and known for one that is not replaced.
        """
        for start in range(0, len(points), PAGE):
            part = points[start : start + PAGE]
            rows = [
                models.PointVectors(
                    id=point.id,
                    vector={self.vector: point.vector.tolist()}
                    if self.vector
                    else point.vector.tolist(),
                )
                for point in part
            ]
            vectors = models.UpdateVectors(points=rows)
            payloads = [
                models.SetPayloadOperation(
                    set_payload=models.SetPayload(
                        payload={MARK: point.payload.get(MARK), TRACE: point.trace},
                        points=[point.id],
                    )
                )
                for point in part
            ]
            self.client.batch_update_points(
                self.collection,
                [*payloads, models.UpdateVectorsOperation(update_vectors=vectors)],
                wait=True,
            )

    def rewrite(self, points: Sequence[Point], alone: bool) -> None:
        """As `replace`. `alone`: nobody else can write to the collection: a point that has no other
        vector is then written whole, once.
        """
        whole = [point for point in points if alone and point.is_single]
        self.put(whole)
        self.replace([point for point in points if not (alone and point.is_single)])

    def delete(self, ids: Sequence[Any]) -> None:
        """Delete points."""
        if ids:
            selected = models.PointIdsList(points=list(ids))
            self.client.delete(self.collection, selected, wait=True)

    def _with(self, point: Point) -> Any:
        """All vectors of a point, sparse ones too, with the edited one among them."""
        if not isinstance(point.vectors, dict):
            single = point.vector.tolist()
            return {self.vector: single} if self.vector else single
        return {**point.vectors, self.vector: point.vector.tolist()}

    def _point(self, record: Any) -> Point:
        vectors = record.vector
        vector = vectors.get(self.vector) if isinstance(vectors, dict) else vectors
        if vector is None or (vector and isinstance(vector[0], list)):
            words = f"the point {record.id} has no plain vector {self.vector}".rstrip()
            raise BadFile(words, where=self.collection)
        return Point(
            record.id,
            np.asarray(vector, np.float32),
            dict(record.payload or {}),
            vectors,
        )


def _is_after(some: Any, other: Any) -> bool:
    """Whether an id comes after another: numbers first, then UUIDs."""
    return (isinstance(some, str), some) > (isinstance(other, str), other)


def has_marks(client: Any, collection: str) -> bool:
    """Whether some point of a collection says what encoded it, or there are none at all."""
    unmarked = models.IsEmptyCondition(is_empty=models.PayloadField(key=MARK))
    marked = models.Filter(must_not=[unmarked])
    points, _ = client.scroll(
        collection, scroll_filter=marked, limit=1, with_payload=False
    )
    return bool(points) or client.count(collection, exact=True).count == 0
