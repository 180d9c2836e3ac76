"""How a table stands: what is said of it, and of which of its rows originals are known."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import BadFile
from govd.keeping.arrays import hashes
from govd.keeping.files import ident_of, json_in
from govd.types import Json
from govd_parquet.files import Files
from govd_parquet.kept import Ground, LateRows
from govd_parquet.tables import Table

READ_ROWS: Final = 8192
"""Rows that are looked at at once."""


class TableState:
    """Of one table, while it is open. `is_planned`: whether a patch was begun through it."""

    def __init__(self, files: Files, folder: Path) -> None:
        self.files = files
        self.folder = folder
        self.shape = files.shape
        self.lock = threading.RLock()
        self.is_planned = False
        self.origins_of: dict[tuple[str, str], Any] = {}
        self._read: dict[Path, tuple[str, Json]] = {}

    def state(self) -> Json:
        """What is said beside the table; where that is gone, what its files say."""
        state = self._json(self.files.beside)
        if state is not None:
            return state
        tables = self.files.tables().items()
        stamp = self.files.stamp()
        files = {
            rel: {"ident": table.ident, "rows": table.rows} for rel, table in tables
        }
        return {**(stamp.as_json() if stamp else {}), "files": files}

    def _json(self, path: Path) -> Json:
        """What a file says, read anew where it was written anew."""
        ident = ident_of(path) if path.exists() else ""
        if self._read.get(path, ("", None))[0] != ident or not ident:
            self._read[path] = (ident, json_in(path))
        return self._read[path][1]

    def record(self, rel: str) -> Json:
        """What is said of a file: its `rows` with a known original, and its `ident` then."""
        return self.state().get("files", {}).get(rel)

    def revision(self) -> int:
        """Which the vectors that are searched are of."""
        return int(self.state().get("revision", 0))

    def is_snapshot(self) -> bool:
        """Whether what is searched is read as it was when the patch began."""
        return self.is_planned and self.revision() == 0

    def ground(self) -> Ground | None:
        """Where the originals are; None: nowhere but in what is searched."""
        state = self.state()
        if state.get("revision", 0):
            is_kept = bool(state.get("base"))
            return Ground(self.folder / "base", state["files"]) if is_kept else None
        plan = self._json(self.part("plan.json"))
        return None if plan is None else Ground(self.part("ground"), plan["files"])

    def part(self, *names: str) -> Path:
        """Where something of `next` is; `rows` are an array for each file."""
        *folders, last = names
        is_rows = names[0] == "rows" and len(names) > 1
        return self.folder.joinpath(
            "next", *folders, f"{last}.npy" if is_rows else last
        )

    def origin(self, rel: str, table: Table) -> Any:
        """The place `(n,)` of the original of each row of a file; -1: there is none."""
        with self.lock:
            ident = (rel, table.ident)
            ground = self.ground()
            if ident not in self.origins_of and ground is not None:
                record = ground.files.get(rel, {})
                if (record.get("ident"), record.get("rows")) == (
                    table.ident,
                    table.rows,
                ):
                    self.origins_of[ident] = np.arange(table.rows)
                elif not record:
                    self.origins_of[ident] = np.full(table.rows, -1, np.int64)
                else:
                    blocks = [
                        hashes(rows) for rows in table.vectors(self.shape, READ_ROWS)
                    ]
                    hashed = np.concatenate([np.zeros(0, np.uint64), *blocks])
                    self.origins_of[ident] = ground.origins(rel, hashed)
            return self.origins_of.get(ident, np.full(table.rows, -1, np.int64))

    def marks(self, rel: str, table: Table, start: int, stop: int) -> list[int | None]:
        """The revision that rows of a file are of, as far as it is known."""
        state = self.state()
        ground = self.ground()
        if "revision" not in state:
            return [None] * (stop - start)
        if ground is not None:
            is_known = self.origin(rel, table)[start:stop] >= 0
        else:
            record = self.record(rel) or {"rows": 0}
            is_same = not state["revision"] or record.get("ident") == table.ident
            is_known = (np.arange(start, stop) < int(record["rows"])) & is_same
        late = self.late_mark(rel, table)
        return [int(state["revision"]) if usable else late for usable in is_known]

    def late_mark(self, rel: str, table: Table) -> int | None:
        """What a file says in its schema that came in since."""
        stamp = table.stamp() if self.record(rel) is None else None
        return None if stamp is None else stamp.revision

    def ground_keys(self, rel: str, start: int, stop: int) -> Sequence[str]:
        """Keys of rows by the places of their originals."""
        try:
            table = self.files.table(rel)
        except BadFile:
            return [f"{rel}#{place}" for place in range(start, stop)]
        record = (self.ground() or Ground(self.folder, {})).files.get(rel, {})
        if (record.get("ident"), record.get("rows")) == (table.ident, table.rows):
            return self.files.keys(rel, table, range(start, stop))
        places = np.full(int(record.get("rows", stop)), -1, np.int64)
        origins = self.origin(rel, table)
        places[origins[origins >= 0]] = np.flatnonzero(origins >= 0)
        names = self.files.keys(rel, table, places[start:stop])
        return [
            name if place >= 0 else f"{rel}#{start + i}"
            for i, (name, place) in enumerate(
                zip(names, places[start:stop], strict=True)
            )
        ]

    def late_rows(self, rel: str, table: Table) -> LateRows:
        """What was written of the rows of a file that came in meanwhile."""
        count = int((self.origin(rel, table) < 0).sum())
        with self.lock:
            return LateRows(
                self.part("late") / f"{rel}@{table.ident}", count, self.shape
            )
