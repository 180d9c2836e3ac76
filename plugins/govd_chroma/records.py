"""Records of a collection: read by their ids, and known again by a few numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from govd.keeping import comparing
from govd.types import Floats, Portion

MARK: Final = "govd_revision"
TRACE: Final = "govd_trace"
"""Metadata: what the vector is known by that govd wrote here."""
OF: Final = "govd_of"
"""Metadata: what the searched vector was known by when this one was made."""
OWN: Final = (MARK, TRACE, OF)
PAGE: Final = 1000


@dataclass(frozen=True)
class Item:
    """A record: its id, its vector `(d,)`, metadata, document, URI."""

    id: str
    vector: Floats
    metadata: Mapping[str, Any]
    document: str | None
    uri: str | None

    @property
    def trace(self) -> str:
        """What its vector is known by."""
        return trace_of(self.vector)

    @property
    def is_as_written(self) -> bool:
        """Whether the vector is still the one that govd has written."""
        return is_near(self.trace, self.metadata.get(TRACE))

    def with_vector(self, vector: Floats, mark: int | None, of: str) -> Item:
        """The same record with another vector `(d,)`; `of`: what it was made of is known by."""
        own = {MARK: mark, TRACE: trace_of(vector), OF: of}
        metadata = {
            key: value for key, value in self.metadata.items() if key not in OWN
        } | own
        return replace(
            self,
            vector=vector,
            metadata={
                key: value for key, value in metadata.items() if value is not None
            },
        )


def trace_of(vector: Floats) -> str:
    """A few numbers that a vector `(d,)` is known by, as text: metadata hold no lists."""
    return " ".join(f"{number:.6f}" for number in comparing.trace_of(vector))


def is_near(some: str, others: str | None) -> bool:
    """Whether both are of one vector."""
    return comparing.is_near(_numbers(some), _numbers(others or ""))


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split()]


class Records:
    """The records of one collection of the library."""

    def __init__(self, collection: Any) -> None:
        self.collection = collection

    def ids(self) -> list[str]:
        """All ids, in the order of the collection."""
        names: list[str] = []
        while True:
            page = self.collection.get(limit=10 * PAGE, offset=len(names), include=[])[
                "ids"
            ]
            names += page
            if len(page) < 10 * PAGE:
                return names

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Records by their ids, in that order; those that are not there are left out."""
        items: dict[str, Item] = {}
        for start in range(0, len(ids), PAGE):
            part = list(ids[start : start + PAGE])
            answer = self.collection.get(
                ids=part, include=["embeddings", "metadatas", "documents", "uris"]
            )
            columns = zip(
                answer["ids"],
                np.asarray(answer["embeddings"], np.float32),
                answer["metadatas"],
                answer["documents"],
                answer["uris"],
                strict=True,
            )
            page = {
                name: Item(name, row, meta or {}, doc, uri)
                for name, row, meta, doc, uri in columns
            }
            items |= {name: page[name] for name in part if name in page}
        return items

    def pages(self) -> Iterator[list[Item]]:
        """All records."""
        names = self.ids()
        for start in range(0, len(names), PAGE):
            yield list(self.get(names[start : start + PAGE]).values())

    def put(self, items: Sequence[Item]) -> None:
        """Write records whole, in place of those of the same ids."""
        for start in range(0, len(items), PAGE):
            part = items[start : start + PAGE]
            self.collection.delete(ids=[item.id for item in part])
            self.collection.add(
                ids=[item.id for item in part],
                embeddings=np.stack([item.vector for item in part]),
                metadatas=[dict(item.metadata) or None for item in part],
                documents=_or_none([item.document for item in part]),
                uris=_or_none([item.uri for item in part]),
            )

    def mark(self, revision: int) -> None:
        """Let all records say what encoded them."""
        names = self.ids()
        for start in range(0, len(names), PAGE):
            part = names[start : start + PAGE]
            self.collection.update(ids=part, metadatas=[{MARK: revision}] * len(part))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete records."""
        for start in range(0, len(ids), PAGE):
            self.collection.delete(ids=list(ids[start : start + PAGE]))


def _or_none(values: list[str | None]) -> list[str | None] | None:
    return values if any(value is not None for value in values) else None


def late_ids(searched: Records, following: Records) -> list[str]:
    """Ids of searched records that `next` lacks, or has made of another vector."""
    late = []
    for page in searched.pages():
        beside = following.get([item.id for item in page])
        for item in page:
            written = beside.get(item.id)
            if written is None or not is_near(item.trace, written.metadata.get(OF)):
                late.append(item.id)
    return late


def lacks(searched: Records, kept: Records) -> bool:
    """Whether there are searched records that the originals lack, or that somebody has written anew
    since. What users changed beside the vectors is brought to the originals.
    """
    for page in searched.pages():
        originals = kept.get([item.id for item in page])
        if len(originals) < len(page) or not all(item.is_as_written for item in page):
            return True
        changed = []
        for item in page:
            original = originals[item.id]
            own = {
                key: original.metadata[key] for key in OWN if key in original.metadata
            }
            others = {
                key: value for key, value in item.metadata.items() if key not in OWN
            }
            carried = replace(item, vector=original.vector, metadata=others | own)
            if (carried.metadata, item.document, item.uri) != (
                original.metadata,
                original.document,
                original.uri,
            ):
                changed.append(carried)
        kept.put(changed)
    return False


def is_intact(before: Item, traces: Mapping[str, str] | None, has_base: bool) -> bool:
    """Whether a searched record is the one that was read, or that its original belongs to."""
    if has_base:
        return before.is_as_written
    return traces is None or traces.get(before.id) == before.trace


def mark_of(item: Item) -> int | None:
    mark = item.metadata.get(MARK)
    return None if mark is None else int(mark)


def portions_of(names: Sequence[str], rows: int) -> list[Portion]:
    """Portions that name their records one by one: Chroma has no order of ids."""
    size = min(rows, PAGE)
    parts = [list(names[start : start + size]) for start in range(0, len(names), size)]
    return [Portion(json.dumps(part), len(part)) for part in parts]
