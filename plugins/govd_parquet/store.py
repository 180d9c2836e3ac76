"""A table in files, its originals beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from govd.errors import BadFile, Conflict, NotFound
from govd.keeping.arrays import mapped, room
from govd.keeping.comparing import nearest
from govd.keeping.files import faults, gone, json_in, write_json
from govd.keeping.spans import LATE, bounds, is_late, span, spans
from govd.keeping.stamps import (
    check_column,
    check_expected,
    check_unstamped,
    held_of,
    is_same_plan,
    plan_of,
    stamp_of,
)
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
from govd_parquet.files import Files
from govd_parquet.kept import Ground
from govd_parquet.reading import Reader
from govd_parquet.state import READ_ROWS, TableState
from govd_parquet.switching import Part, finish, make_all
from govd_parquet.tables import Table


class ParquetStore:
    """The vectors of a column of one file or of several."""

    def __init__(self, path: Path, column: str = "", key: str = "") -> None:
        self.path, self.folder = path, Path(f"{path}.govd")
        self.files = Files(path, column, key)
        self.shape = self.files.shape
        self._reader = Reader(self.files)
        self.at = TableState(self.files, self.folder)
        self._hits: dict[str, Floats] = {}

    # -- what it is

    def facts(self) -> StoreFacts:
        """See `govd.types.Store`."""
        tables = self.files.tables()
        rows = sum(table.rows for table in tables.values())
        size = rows * self.shape.dim * np.dtype(self.shape.dtype).itemsize
        return StoreFacts(
            self.files.kind,
            self.shape.dim,
            self.shape.dtype,
            rows,
            size,
            f"the originals in {self.folder.name}",
            at_once=len(tables) == 1,
            marks=True,
        )

    def stamp(self) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            BadFile: what lies beside it is no stamp. Conflict: it is of another column.
        """
        with self.at.lock, faults(self.folder):
            if json_in(self.folder / "switch.json") is not None:
                finish(self.files, self.folder)
        state = json_in(self.files.beside)
        check_column(state, self.shape.column, str(self.files.beside))
        stamp = stamp_of(state, str(self.files.beside))
        return self.files.stamp() if stamp is None else stamp

    def held(self) -> Sequence[StoreStamp]:
        """See `govd.types.Store`."""
        stamp = self.stamp()
        base = (json_in(self.files.beside) or {}).get("base")
        stamps = [] if stamp is None else [stamp]
        return [*stamps, StoreStamp.from_json(base)] if base else stamps

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """See `govd.types.Store`.

        Raises:
            Conflict: it is stamped.
        """
        check_unstamped(self.stamp(), str(self.path))
        self.files.check_keys()
        digest, files = hashlib.sha256(), {}
        for rel, table in self.files.tables().items():
            for block in table.vectors(self.shape, READ_ROWS):
                digest.update(np.ascontiguousarray(block).view(np.uint8).data)
            files[rel] = {"ident": table.ident, "rows": table.rows}
        rows = sum(int(file["rows"]) for file in files.values())
        counted = replace(stamp, rows=rows, sha256=digest.hexdigest())
        state = {"column": self.shape.column, "files": files}
        with faults(self.path):
            write_json(self.files.beside, counted.as_json() | state)
        return counted

    # -- reading

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        ground = self.at.ground()
        if generation == "searched" and not self.at.is_snapshot():
            tables = self.files.tables()
            return [
                span(*edges, rel) for rel in tables for edges in tables[rel].spans(rows)
            ]
        if ground is None or (generation == "base" and not self.at.revision()):
            return []
        return [
            portion
            for rel, file in ground.files.items()
            for portion in spans(int(file["rows"]), rows, rel)
        ]

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`.

        Raises:
            BadFile: they are not there.
        """
        rel, start, stop = bounds(portion)
        if is_late(portion):
            return self._read_late(generation, rel, start, stop)
        if generation == "searched" and not self.at.is_snapshot():
            return self._searched(rel, start, stop)
        ground = self.at.ground()
        path = None if ground is None else ground.path(rel)
        if generation == "next":
            path = self.at.part("rows", rel)
        if path is None or not path.exists():
            raise BadFile(
                f"no vectors of {generation} are there", where=f"{self.path}: {rel}"
            )
        rows = np.array(mapped(path)[start:stop])
        return Batch(self.at.ground_keys(rel, start, stop), rows)

    def _searched(self, rel: str, start: int, stop: int) -> Batch:
        table = self.files.table(rel)
        keys, rows = self._reader.read(table, rel, start, stop)
        return Batch(keys, rows, self.at.marks(rel, table, start, stop))

    # -- writing

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or a file of it says another revision.
        """
        self._check(expected)
        plan = plan_of(expected, stamp)
        with self.at.lock, faults(self.folder):
            begun = json_in(self.at.part("plan.json"))
            if not is_same_plan(begun, plan):
                gone(self.folder / "next")
                (self.folder / "next").mkdir(parents=True)
                self.at.origins_of.clear()
                is_base = expected.revision == 0
                files = self._staged() if is_base else self.at.state()["files"]
                self.files.check_keys()
                for rel, file in files.items():
                    shape = (int(file["rows"]), self.shape.dim)
                    room(self.at.part("rows", rel), shape, self.shape.dtype)
                write_json(self.at.part("plan.json"), {**plan, "files": files})
            gone(self.folder / "next" / "late")  # what came in is looked for again
            self.at.is_planned = True

    def _staged(self) -> dict[str, Json]:
        """Copy what is searched, which are the originals; the files it came from.

        Raises:
            Conflict: a file of it says another revision.
        """
        files: dict[str, Json] = {}
        ground = Ground(self.at.part("ground"), files)
        for rel, table in self.files.tables().items():
            if self.at.late_mark(rel, table):
                raise Conflict(
                    f"{rel} is of revision {self.at.late_mark(rel, table)}, the others of none",
                    where=str(self.path),
                    advice="Take it away, or encode its pictures by the unedited model.",
                )
            files[rel] = {"ident": table.ident, "rows": table.rows}
            ground.stage(
                rel, table.rows, table.vectors(self.shape, READ_ROWS), self.shape
            )
        return files

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`."""
        rel, start, stop = bounds(portion)
        with faults(self.folder):
            if not is_late(portion):
                rows = mapped(self.at.part("rows", rel), write=True)
                rows[start:stop] = batch.vectors
                return
            rel, ident = rel.rsplit("@", 1)
            table = self.files.table(rel)
            if table.ident != ident:
                return  # written anew since: what came in is looked for again
            late = self.at.late_rows(rel, table)
            source = self._late_source(rel, table, start, stop)
            revision = json_in(self.at.part("plan.json"))["to"]["revision"]
            marks = batch.marks or [None] * len(batch.keys)
            usable = [
                mark == revision and not self.at.late_mark(rel, table) for mark in marks
            ]
            late.write(
                start, batch.vectors, source if originals is None else originals, usable
            )

    # -- what came in meanwhile

    def late(self, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        portions = []
        for rel, table in self.files.tables().items():
            count = int((self.at.origin(rel, table) < 0).sum())
            if count and self.at.late_rows(rel, table).is_whole():
                continue
            portions += spans(count, rows, f"{LATE}{rel}@{table.ident}")
        return portions

    def _read_late(
        self, generation: Generation, rel: str, start: int, stop: int
    ) -> Batch:
        rel, ident = rel.rsplit("@", 1)
        table = self.files.table(rel)
        if table.ident != ident:
            raise BadFile("it was written anew meanwhile", where=f"{self.path}: {rel}")
        places = np.flatnonzero(self.at.origin(rel, table) < 0)[start:stop]
        keys = self.files.keys(rel, table, places)
        if generation == "next":
            return Batch(
                keys, np.array(self.at.late_rows(rel, table).made()[start:stop])
            )
        rows = self._late_source(rel, table, start, stop)
        return Batch(keys, rows, [self.at.late_mark(rel, table)] * len(keys))

    def _late_source(self, rel: str, table: Table, start: int, stop: int) -> Floats:
        places = np.flatnonzero(self.at.origin(rel, table) < 0)[start:stop]
        return self._reader.pick(table, places)

    # -- switching

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or it holds none of this one.
        """
        self._check(expected)
        begun, base = json_in(self.at.part("plan.json")), (*self.held(), None)[1]
        is_next = held_of(begun, base, stamp, str(self.path)) is not None
        with self.at.lock, faults(self.folder):
            if not is_next:
                gone(self.folder / "next")
            parts = self._parts(
                self.at.part("rows") if is_next else self.folder / "base" / "rows"
            )
            if parts is None:
                return None
            origin = (base or expected).as_json()
            is_ready = make_all(self.files, self.folder, parts, stamp, origin)
            return finish(self.files, self.folder) if is_ready else None

    def _parts(self, rows: Path) -> list[Part] | None:
        """How each file is made anew; None where rows came in of which nothing was written."""
        parts, ground = [], self.at.ground()
        for rel, table in self.files.tables().items():
            origin = self.at.origin(rel, table)
            late = self.at.late_rows(rel, table) if (origin < 0).any() else None
            if late is not None and not late.is_whole():
                return None
            path = rows / f"{rel}.npy"
            parts.append(Part(rel, table, origin, path, late, ground))
        return parts

    def _check(self, expected: StoreStamp) -> None:
        check_expected(self.stamp(), expected, str(self.path))

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        hits, vectors = nearest(self._reader.batches(), queries, limit)
        self._hits = dict(vectors)
        return hits

    def fetch(self, keys: Sequence[str]) -> Floats:
        """See `govd.types.Store`.

        Raises:
            NotFound: there is no such row.
        """
        rows = {key: self._hits[key] for key in keys if key in self._hits}
        wanted = set(keys) - rows.keys()
        for batch in self._reader.batches() if wanted else ():
            places = {
                key: place for place, key in enumerate(batch.keys) if key in wanted
            }
            rows |= {key: batch.vectors[place] for key, place in places.items()}
        if not set(keys) <= rows.keys():
            raise NotFound("there is no such row", where=str(self.path))
        empty = np.zeros((0, self.shape.dim), self.shape.dtype)
        return np.stack([rows[key] for key in keys]) if keys else empty

    # -- letting go

    def purge(self, progress: Progress = silent) -> Purged:
        """See `govd.types.Store`."""
        self.stamp()
        with self.at.lock, faults(self.folder):
            files = [file for file in self.folder.rglob("*") if file.is_file()]
            links = {file.stat().st_ino: file.stat().st_size for file in files}
            gone(self.folder)
            if (state := json_in(self.files.beside)) is not None:
                write_json(self.files.beside, {**state, "base": None})
        progress("files", len(files), len(files))
        remains = (
            "copies that the file system keeps: snapshots, backups, freed blocks",
            "files of before the last switch in programs that have them open, until these close",
        )
        return Purged(sum(links.values()), None, remains)

    def close(self) -> None:
        """See `govd.types.Store`."""
        self._reader.close()
