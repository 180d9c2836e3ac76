"""A collection, its originals in another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import BadFile, Conflict, NotFound, instead
from govd.keeping.seen import Seen
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
from govd_chroma.folder import Folder
from govd_chroma.records import (
    Records,
    is_intact,
    lacks,
    late_ids,
    mark_of,
    portions_of,
)
from govd_chroma.settings import (
    PLAN,
    STAMP,
    SWITCH,
    cosine_of,
    note,
    space_of,
    without_own,
)

BESIDE: Final[tuple[Generation, ...]] = ("base", "next")
BUSY: Final = (
    "free pages of its database, which others use at this moment (`chroma vacuum`)"
)
REMAINS: Final = (
    "write-ahead rows that Chroma has not dropped yet (`chroma vacuum`)",
    "backups, snapshots, freed blocks of the disk",
)


class ChromaStore:
    """The records of a collection."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._read: Seen[dict[str, str]] = Seen()
        self._at = Folder(folder, name)
        with self._at.use():
            self._at.recover()
            if self._at.at("searched") is None:
                raise BadFile(
                    f"there is no collection {name}",
                    where=str(folder),
                    advice=instead(name, self._at.names(), "Collections there"),
                )

    # -- what it is

    def facts(self) -> StoreFacts:
        """See `govd.types.Store`."""
        with self._at.use():
            collection = self._at.at("searched")
            rows = collection.count()
            dim = self._dim(collection)
            space = space_of(collection)
        keeps = f"the collection {self._at.place('base')}"
        size = rows * dim * 4
        return StoreFacts(
            "chroma", dim, "float32", rows, size, keeps, f"HNSW ({space})", marks=True
        )

    def _dim(self, collection: Any) -> int:
        vectors = collection.get(limit=1, include=["embeddings"])["embeddings"]
        if len(vectors) == 0:
            raise BadFile("it has no vectors yet", where=str(self.folder))
        return int(np.shape(vectors)[1])

    def stamp(self) -> StoreStamp | None:
        """See `govd.types.Store`."""
        with self._at.use():
            return self._at.stamp("searched")

    def held(self) -> Sequence[StoreStamp]:
        """See `govd.types.Store`."""
        with self._at.use():
            stamps = (self._at.stamp("searched"), self._at.stamp("base"))
        return [stamp for stamp in stamps if stamp is not None]

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """See `govd.types.Store`.

        Raises:
            Conflict: it is stamped.
        """
        with self._at.use():
            check_unstamped(self._at.stamp("searched"), str(self.folder))
            collection = self._at.at("searched")
            counted = replace(stamp, rows=collection.count(), sha256="")
            Records(collection).mark(stamp.revision)
            note(collection, {STAMP: json.dumps(counted.as_json())})
        return counted

    # -- reading and writing

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        with self._at.use():
            collection = self._at.at(generation)
            names = Records(collection).ids() if collection is not None else []
        return portions_of(sorted(names), rows)

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`."""
        with self._at.use():
            records = self._at.records(generation)
            items = list(records.get(json.loads(portion.name)).values())
            if generation == "searched":
                traces = {item.id: item.trace for item in items}
                self._read.keep(portion.name, traces)
            dim = len(items[0].vector) if items else self._dim(self._at.at("searched"))
            is_rescaled = space_of(records.collection) == "cosine"
        return Batch(
            [item.id for item in items],
            np.stack([item.vector for item in items])
            if items
            else np.zeros((0, dim), np.float32),
            [mark_of(item) for item in items],
            rescaled=is_rescaled,
        )

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """See `govd.types.Store`."""
        plan = json.dumps([expected.as_json(), stamp.as_json()])
        with self._at.use():
            self._check(expected)
            begun = self._at.at("next")
            if begun is not None:
                if (begun.metadata or {}).get(PLAN) == plan:
                    return
                self._at.delete("next")
            source = self._at.at("searched")
            hnsw = source.configuration_json.get("hnsw") or {}
            settings: Any = {
                key: value for key, value in hnsw.items() if value is not None
            }
            self._at.client.create_collection(
                self._at.place("next"),
                metadata=without_own(source.metadata) | {PLAN: plan},
                configuration={"hnsw": settings},
                embedding_function=None,
            )

    def _check(self, expected: StoreStamp) -> None:
        check_expected(self._at.stamp("searched"), expected, str(self.folder))

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`."""
        with self._at.use():
            traces = self._read.take(portion.name)
            following = self._at.records("next")
            wanted = StoreStamp.from_json(
                json.loads(following.collection.metadata[PLAN])[1]
            )
            present = self._at.records("searched").get(list(batch.keys))
            has_base = traces is None and self._at.at("base") is not None
            written = []
            kept = []
            lost = []
            for place, key in enumerate(batch.keys):
                before = present.get(key)
                if before is None or not is_intact(before, traces, has_base):
                    continue
                mark = batch.marks[place] if batch.marks else None
                written.append(
                    before.with_vector(batch.vectors[place], mark, before.trace)
                )
                if originals is not None and mark == wanted.revision:
                    kept.append(before.with_vector(originals[place], 0, ""))
                elif originals is not None:
                    lost.append(key)
            following.put(written)
            if originals is not None:
                base = self._at.records("base")
                base.put(kept)
                base.delete(lost)

    def late(self, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        with self._at.use():
            return portions_of(
                late_ids(self._at.records("searched"), self._at.records("next")), rows
            )

    # -- switching

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or it holds none of this one.
        """
        with self._at.use():
            self._check(expected)
            searched = self._at.records("searched")
            following = self._at.at("next")
            plan = json.loads(
                ((following and following.metadata) or {}).get(PLAN, "[null, null]")
            )
            base = self._at.stamp("base")
            if plan[1] is not None and StoreStamp.from_json(plan[1]).is_of(stamp):
                source: Generation = "next"
                if late_ids(searched, Records(following)):
                    return None
            elif base is not None and base.is_of(stamp):
                source = "base"
                if lacks(searched, self._at.records("base")):
                    return None
            else:
                raise Conflict(
                    "it holds no vectors of this stamp", where=str(self.folder)
                )
            records = self._at.records(source)
            present = set(searched.ids())
            records.delete([name for name in records.ids() if name not in present])
            counted = replace(stamp, rows=records.collection.count(), sha256="")
            note(
                records.collection, {STAMP: json.dumps(counted.as_json()), SWITCH: True}
            )
            if source == "next" and base is None:
                searched.collection.modify(name=self._at.place("base"))
            else:
                self._at.delete("searched")
            self._at.recover()
            if source == "base" and following is not None:
                self._at.delete("next")
        return counted

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        with self._at.use():
            collection = self._at.at("searched")
            answer = collection.query(
                query_embeddings=np.asarray(queries, np.float32),
                n_results=max(1, min(limit, collection.count())),
                include=["distances", "embeddings"],
            )
            space = space_of(collection)
        return [
            [
                Hit(name, cosine_of(space, distance, vector))
                for name, distance, vector in zip(*columns, strict=True)
            ]
            for columns in zip(
                answer["ids"], answer["distances"], answer["embeddings"], strict=True
            )
        ]

    def fetch(self, keys: Sequence[str]) -> Floats:
        """See `govd.types.Store`.

        Raises:
            NotFound: one of them is not there.
        """
        with self._at.use():
            items = self._at.records("searched").get(list(keys))
        missing = [key for key in keys if key not in items]
        if missing:
            raise NotFound(f"there is no record {missing[0]}", where=str(self.folder))
        return np.stack([items[key].vector for key in keys])

    # -- letting go

    def purge(self, progress: Progress = silent) -> Purged:
        """See `govd.types.Store`."""
        size = 0
        with self._at.use():
            dim = self._dim(self._at.at("searched"))
            for place, generation in enumerate(BESIDE, 1):
                collection = self._at.at(generation)
                if collection is not None:
                    size += collection.count() * dim * 4
                    self._at.delete(generation)
                progress("collections", place, 2)
            self._at.sweep()
            remains = REMAINS if self._at.vacuum() else (*REMAINS, BUSY)
        return Purged(size, None, remains)

    def close(self) -> None:
        """See `govd.types.Store`."""
