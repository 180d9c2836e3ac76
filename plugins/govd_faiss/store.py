"""A FAISS index, its originals beside it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from govd.errors import BadFile, NotFound
from govd.keeping.arrays import mapped, put, room
from govd.keeping.files import faults, gone, ident_of, json_in, write_json
from govd.keeping.spans import LATE, bounds, is_late, spans
from govd.keeping.stamps import (
    check_expected,
    check_unstamped,
    held_of,
    is_same_plan,
    plan_of,
)
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
from govd_faiss.index import Index
from govd_faiss.making import BLOCK, Came, finish, make
from govd_faiss.state import IndexState

FINE: Final = 0.02
"""By how much scores of float16 and of 8-bit codes differ from cosines at most."""
COARSE: Final = 2.0
"""The same of product codes: they tell neighbours, and say nothing of a single vector."""


class FaissStore:
    """The vectors of one index."""

    def __init__(self, path: Path, originals: Path | None = None) -> None:
        self.path = path
        self.at = IndexState(path, originals)
        self.at.index()  # refuses what cannot be rebuilt
        self._late: dict[tuple[int, bytes], Came] = {}
        self._lock = threading.RLock()

    # -- what it is

    def facts(self) -> StoreFacts:
        """See `govd.types.Store`."""
        index = self.at.index()
        lossy = (
            ""
            if index.is_exact or self.at.originals
            else f"{index.kind} keeps codes of them"
        )
        return StoreFacts(
            "faiss",
            index.dim,
            "float32",
            index.rows,
            index.rows * index.dim * 4,
            f"the originals in {self.at.folder.name}",
            "" if index.kind.startswith("IndexFlat") else index.kind,
            lossy,
            marks=True,
            drift=COARSE if index.kind.endswith("PQ") else FINE,
        )

    def stamp(self) -> StoreStamp | None:
        """See `govd.types.Store`."""
        with self._lock, self._faults():
            if json_in(self.at.folder / "switch.json") is not None:
                self._finish()
        return self.at.stamp("stamp")

    def held(self) -> Sequence[StoreStamp]:
        """See `govd.types.Store`."""
        stamps = (self.stamp(), self.at.stamp("base"))
        return [stamp for stamp in stamps if stamp is not None]

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """See `govd.types.Store`.

        Raises:
            Conflict: it is stamped. BadFile: several rows have one id.
        """
        check_unstamped(self.stamp(), str(self.path))
        index = self.at.index()
        index.check_ids()
        counted = replace(stamp, rows=index.rows)
        with self._faults():
            write_json(self.at.beside, {**counted.as_json(), "base": None})
        return counted

    # -- reading

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        is_snapshot = self.at.is_planned or generation != "searched"
        if generation == "base" and not self.at.has_base():
            return []
        count = len(self.at.ground_ids()) if is_snapshot else self.at.index().rows
        return spans(count, rows)

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`.

        Raises:
            BadFile: they are not there.
        """
        name, start, stop = bounds(portion)
        if is_late(portion):
            return self._read_late(generation, name, start, stop)
        if generation == "searched" and not self.at.is_planned:
            index = self.at.index()
            keys = [str(number) for number in index.ids[start:stop]]
            rows = self.at.exact(index, start, stop)
            return Batch(keys, rows, self.at.marks(index, start, stop))
        path = (
            self.at.next / "made.npy"
            if generation == "next"
            else self.at.ground() / "base.npy"
        )
        if not path.exists():
            raise BadFile(f"no vectors of {generation} are there", where=str(self.path))
        keys = [str(number) for number in self.at.ground_ids()[start:stop]]
        return Batch(keys, np.array(mapped(path)[start:stop]))

    def _read_late(
        self, generation: Generation, ident: str, start: int, stop: int
    ) -> Batch:
        index = self._same(ident)
        places = self.at.unknown(index)[start:stop]
        rows = self.at.picked(index, places)
        keys = [str(number) for number in index.ids[places]]
        if generation != "next":
            return Batch(keys, rows, [None] * len(keys))
        vectors = [
            self._late[int(number), row.tobytes()].vector
            for number, row in zip(index.ids[places], rows, strict=True)
        ]
        return Batch(keys, np.stack(vectors) if vectors else rows)

    def _same(self, ident: str) -> Index:
        """The index, where it is still the same file.

        Raises:
            BadFile: it is not.
        """
        index = self.at.index()
        if ident_of(self.path) != ident:
            raise BadFile(
                "it was written anew meanwhile: patch again", where=str(self.path)
            )
        return index

    # -- writing

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """See `govd.types.Store`."""
        self._check(expected)
        plan = plan_of(expected, stamp)
        with self._lock, self._faults():
            begun = json_in(self.at.next / "plan.json")
            if not is_same_plan(begun, plan):
                self.at.index().check_ids()
                gone(self.at.next)
                self.at.next.mkdir(parents=True)
                if expected.revision == 0:
                    self._staged()
                shape = (len(self.at.ground_ids()), self.at.index().dim)
                room(self.at.next / "made.npy", shape, np.float32)
                write_json(self.at.next / "plan.json", plan)
            self._late.clear()
            self.at.is_planned = True

    def _staged(self) -> None:
        """Copy what is searched, which are the originals."""
        index = self.at.index()
        folder = self.at.next / "ground"
        folder.mkdir()
        np.save(folder / "ids.npy", index.ids)
        shape = (index.rows, index.dim)
        put(folder / "base.npy", shape, np.float32, self._exact(index))
        os.link(folder / "base.npy", folder / "searched.npy")

    def _exact(self, index: Index) -> Iterator[Floats]:
        for start in range(0, index.rows, BLOCK):
            yield self.at.exact(index, start, min(start + BLOCK, index.rows))

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`."""
        name, start, stop = bounds(portion)
        with self._lock, self._faults():
            if not is_late(portion):
                following = mapped(self.at.next / "made.npy", write=True)
                following[start:stop] = batch.vectors
                return
            index = self._same(name)
            places = self.at.unknown(index)[start:stop]
            rows = self.at.picked(index, places)
            revision = json_in(self.at.next / "plan.json")["to"]["revision"]
            for i, (number, row) in enumerate(
                zip(index.ids[places], rows, strict=True)
            ):
                is_known = batch.marks is not None and batch.marks[i] == revision
                self._late[int(number), row.tobytes()] = Came(
                    batch.vectors[i].copy(), row, is_known
                )

    def late(self, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        index = self.at.index()
        ident = ident_of(self.path)
        count = len(self.at.unknown(index))
        if self._is_whole(index):
            return []
        return spans(count, rows, LATE + ident)

    def _is_whole(self, index: Index) -> bool:
        """Whether each row that came in was written."""
        return None not in self._came(index)

    def _came(self, index: Index) -> list[Came | None]:
        """What was written of rows that came in, in their order; None: nothing."""
        places = self.at.unknown(index)
        rows = zip(index.ids[places], self.at.picked(index, places), strict=True)
        return [self._late.get((int(number), row.tobytes())) for number, row in rows]

    # -- switching

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or it holds none of this one.
        """
        self._check(expected)
        begun = json_in(self.at.next / "plan.json")
        base = self.at.stamp("base")
        is_next = held_of(begun, base, stamp, str(self.path)) is not None
        with self._lock, self._faults():
            index = self.at.index()
            ident = ident_of(self.path)
            if not self._is_whole(index):
                return None
            source = (
                self.at.next / "made.npy" if is_next else self.at.ground() / "base.npy"
            )
            make(self.at, index, mapped(source), stamp, self._came(index))
            if ident_of(self.path) != ident:
                return None
            counted = replace(stamp, rows=index.rows).as_json()
            kept = (base or expected).as_json() if stamp.revision else None
            state = {"ident": ident, "stamp": {**counted, "base": kept}}
            write_json(self.at.folder / "switch.json", state)
            return self._finish()

    def _finish(self) -> StoreStamp:
        stamp = finish(self.at)
        self._late.clear()
        return stamp

    def _check(self, expected: StoreStamp) -> None:
        check_expected(self.stamp(), expected, str(self.path))

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        index = self.at.index()
        if not index.rows:
            return [[] for _ in queries]
        hits = []
        for measures, ids in zip(
            *index.search(queries, min(limit, index.rows)), strict=True
        ):
            there = ids >= 0
            rows = self.fetch([str(number) for number in ids[there]])
            scores = index.cosines(measures[there], rows)
            order = np.argsort(-scores, kind="stable")
            hits.append([Hit(str(ids[there][i]), float(scores[i])) for i in order])
        return hits

    def fetch(self, keys: Sequence[str]) -> Floats:
        """See `govd.types.Store`.

        Raises:
            NotFound: there is no such row.
        """
        index = self.at.index()
        numbers = np.array([int(key) for key in keys], np.int64)
        order = np.argsort(index.ids, kind="stable")
        spots = np.minimum(
            np.searchsorted(index.ids[order], numbers), max(index.rows - 1, 0)
        )
        if len(numbers) and (
            not index.rows or (index.ids[order[spots]] != numbers).any()
        ):
            raise NotFound("there is no such row", where=str(self.path))
        return self.at.picked(index, order[spots] if len(numbers) else spots)

    # -- letting go

    def purge(self, progress: Progress = silent) -> Purged:
        """See `govd.types.Store`."""
        self.stamp()
        with self._lock, self._faults():
            files = [file for file in self.at.folder.rglob("*.npy") if file.is_file()]
            sizes = {file.stat().st_ino: file.stat().st_size for file in files}
            gone(self.at.folder)
            state = json_in(self.at.beside)
            if state is not None:
                write_json(self.at.beside, {**state, "base": None})
        progress("files", len(files), len(files))
        remains = [
            "copies that the file system keeps: snapshots, backups, freed blocks"
        ]
        remains.append(
            "the index of before in programs that have loaded it, until they read again"
        )
        if self.at.originals is not None:
            remains.append(
                f"the originals in {self.at.originals}, which are yours to take away"
            )
        return Purged(sum(sizes.values()), None, tuple(remains))

    def close(self) -> None:
        """See `govd.types.Store`."""

    def _faults(self) -> AbstractContextManager[None]:
        """What FAISS or the file system refuses."""
        return faults(self.path, RuntimeError)
