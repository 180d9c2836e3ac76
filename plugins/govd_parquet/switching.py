"""A switch: every file is made anew beside the table, read back, and put in its place."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import MachineFault
from govd.keeping.arrays import hashes, mapped
from govd.keeping.files import gone, ident_of, json_in, write_json
from govd.types import Floats, Json, StoreStamp
from govd_parquet.files import Files
from govd_parquet.kept import Ground, LateRows
from govd_parquet.tables import Table
from govd_parquet.vectors import Shape

BLOCK = 8192
"""Rows that are copied at once."""


@dataclass(frozen=True)
class Part:
    """How a file is made anew: `origin` `(n,)` says which row of `rows` each of its rows is, -1
    that it is the next of those that came in meanwhile (`late`).
    """

    rel: str
    table: Table
    origin: Any
    rows: Path
    late: LateRows | None
    ground: Ground | None

    def vectors(self, start: int, stop: int) -> Floats:
        """The new rows `(n, d)` of a span."""
        return self._taken(self.rows, "made", start, stop)

    def _taken(self, rows: Path, of_late: str, start: int, stop: int) -> Floats:
        origin = self.origin[start:stop]
        kept = origin >= 0
        if self.late is None:
            whole: Floats = mapped(rows)[origin]
            return whole
        late = self.late.made() if of_late == "made" else self.late.base()
        first = int((self.origin[:start] < 0).sum())
        rows_of_span = np.empty((len(origin), late.shape[1]), late.dtype)
        if kept.any():
            rows_of_span[kept] = mapped(rows)[origin[kept]]
        rows_of_span[~kept] = late[first : first + int((~kept).sum())]
        return rows_of_span

    def is_known(self) -> Any:
        """Of which rows `(n,)` an original is kept."""
        kept = self.origin >= 0
        if self.late is not None:
            kept[~kept] = np.asarray(self.late.state()) == 1
        return kept

    def originals(self, known: Any) -> Iterator[Floats]:
        """The originals of known rows, block by block."""
        assert self.ground is not None
        for start in range(0, len(known), BLOCK):
            stop = min(start + BLOCK, len(known))
            rows = self._taken(self.ground.path(self.rel), "base", start, stop)
            yield rows[known[start:stop]]


def make_all(
    files: Files, folder: Path, parts: Sequence[Part], stamp: StoreStamp, base: Json
) -> bool:
    """Make files anew, and say in `switch.json` that they are; False where one of them changed
    meanwhile.

    Args:
        files: of the table.
        folder: beside it.
        parts: how each of them is made.
        stamp: of the new vectors.
        base: the stamp of the originals.

    Raises:
        MachineFault: what was read back is not what was written.
    """
    following = folder / "next"
    gone(following / "made")
    gone(following / "base")
    whole = hashlib.sha256()
    records = {}
    rows = 0
    known_rows = 0
    for part in parts:
        target = following / "made" / part.rel
        target.parent.mkdir(parents=True, exist_ok=True)
        of_file = replace(stamp, rows=part.table.rows, sha256="")
        part.table.rewrite(target, files.shape, of_file, part.vectors)
        shutil.copymode(part.table.path, target)
        table = Table(target)
        hashed = _read_back(part, table, files.shape, whole)
        usable = part.is_known()
        if stamp.revision:
            _keep(part, Ground(following / "base", {}), hashed, usable, files.shape)
        records[part.rel] = {"ident": table.ident, "rows": int(usable.sum())}
        rows, known_rows = rows + table.rows, known_rows + int(usable.sum())
        with target.open("rb") as file:
            os.fsync(file.fileno())
    idents = {part.rel: part.table.ident for part in parts}
    if idents != {rel: table.ident for rel, table in files.tables().items()}:
        return False
    counted = replace(stamp, rows=rows, sha256=whole.hexdigest())
    kept = {**base, "rows": known_rows, "sha256": ""} if stamp.revision else None
    of = {"column": files.shape.column, "files": records, "base": kept}
    state = {**counted.as_json(), **of}
    write_json(folder / "switch.json", {"state": state, "files": idents})
    return True


def _read_back(part: Part, table: Table, shape: Shape, whole: Any) -> Any:
    """Hashes `(n,)` of what was written.

    Raises:
        MachineFault: it is not what was to be written.
    """
    start = 0
    hashed = [np.zeros(0, np.uint64)]
    for rows in table.vectors(shape, BLOCK):
        wanted = np.ascontiguousarray(part.vectors(start, start + len(rows)))
        back = np.ascontiguousarray(rows)
        if not np.array_equal(back.view(np.uint8), wanted.view(np.uint8)):
            raise MachineFault(
                "what was read back is not what was written", where=str(table.path)
            )
        whole.update(back.view(np.uint8).data)
        hashed.append(hashes(back))
        start += len(rows)
    if start != part.table.rows:
        raise MachineFault(
            f"{start} of {part.table.rows} rows are there", where=str(table.path)
        )
    return np.concatenate(hashed)


def _keep(part: Part, base: Ground, hashed: Any, known: Any, shape: Shape) -> None:
    """Keep the originals of a file for the next time: the same file, where nothing changed."""
    source = part.ground.path(part.rel) if part.ground else None
    if source is not None and source.exists():
        is_same = np.array_equal(part.origin, np.arange(mapped(source).shape[0]))
        if is_same:
            base.path(part.rel).parent.mkdir(parents=True, exist_ok=True)
            os.link(source, base.path(part.rel))
            base.put_hashes(part.rel, hashed)
            return
    base.put(part.rel, part.originals(known), hashed[known], shape)


def finish(files: Files, folder: Path) -> StoreStamp:
    """Put what was made in its place, and stamp it; cut off in between, it goes on. A file that
    somebody else wrote or took away at this moment stays as he left it.
    """
    switch = json_in(folder / "switch.json")
    state = switch["state"]
    following = folder / "next"
    for rel, ident in switch["files"].items():
        new = following / "made" / rel
        path = files.at(rel)
        if not new.exists():
            continue
        if path.exists() and ident_of(path) == ident:
            os.replace(new, path)
        else:
            state["rows"] -= state["files"].pop(rel)["rows"]
            write_json(folder / "switch.json", switch)
            new.unlink()
    if (following / "base").exists() or not state["revision"]:
        gone(folder / "base")
    if (following / "base").exists():
        os.replace(following / "base", folder / "base")
    write_json(files.beside, state)
    (folder / "switch.json").unlink()
    gone(following)
    if not any(folder.iterdir()):
        folder.rmdir()
    return StoreStamp.from_json(state)
