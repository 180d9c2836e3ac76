"""A Lance table, its originals in a column of their own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import BadFile, NotFound
from govd.keeping.spans import LATE, bounds, is_late, spans
from govd.keeping.stamps import (
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
    Portion,
    Progress,
    Purged,
    StoreFacts,
    StoreStamp,
    silent,
)
from govd_lance.searching import by_keys, index_of, nearest
from govd_lance.staged import KNOWN, KNOWN_LATE, UNKNOWN, Staged
from govd_lance.switching import Switch
from govd_lance.table import (
    BASE,
    FLOATS,
    OWN,
    Table,
    bytes_as,
    faults,
    marks_of,
    opened,
    places_of,
    rows_of,
)

TAG: Final = "govd-patch"
"""The version that a patch reads, so that nobody cleans it away."""


class LanceStore:
    """The vectors of a column of one table."""

    def __init__(self, path: Path, column: str = "", key: str = "") -> None:
        self.path = path
        table = opened(path, column, key)
        self.column, self.key = table.column, key
        self.type = table.data.schema.field(self.column).type
        self.dim, self.dtype = self.type.list_size, FLOATS[self.type.value_type]
        self.staged = Staged(Path(f"{path}.govd"), self.dim, self.dtype)
        self._planned: Table | None = None
        self._late: Table | None = None
        self._lock = threading.Lock()
        self._places: dict[str, Any] = {}

    def _now(self) -> Table:
        """The table as it is."""
        return opened(self.path, self.column, self.key)

    def _ended(self) -> Table:
        """The table, once a switch that was cut off is ended."""
        with self._lock, faults(self.path):
            switch = Switch(self._now(), self.staged)
            if switch.is_open():
                switch.end()
            return switch.table

    # -- what it is

    def facts(self) -> StoreFacts:
        """See `govd.types.Store`."""
        table = self._now()
        rows = int(table.data.count_rows())
        size = rows * self.dim * np.dtype(self.dtype).itemsize
        index = index_of(table.data, self.column)
        return StoreFacts(
            "lance",
            self.dim,
            self.dtype,
            rows,
            size,
            f"the column {BASE}",
            index.kind if index else "",
            marks=True,
        )

    def stamp(self) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            BadFile: what its metadata says is no stamp.
        """
        return self._stamp(self._now(), "stamp")

    def _stamp(self, table: Table, which: str) -> StoreStamp | None:
        value = Switch(table, self.staged).said().get(which)
        return stamp_of(value, str(self.path))

    def held(self) -> Sequence[StoreStamp]:
        """See `govd.types.Store`."""
        table = self._ended()
        stamps = [self._stamp(table, "stamp")]
        if BASE in table.names:
            stamps.append(self._stamp(table, "base"))
        return [stamp for stamp in stamps if stamp is not None]

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """See `govd.types.Store`.

        Raises:
            Conflict: it is stamped.
        """
        table = self._now()
        check_unstamped(self._stamp(table, "stamp"), str(self.path))
        table.check_keys()
        counted = replace(stamp, rows=int(table.data.count_rows()))
        with faults(self.path):
            table.say({"stamp": counted.as_json()})
        return counted

    # -- reading

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        table = self._planned or self._now()
        if generation == "base" and BASE not in table.names:
            return []
        return [
            portion
            for name, fragment in table.fragments().items()
            for portion in spans(fragment.count_rows(), rows, name)
        ]

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """See `govd.types.Store`.

        Raises:
            BadFile: they are not there.
        """
        name, start, stop = bounds(portion)
        if is_late(portion):
            table, places = self._late or self._now(), self._late_places(portion)
            batch = self._rows(table, name, places=places)
        else:
            table = self._planned or self._now()
            batch = self._rows(table, name, start, stop)
        keys = self._keys(batch)
        places = places_of(batch)
        if generation == "next":
            is_there = self.staged.states(name, places) > 0
            keys = [key for key, there in zip(keys, is_there, strict=True) if there]
            return Batch(keys, self.staged.made(name, places[is_there]))
        rows = rows_of(batch[self.column], self.dim, self.dtype)
        stamp = self._stamp(table, "stamp")
        marks, usable = marks_of(batch, rows, stamp)
        if generation == "searched":
            self._places[portion.name] = places
            return Batch(keys, rows, marks)
        self._places[portion.name] = places[usable]
        originals = bytes_as(batch[BASE], self.dim, self.dtype)[usable]
        return Batch(
            [key for key, is_known in zip(keys, usable, strict=True) if is_known],
            originals,
        )

    def _rows(
        self, table: Table, name: str, start: int = 0, stop: int = 0, places: Any = None
    ) -> Any:
        """Rows of a fragment, by their order or by their physical places.

        Raises:
            BadFile: the fragment is gone. MachineFault: it cannot be read.
        """
        fragment = table.fragments().get(name)
        if fragment is None:
            raise BadFile(
                "rows were moved or taken away meanwhile", where=f"{self.path}: {name}"
            )
        own = [column for column in OWN if column in table.names]
        wanted = [self.column, *own, *([self.key] if self.key else [])]
        scan: dict[str, Any] = {"columns": wanted}
        scan |= {"with_row_address": True, "with_row_id": True}
        if places is None:
            scan |= {"offset": start, "limit": stop - start}
        else:
            high = int(fragment.fragment_id) << 32
            first, last = high + int(places[0]), high + int(places[-1])
            scan["filter"] = f"_rowaddr >= {first} AND _rowaddr <= {last}"
        with faults(self.path):
            batch = fragment.to_table(**scan)
        if places is not None:
            batch = batch.filter(np.isin(places_of(batch), places))
        return batch

    def _keys(self, batch: Any) -> list[str]:
        return [str(key) for key in batch[self.key or "_rowid"].to_pylist()]

    # -- writing

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """See `govd.types.Store`."""
        table = self._ended()
        self._check(table, expected)
        plan = plan_of(expected, stamp)
        with self._lock, faults(self.path):
            begun = self.staged.plan()
            tags = table.data.tags.list()
            if TAG not in tags or not is_same_plan(begun, plan):
                table.check_keys()
                self.staged.begin(plan)
                if TAG in tags:
                    table.data.tags.update(TAG, table.data.version)
                else:
                    table.data.tags.create(TAG, table.data.version)
            self.staged.forget_late()
            self._planned = opened(self.path, self.column, self.key, TAG)

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """See `govd.types.Store`.

        Raises:
            BadFile: the rows are gone.
        """
        name, start, stop = bounds(portion)
        if is_late(portion):
            table, places = self._late or self._now(), self._late_places(portion)
        else:
            table, places = self._planned or self._now(), self._places.get(portion.name)
        if places is None:
            places = places_of(self._rows(table, name, start, stop))
        fragment = table.fragments().get(name)
        if fragment is None:
            raise BadFile(
                "rows were moved or taken away meanwhile", where=f"{self.path}: {name}"
            )
        states = np.full(len(places), KNOWN, np.uint8)
        if is_late(portion):
            revision = self.staged.plan()["to"]["revision"]
            is_known = [mark == revision for mark in batch.marks or []]
            states = np.where(is_known, KNOWN_LATE, UNKNOWN).astype(np.uint8)
        with self._lock, faults(self.path):
            total = fragment.physical_rows
            self.staged.write(name, total, places, batch.vectors, states, originals)

    # -- what came in meanwhile

    def late(self, rows: int) -> Sequence[Portion]:
        """See `govd.types.Store`."""
        portions, self._late = [], self._now()
        for name, places in Switch(self._late, self.staged).late().items():
            for portion in spans(len(places), rows, LATE + name):
                _, start, stop = bounds(portion)
                self._places[portion.name] = places[start:stop]
                portions.append(portion)
        return portions

    def _late_places(self, portion: Portion) -> Any:
        if portion.name not in self._places:
            raise BadFile(
                "rows that came in are looked for again", where=str(self.path)
            )
        return self._places[portion.name]

    # -- switching

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """See `govd.types.Store`.

        Raises:
            Conflict: its stamp is another, or it holds none of this one.
        """
        table = self._ended()
        self._check(table, expected)
        begun, base = self.staged.plan(), (*self.held(), None)[1]
        is_next = held_of(begun, base, stamp, str(self.path)) is not None
        with self._lock, faults(self.path):
            switch = Switch(table, self.staged)
            done = switch.to_next(expected, stamp) if is_next else switch.to_base(stamp)
        return self.stamp() if done else None

    def _check(self, table: Table, expected: StoreStamp) -> None:
        check_expected(self._stamp(table, "stamp"), expected, str(self.path))

    # -- searching

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """See `govd.types.Store`."""
        table = self._now()
        with faults(self.path):
            return [nearest(table, query, limit) for query in queries]

    def fetch(self, keys: Sequence[str]) -> Floats:
        """See `govd.types.Store`.

        Raises:
            NotFound: there is no such row.
        """
        rows = by_keys(self._now(), keys)
        if not set(keys) <= rows.keys():
            raise NotFound("there is no such row", where=str(self.path))
        vectors = [rows_of(rows[key], self.dim, self.dtype)[0] for key in keys]
        return np.stack(vectors) if vectors else np.zeros((0, self.dim), self.dtype)

    # -- letting go

    def purge(self, progress: Progress = silent) -> Purged:
        """See `govd.types.Store`."""
        table = self._ended()
        with self._lock, faults(self.path):
            size = self.staged.drop()
            tags = table.data.tags.list()
            if TAG in tags:
                table.data.tags.delete(TAG)
            table = Switch(table, self.staged).rewritten(progress)
            stats = table.data.cleanup_old_versions(
                older_than=timedelta(0), error_if_tagged_old_versions=False
            )
        tagged = sorted(
            tag
            for tag, of in tags.items()
            if tag != TAG and of["version"] < table.data.version
        )
        remains = [
            "copies that the file system keeps: snapshots, backups, freed blocks"
        ]
        if tagged:
            remains.insert(0, f"versions that are tagged: {', '.join(tagged)}")
        return Purged(size + stats.bytes_removed, None, tuple(remains))

    def close(self) -> None:
        """See `govd.types.Store`."""
