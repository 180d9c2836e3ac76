"""An index is made anew beside the one that is searched, read back, and put in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import Conflict, MachineFault
from govd.keeping.arrays import mapped, put, room
from govd.keeping.files import gone, ident_of, json_in, write_json
from govd.types import Floats, Json, StoreStamp
from govd_faiss.index import Index
from govd_faiss.state import IndexState

BLOCK: Final = 8192
"""Rows that are copied at once."""


@dataclass(frozen=True)
class Came:
    """A row that came in: its new `vector` `(d,)`, the one that was there `(d,)`, and whether that
    is its original.
    """

    vector: Floats
    base: Floats
    is_known: bool


def make(
    at: IndexState,
    index: Index,
    source: Any,
    stamp: StoreStamp,
    came: Sequence[Came | None],
) -> None:
    """Make an index anew in `made`, and the originals of its rows.

    Args:
        at: how the index stands.
        index: as it is.
        source: new vectors `(n, d)` of rows with originals.
        stamp: of the new vectors.
        came: the other rows.

    Raises:
        MachineFault: what was read back is not what was written.
    """
    folder = at.folder / "made"
    late = [row for row in came if row is not None]
    gone(folder)
    folder.mkdir(parents=True)
    origin = at.origin(index)
    room(folder / "all.npy", (index.rows, index.dim), np.float32)
    rows = mapped(folder / "all.npy", write=True)
    for start in range(0, index.rows, BLOCK):
        span = slice(start, start + BLOCK)
        usable = origin[span] >= 0
        rows[span][usable] = source[origin[span][usable]]
    for place, row in zip(at.unknown(index), late, strict=True):
        rows[place] = row.vector
    step = max(1, index.rows // index.sample_size())
    index.rebuilt(folder / "index", index.ids, _blocks(rows), np.array(rows[::step]))
    _read_back(Index(folder / "index"), index, rows)
    if stamp.revision:
        _keep(at, index, folder, rows, late)
    (folder / "all.npy").unlink()


def _blocks(rows: Any) -> Iterator[Floats]:
    return (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def _read_back(new: Index, index: Index, rows: Any) -> None:
    """That the new index has the ids of the old one, and the rows `(n, d)` where it has any."""
    is_same = np.array_equal(new.ids, index.ids)
    for start in range(0, index.rows if new.is_exact and is_same else 0, BLOCK):
        block = np.ascontiguousarray(rows[start : start + BLOCK]).view(np.uint32)
        back = new.vectors(start, start + len(block))
        is_same &= np.array_equal(np.ascontiguousarray(back).view(np.uint32), block)
    if not is_same:
        raise MachineFault(
            "what was read back is not what was written", where=str(index.path)
        )


def _keep(
    at: IndexState, index: Index, folder: Path, rows: Any, late: Sequence[Came]
) -> None:
    """Keep originals, and what is searched, of the rows of which originals are known."""
    origin = at.origin(index)
    is_known = origin >= 0
    is_known[~is_known] = [row.is_known for row in late]
    places = np.flatnonzero(is_known)
    np.save(folder / "ids.npy", index.ids[places])
    base = mapped(at.ground() / "base.npy")
    came = dict(zip(at.unknown(index).tolist(), late, strict=True))

    def originals() -> Iterator[Floats]:
        for start in range(0, len(places), BLOCK):
            some = places[start : start + BLOCK]
            block = np.array(base[np.maximum(origin[some], 0)])
            for spot in np.flatnonzero(origin[some] < 0):
                block[spot] = came[int(some[spot])].base
            yield block

    shape = (len(places), index.dim)
    put(folder / "base.npy", shape, np.float32, originals())
    spans = range(0, len(places), BLOCK)
    searched = (rows[places[start : start + BLOCK]] for start in spans)
    put(folder / "searched.npy", shape, np.float32, searched)


def finish(at: IndexState) -> StoreStamp:
    """Put the new index in its place, and stamp it; cut off in between, it goes on.

    Raises:
        Conflict: somebody wrote the index anew at this moment.
    """
    plan = at.folder / "switch.json"
    folder = at.folder / "made"
    switch = json_in(plan)
    state: Json = switch["stamp"]
    if (folder / "index").exists():
        if ident_of(at.path) != switch["ident"]:
            plan.unlink()
            raise Conflict("it was written anew at this moment", where=str(at.path))
        with (folder / "index").open("rb") as file:
            os.fsync(file.fileno())
        os.replace(folder / "index", at.path)
    if folder.exists():
        gone(at.folder / "ground")
        os.replace(folder, at.folder / "ground")
    write_json(at.beside, state)
    plan.unlink()
    gone(at.next)
    at.is_planned = False
    if not state["revision"]:
        gone(at.folder)
    return StoreStamp.from_json(state)
