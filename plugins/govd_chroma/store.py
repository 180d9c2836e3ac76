"""A collection, its originals in another."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import chromadb
import numpy as np
from chromadb.config import Settings
from chromadb.errors import ChromaError, NotFoundError

from govd.errors import BadFile, Conflict, GovdError, MachineFault, NotFound
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
_alone = threading.RLock()


class ChromaStore:
    """The records of a collection."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._read: dict[str, dict[str, str]] = {}
        with self._use():
            settings = Settings(anonymized_telemetry=False)
            self._client = chromadb.PersistentClient(str(folder), settings=settings)
            self._recover()
            if self._at("searched") is None:
                raise BadFile(f"there is no collection {name}", where=str(folder))

    @contextmanager
    def _use(self) -> Iterator[None]:
        """One thread at a time, and what the library refuses in govd's words.

        Raises:
            BadFile: what is asked for is not there. MachineFault: it cannot be written.
        """
        try:
            with _alone:
                yield
        except GovdError:
            raise
        except NotFoundError as fault:
            raise BadFile(str(fault), where=str(self.folder)) from None
        except (ChromaError, OSError, sqlite3.Error) as fault:
            words = f"Chroma refuses ({str(fault)[:300]})"
            raise MachineFault(words, where=str(self.folder)) from None

    def _place(self, generation: Generation) -> str:
        return (
            self.name if generation == "searched" else f"{self.name}_govd_{generation}"
        )

    def _at(self, generation: Generation) -> Any:
        """The collection of a generation; None where there is none."""
        try:
            return self._client.get_collection(
                self._place(generation), embedding_function=None
            )
        except NotFoundError:
            return None

    def _records(self, generation: Generation) -> Records:
        collection = self._at(generation)
        if collection is None:
            raise NotFound(
                f"there are no vectors of {generation}", where=str(self.folder)
            )
        return Records(collection)

    def _stamp(self, generation: Generation) -> StoreStamp | None:
        collection = self._at(generation)
        text = ((collection and collection.metadata) or {}).get(STAMP)
        return StoreStamp.from_json(json.loads(text)) if text else None

    # -- what it is

    def facts(self) -> StoreFacts:
        """See `govd.types.Store`."""
        with self._use():
            collection = self._at("searched")
            rows = collection.count()
            dim = self._dim(collection)
            space = space_of(collection)
        keeps = f"the collection {self._place('base')}"
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
        with self._use():
            return self._stamp("searched")

    def held(self) -> Sequence[StoreStamp]:
        """See `govd.types.Store`."""
        with self._use():
            stamps = (self._stamp("searched"), self._stamp("base"))
        return [stamp for stamp in stamps if stamp is not None]

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """See `govd.types.Store`.

        Raises:
            Conflict: it is stamped.
        """
        with self._use():
            if self._stamp("searched") is not None:
                raise Conflict("it is stamped already", where=str(self.folder))
            collection = self._at("searched")
            counted = replace(stamp, rows=collection.count(), sha256="")
            Records(collection).mark(stamp.revision)
            note(collection, {STAMP: json.dumps(counted.as_json())})
        return counted

    # -- reading and writing

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        with self._use():
            collection = self._at(generation)
            names = Records(collection).ids() if collection is not None else []
        return portions_of(sorted(names), rows)

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`."""
        with self._use():
            records = self._records(generation)
            items = list(records.get(json.loads(portion.name)).values())
            if generation == "searched":
                self._read[portion.name] = {item.id: item.trace for item in items}
                while len(self._read) > 64:
                    self._read.pop(next(iter(self._read)))
            dim = len(items[0].vector) if items else self._dim(self._at("searched"))
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
        with self._use():
            self._check(expected)
            begun = self._at("next")
            if begun is not None:
                if (begun.metadata or {}).get(PLAN) == plan:
                    return
                self._client.delete_collection(self._place("next"))
            source = self._at("searched")
            hnsw = source.configuration_json.get("hnsw") or {}
            settings: Any = {
                key: value for key, value in hnsw.items() if value is not None
            }
            self._client.create_collection(
                self._place("next"),
                metadata=without_own(source.metadata) | {PLAN: plan},
                configuration={"hnsw": settings},
                embedding_function=None,
            )

    def _check(self, expected: StoreStamp) -> None:
        if self._stamp("searched") != expected:
            raise Conflict(
                "its stamp is not the one that was read before: somebody was quicker",
                where=str(self.folder),
                advice="Look at it again (`govd store show`), then patch again.",
            )

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`."""
        with self._use():
            traces = self._read.pop(portion.name, None)
            following = self._records("next")
            wanted = StoreStamp.from_json(
                json.loads(following.collection.metadata[PLAN])[1]
            )
            present = self._records("searched").get(list(batch.keys))
            has_base = traces is None and self._at("base") is not None
            written, kept, lost = [], [], []
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
                base = self._records("base")
                base.put(kept)
                base.delete(lost)

    def late(self, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        with self._use():
            return portions_of(
                late_ids(self._records("searched"), self._records("next")), rows
            )

    # -- switching

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or it holds none of this one.
        """
        with self._use():
            self._check(expected)
            searched, following = self._records("searched"), self._at("next")
            plan = json.loads(
                ((following and following.metadata) or {}).get(PLAN, "[null, null]")
            )
            base = self._stamp("base")
            if plan[1] is not None and StoreStamp.from_json(plan[1]).is_of(stamp):
                source: Generation = "next"
                if late_ids(searched, Records(following)):
                    return None
            elif base is not None and base.is_of(stamp):
                source = "base"
                if lacks(searched, self._records("base")):
                    return None
            else:
                raise Conflict(
                    "it holds no vectors of this stamp", where=str(self.folder)
                )
            records = self._records(source)
            present = set(searched.ids())
            records.delete([name for name in records.ids() if name not in present])
            counted = replace(stamp, rows=records.collection.count(), sha256="")
            note(
                records.collection, {STAMP: json.dumps(counted.as_json()), SWITCH: True}
            )
            if source == "next" and base is None:
                searched.collection.modify(name=self._place("base"))
            else:
                self._client.delete_collection(self.name)
            self._recover()
            if source == "base" and following is not None:
                self._client.delete_collection(self._place("next"))
        return counted

    def _recover(self) -> None:
        """End a switch: give the collection that is to be searched its name."""
        if self._at("searched") is not None:
            return
        for generation in ("next", "base"):
            collection = self._at(generation)
            if collection is not None and (collection.metadata or {}).get(SWITCH):
                collection.modify(name=self.name)
                stamp = collection.metadata[STAMP]
                collection.modify(
                    metadata=without_own(collection.metadata) | {STAMP: stamp}
                )
                return

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        with self._use():
            collection = self._at("searched")
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
        with self._use():
            items = self._records("searched").get(list(keys))
        missing = [key for key in keys if key not in items]
        if missing:
            raise NotFound(f"there is no record {missing[0]}", where=str(self.folder))
        return np.stack([items[key].vector for key in keys])

    # -- letting go

    def purge(self, progress: Progress = silent) -> Purged:
        """See `govd.types.Store`."""
        size = 0
        with self._use():
            dim = self._dim(self._at("searched"))
            for place, generation in enumerate(BESIDE, 1):
                collection = self._at(generation)
                if collection is not None:
                    size += collection.count() * dim * 4
                    self._client.delete_collection(self._place(generation))
                progress("collections", place, 2)
            remains = REMAINS if self._vacuum() else (*REMAINS, BUSY)
        return Purged(size, None, remains)

    def _vacuum(self) -> bool:
        """Let the database write itself anew, without free pages; False where others use it."""
        database = sqlite3.connect(self.folder / "chroma.sqlite3", timeout=10)
        try:
            database.execute("VACUUM")
        except sqlite3.OperationalError:
            return False
        finally:
            database.close()
        return True

    def close(self) -> None:
        """See `govd.types.Store`."""
