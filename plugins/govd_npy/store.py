"""A file of vectors, its originals beside it."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from govd.errors import Conflict, NotFound
from govd.keeping.comparing import nearest
from govd.keeping.files import faults, ident_of, json_in, stamp_in, write_json
from govd.keeping.spans import LATE, bounds, spans
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
    RowNumbers,
    StoreFacts,
    StoreStamp,
    silent,
)
from govd_npy.rows import Rows, made, mapped, sha256_of

READ_ROWS: Final = 8192
"""Rows that are searched at once."""


class NpyStore:
    """The vectors of one file. Rows are known by their number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = Path(f"{path}.govd")
        self._lock = threading.Lock()
        self._searched()  # refuses what has no rows of vectors

    # -- what it is

    def facts(self) -> StoreFacts:
        """See `govd.types.Store`."""
        rows = self._searched()
        n, dim = rows.shape
        keeps = f"the originals in {self.folder.name}/base.npy"
        return StoreFacts("npy", dim, rows.dtype.name, n, n * rows.row_bytes, keeps)

    def stamp(self) -> StoreStamp | None:
        """See `govd.types.Store`."""
        self._recover()
        return stamp_in(self._beside())

    def held(self) -> Sequence[StoreStamp]:
        """See `govd.types.Store`."""
        return list(filter(None, (self.stamp(), stamp_in(self._part("base.json")))))

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """See `govd.types.Store`.

        Raises:
            Conflict: it is stamped.
        """
        check_unstamped(self.stamp(), str(self.path))
        rows = self._searched()
        counted = replace(stamp, rows=rows.shape[0], sha256=sha256_of(rows))
        with faults(self.path):
            write_json(self._beside(), counted.as_json())
        return counted

    # -- reading and writing

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        try:
            total = self._rows(generation).shape[0]
        except NotFound:
            return []
        return spans(total, rows)

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`."""
        _, start, stop = bounds(portion)
        return Batch(
            RowNumbers(range(start, stop)),
            self._rows(generation).read(start, stop),
        )

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """See `govd.types.Store`."""
        self._check(expected)
        plan = plan_of(expected, stamp)
        with self._lock, faults(self.folder):
            begun = json_in(self._part("next.json"))
            if is_same_plan(begun, plan):
                return
            self._drop_next()
            self.folder.mkdir(exist_ok=True)
            source = self._source()
            made(self._part("next.npy"), source.shape, source.dtype)
            seen = {"rows": source.shape[0], "searched": ident_of(self.path)}
            write_json(self._part("next.json"), {**plan, **seen})

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`."""
        _, start, stop = bounds(portion)
        path = self._part("next.npy")
        with faults(self.folder):
            with self._lock:
                if stop > mapped(path).shape[0]:
                    self._grow(path, stop)
                if originals is not None:
                    self._keep_late(start, originals)
            mapped(path).write(start, batch.vectors)

    def _keep_late(self, start: int, originals: Floats) -> None:
        """Originals of rows that came after those that are kept."""
        path = self._part("late.npy")
        base = mapped(self._part("base.npy"))
        first = base.shape[0]
        if not path.exists():
            made(path, (0, base.shape[1]), base.dtype)
        self._grow(path, start - first + len(originals))
        mapped(path).write(start - first, originals)

    def _grow(self, path: Path, rows: int) -> None:
        """Make a file as long as `rows`, what it has kept."""
        before = mapped(path)
        if before.shape[0] >= rows:
            return
        grown = path.with_suffix(".grown")
        made(grown, (rows, before.shape[1]), before.dtype)
        longer = mapped(grown)
        for start in range(0, before.shape[0], READ_ROWS):
            stop = min(start + READ_ROWS, before.shape[0])
            longer.write(start, before.read(start, stop))
        os.replace(grown, path)

    def late(self, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        begun = json_in(self._part("next.json"))
        written = mapped(self._part("next.npy")).shape[0] if begun else 0
        total = self._searched().shape[0]
        return spans(total, rows, LATE, first=written)

    # -- switching

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or it holds none of this one.
        """
        self._check(expected)
        begun = json_in(self._part("next.json"))
        base = stamp_in(self._part("base.json"))
        if held_of(begun, base, stamp, str(self.path)) is not None:
            return self._to_next(expected, stamp)
        return None if base is None else self._to_base(expected, base)

    def _to_next(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        following = mapped(self._part("next.npy"))
        searched = self._searched()
        if json_in(self._part("next.json")).get("searched") != ident_of(self.path):
            self._check_prefix(searched, expected)
        if searched.shape[0] != following.shape[0]:
            return None
        counted = replace(stamp, rows=following.shape[0], sha256=sha256_of(following))
        base = self._part("base.npy")
        with self._lock, faults(self.folder):
            if json_in(self._part("base.json")) is None:
                kept = expected
                if not (expected.sha256 and expected.rows == searched.shape[0]):
                    kept = replace(
                        expected, rows=searched.shape[0], sha256=sha256_of(searched)
                    )
                base.unlink(missing_ok=True)
                os.link(self.path, base)
                write_json(self._part("base.json"), kept.as_json())
            elif self._part("late.npy").exists():
                self._append_late()
            self._replace(self._part("next.npy"), counted)
            self._drop_next()
        return counted

    def _to_base(self, expected: StoreStamp, base: StoreStamp) -> StoreStamp | None:
        searched = self._searched()
        kept = mapped(self._part("base.npy"))
        self._check_prefix(searched, expected)
        if searched.shape[0] > kept.shape[0] or json_in(self._part("base.json")).get(
            "holes"
        ):
            return None
        with self._lock, faults(self.folder):
            self._replace(self._part("base.npy"), base)
            self._part("base.json").unlink()
            self._drop_next()
        return base

    def _append_late(self) -> None:
        base = self._part("base.npy")
        late = mapped(self._part("late.npy"))
        first = mapped(base).shape[0]
        self._grow(base, first + late.shape[0])
        whole = mapped(base)
        rows = late.read(0, late.shape[0])
        whole.write(first, rows)
        record = json_in(self._part("base.json"))
        counted = replace(
            StoreStamp.from_json(record), rows=whole.shape[0], sha256=sha256_of(whole)
        )
        holes = record.get("holes", 0) + int((~np.isfinite(rows).all(axis=1)).sum())
        write_json(self._part("base.json"), {**counted.as_json(), "holes": holes})
        self._part("late.npy").unlink()

    def _replace(self, path: Path, stamp: StoreStamp) -> None:
        """Put a file in the place of the one that is searched, and its stamp; cut off in between,
        `_recover` ends it.
        """
        with path.open("rb") as file:
            os.fsync(file.fileno())
        write_json(
            self._part("switch.json"),
            {"inode": path.stat().st_ino, "to": stamp.as_json()},
        )
        os.replace(path, self.path)
        write_json(self._beside(), stamp.as_json())
        self._part("switch.json").unlink()

    def _recover(self) -> None:
        """End a switch that was cut off: the file was put in its place, and its stamp was not."""
        switch = json_in(self._part("switch.json"))
        if switch is None:
            return
        with self._lock, faults(self.folder):
            if self.path.stat().st_ino == switch["inode"]:
                write_json(self._beside(), switch["to"])
                if switch["to"]["revision"] == 0:
                    self._part("base.json").unlink(missing_ok=True)
            self._part("switch.json").unlink(missing_ok=True)

    def _check(self, expected: StoreStamp) -> None:
        check_expected(self.stamp(), expected, str(self.path))

    def _check_prefix(self, searched: Rows, expected: StoreStamp) -> None:
        """That the rows which were there before are still the same ones."""
        if searched.shape[0] < expected.rows or (
            expected.sha256 and sha256_of(searched, expected.rows) != expected.sha256
        ):
            raise Conflict(
                "its rows are not those that were stamped: the file was written anew",
                where=str(self.path),
                advice=(
                    "Remove the store (`govd store remove`), put the file in order and add it"
                    " again."
                ),
            )

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        portions = self.portions("searched", READ_ROWS)
        batches = (self.read("searched", portion) for portion in portions)
        return nearest(batches, queries, limit)[0]

    def fetch(self, keys: Sequence[str]) -> Floats:
        """See `govd.types.Store`.

        Raises:
            NotFound: there is no such row.
        """
        rows = self._searched()
        places = [int(key) for key in keys]
        if any(place >= rows.shape[0] for place in places):
            raise NotFound("there is no such row", where=str(self.path))
        parts = [rows.read(place, place + 1) for place in places]
        return np.concatenate(parts) if parts else rows.read(0, 0)

    # -- letting go

    def purge(self, progress: Progress = silent) -> Purged:
        """See `govd.types.Store`."""
        self._recover()
        with self._lock, faults(self.folder):
            files = list(self.folder.iterdir()) if self.folder.exists() else []
            size = sum(file.stat().st_size for file in files if file.suffix == ".npy")
            for place, file in enumerate(files, 1):
                file.unlink()
                progress("files", place, len(files))
            if self.folder.exists():
                self.folder.rmdir()
        remains = (
            "copies that the file system keeps: snapshots, backups, freed blocks",
        )
        return Purged(size, None, remains)

    def close(self) -> None:
        """See `govd.types.Store`."""

    def _drop_next(self) -> None:
        for name in ("next.json", "next.npy", "next.grown", "late.npy", "late.grown"):
            self._part(name).unlink(missing_ok=True)

    # -- files

    def _beside(self) -> Path:
        return Path(f"{self.path}.govd.json")

    def _part(self, name: str) -> Path:
        return self.folder / name

    def _rows(self, generation: Generation) -> Rows:
        path = (
            self.path if generation == "searched" else self._part(f"{generation}.npy")
        )
        if not path.exists() or (
            generation == "base" and not self._part("base.json").exists()
        ):
            is_gone = generation == "searched"
            what = (
                "the file is gone"
                if is_gone
                else f"it keeps no vectors of {generation}"
            )
            raise NotFound(what, where=str(self.path))
        return mapped(path)

    def _searched(self) -> Rows:
        return self._rows("searched")

    def _source(self) -> Rows:
        """What is edited: the originals, where they are kept apart."""
        return self._rows("base" if self._part("base.json").exists() else "searched")
