"""A FAISS index, its originals beside it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from govd.edit.beside import json_in, write_json
from govd.errors import BadFile, Conflict, NotFound
from govd.types import (
    Batch,
    Floats,
    Generation,
    Hit,
    Json,
    Portion,
    Progress,
    Purged,
    StoreFacts,
    StoreStamp,
    silent,
)
from govd_faiss.index import Index
from govd_faiss.kept import array, faults, gone, put
from govd_faiss.making import BLOCK, Came, make
from govd_faiss.standing import Standing, ident_of

LATE: Final = "late:"
"""How portions of rows begin that came in meanwhile."""


class FaissStore:
    """The vectors of one index."""

    def __init__(self, path: Path, originals: Path | None = None) -> None:
        self.path = path
        self.at = Standing(path, originals)
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
        )

    def stamp(self) -> StoreStamp | None:
        """See `govd.types.Store`."""
        with self._lock, faults(self.path):
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
            Conflict: it is stamped.
        """
        if self.stamp() is not None:
            raise Conflict("it is stamped already", where=str(self.path))
        counted = replace(stamp, rows=self.at.index().rows)
        with faults(self.path):
            write_json(self.at.beside, {**counted.as_json(), "base": None})
        return counted

    # -- reading

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        is_snapshot = self.at.is_planned or generation != "searched"
        if generation == "base" and not self.at.has_base():
            return []
        count = len(self.at.ground_ids()) if is_snapshot else self.at.index().rows
        return [
            _portion("", start, min(start + rows, count))
            for start in range(0, count, rows)
        ]

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`."""
        name, start, stop = _bounds(portion)
        if portion.name.startswith(LATE):
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
        return Batch(keys, np.array(array(path)[start:stop]))

    def _read_late(
        self, generation: Generation, ident: str, start: int, stop: int
    ) -> Batch:
        index = self._same(ident)
        places = self.at.unknown(index)[start:stop]
        rows = self.at.picked(index, places)
        keys = [str(number) for number in index.ids[places]]
        if generation != "next":
            return Batch(keys, rows, [None] * len(keys))
        made = [
            self._late[int(number), row.tobytes()].vector
            for number, row in zip(index.ids[places], rows, strict=True)
        ]
        return Batch(keys, np.stack(made) if made else rows)

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
        plan = {"from": expected.as_json(), "to": stamp.as_json()}
        with self._lock, faults(self.path):
            begun = json_in(self.at.next / "plan.json")
            if begun is None or any(begun[name] != plan[name] for name in plan):
                gone(self.at.next)
                self.at.next.mkdir(parents=True)
                if expected.revision == 0:
                    self._staged()
                put(
                    self.at.next / "made.npy",
                    len(self.at.ground_ids()),
                    self.at.index().dim,
                )
                write_json(self.at.next / "plan.json", plan)
            self._late.clear()
            self.at.is_planned = True

    def _staged(self) -> None:
        """Copy what is searched, which are the originals."""
        index, folder = self.at.index(), self.at.next / "ground"
        folder.mkdir()
        np.save(folder / "ids.npy", index.ids)
        put(folder / "base.npy", index.rows, index.dim, self._exact(index))
        os.link(folder / "base.npy", folder / "searched.npy")

    def _exact(self, index: Index) -> Iterator[Floats]:
        for start in range(0, index.rows, BLOCK):
            yield self.at.exact(index, start, min(start + BLOCK, index.rows))

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`."""
        name, start, stop = _bounds(portion)
        with self._lock, faults(self.path):
            if not portion.name.startswith(LATE):
                array(self.at.next / "made.npy", write=True)[start:stop] = batch.vectors
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
        index, ident = self.at.index(), ident_of(self.path)
        count = len(self.at.unknown(index))
        if self._is_whole(index):
            return []
        return [
            _portion(f"{LATE}{ident}:", start, min(start + rows, count))
            for start in range(0, count, rows)
        ]

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
        plan = json_in(self.at.next / "plan.json")
        is_next = plan is not None and StoreStamp.from_json(plan["to"]).is_of(stamp)
        base = self.at.stamp("base")
        if not is_next and (base is None or not base.is_of(stamp)):
            raise Conflict("it holds no vectors of this stamp", where=str(self.path))
        with self._lock, faults(self.path):
            index, ident = self.at.index(), ident_of(self.path)
            if not self._is_whole(index):
                return None
            source = (
                self.at.next / "made.npy" if is_next else self.at.ground() / "base.npy"
            )
            make(self.at, index, array(source), stamp, self._came(index))
            if ident_of(self.path) != ident:
                return None
            counted = replace(stamp, rows=index.rows).as_json()
            kept = (base or expected).as_json() if stamp.revision else None
            state = {"ident": ident, "stamp": {**counted, "base": kept}}
            write_json(self.at.folder / "switch.json", state)
            return self._finish()

    def _finish(self) -> StoreStamp:
        """Put the new index in its place, and stamp it; cut off in between, it goes on."""
        switch, made = json_in(self.at.folder / "switch.json"), self.at.folder / "made"
        stamp: Json = switch["stamp"]
        if (made / "index").exists():
            if ident_of(self.path) != switch["ident"]:
                (self.at.folder / "switch.json").unlink()
                raise Conflict(
                    "it was written anew at this moment", where=str(self.path)
                )
            with (made / "index").open("rb") as file:
                os.fsync(file.fileno())
            os.replace(made / "index", self.path)
        if made.exists():
            gone(self.at.folder / "ground")
            os.replace(made, self.at.folder / "ground")
        write_json(self.at.beside, stamp)
        (self.at.folder / "switch.json").unlink()
        gone(self.at.next)
        self._late.clear()
        self.at.is_planned = False
        if not stamp["revision"]:
            gone(self.at.folder)
        return StoreStamp.from_json(stamp)

    def _check(self, expected: StoreStamp) -> None:
        if self.stamp() != expected:
            raise Conflict(
                "its stamp is not the one that was read before: somebody was quicker",
                where=str(self.path),
                advice="Look at it again (`govd store show`), then patch again.",
            )

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        index = self.at.index()
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
        with self._lock, faults(self.path):
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


def _portion(name: str, start: int, stop: int) -> Portion:
    return Portion(f"{name}{start}-{stop}", stop - start)


def _bounds(portion: Portion) -> tuple[str, int, int]:
    """The file that a late portion is of, and the first and last row."""
    name, _, span = portion.name.removeprefix(LATE).rpartition(":")
    start, _, stop = span.partition("-")
    return name, int(start), int(stop)
