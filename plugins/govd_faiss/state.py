"""How an index stands: what is said of it, and of which of its rows originals are known."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import BadFile, Conflict
from govd.keeping.arrays import mapped
from govd.keeping.files import ident_of, json_in
from govd.keeping.stamps import stamp_of
from govd.types import Floats, StoreStamp
from govd_faiss.index import Index

BLOCK: Final = 8192
"""Rows that are compared at once."""


class IndexState:
    """Of one index, while it is open. `originals`: a file with the exact vectors of an index of
    codes. `is_planned`: whether a patch was begun through it.
    """

    def __init__(self, path: Path, originals: Path | None) -> None:
        self.path = path
        self.folder = Path(f"{path}.govd")
        self.beside = Path(f"{path}.govd.json")
        self.next = self.folder / "next"
        self.originals = originals
        self.is_planned = False
        self._lock = threading.RLock()
        self._index: tuple[str, Any] = ("", None)
        self._origin: tuple[tuple[int, Path], Any] = ((0, path), None)

    def index(self) -> Index:
        """The index as it is now.

        Raises:
            BadFile: it is gone, or none.
        """
        with self._lock:
            try:
                ident = ident_of(self.path)
            except OSError:
                raise BadFile("the file is gone", where=str(self.path)) from None
            if self._index[0] != ident:
                self._index = (ident, Index(self.path))
            index: Index = self._index[1]
            return index

    def stamp(self, which: str) -> StoreStamp | None:
        """What is said of what is searched (`stamp`), or of the originals (`base`).

        Raises:
            BadFile: it is no stamp.
        """
        state = json_in(self.beside)
        value = state if state is None or which == "stamp" else state.get("base")
        return stamp_of(value, str(self.beside))

    def revision(self) -> int:
        """Which the vectors that are searched are of."""
        stamp = self.stamp("stamp")
        return 0 if stamp is None else stamp.revision

    def has_base(self) -> bool:
        """Whether originals are kept apart."""
        return bool(self.revision()) and self.stamp("base") is not None

    def ground(self) -> Path:
        """Where originals are, `base.npy`, with their ids and what is searched in their place."""
        return self.folder / "ground" if self.revision() else self.next / "ground"

    def ground_ids(self) -> Any:
        """Ids `(n,)` of the rows of which originals are known."""
        path = self.ground() / "ids.npy"
        return np.array(mapped(path)) if path.exists() else np.zeros(0, np.int64)

    def origin(self, index: Index) -> Any:
        """The place `(n,)` of the original of each row; -1: none is known.

        Raises:
            Conflict: rows are known by their number alone, and are not those that were there.
        """
        with self._lock:
            key = (id(index), self.ground())
            if self._origin[0] != key or self._origin[1] is None:
                self._origin = (key, self._compared(index))
            return self._origin[1]

    def _compared(self, index: Index) -> Any:
        ids = self.ground_ids()
        if not len(ids):
            return np.full(index.rows, -1, np.int64)
        order = np.argsort(ids, kind="stable")
        spots = np.minimum(np.searchsorted(ids[order], index.ids), len(ids) - 1)
        origin = np.where(ids[order[spots]] == index.ids, order[spots], -1)
        searched = mapped(self.ground() / "searched.npy")
        for start in range(0, index.rows if index.is_exact else 0, BLOCK):
            places = origin[start : start + BLOCK]
            rows = index.vectors(start, start + len(places)).view(np.uint32)
            kept = np.ascontiguousarray(searched[np.maximum(places, 0)]).view(np.uint32)
            places[(rows != kept).any(axis=1)] = -1
        is_numbered = not (index.has_ids or index.is_ivf)
        if is_numbered and len(np.intersect1d(origin, np.arange(len(ids)))) < len(ids):
            raise Conflict(
                "its rows are not those that were stamped: the index was written anew",
                where=str(self.path),
                advice=(
                    "Rows without ids are known by their number. Remove the store (`govd store"
                    " remove`), put the index in order and add it again."
                ),
            )
        return origin

    def unknown(self, index: Index) -> Any:
        """Places `(n,)` of rows that came in."""
        return np.flatnonzero(self.origin(index) < 0)

    def marks(self, index: Index, start: int, stop: int) -> list[int | None]:
        """The revision that rows are of, as far as it is known."""
        stamp = self.stamp("stamp")
        if stamp is None:
            return [None] * (stop - start)
        if self.has_base():
            is_known = self.origin(index)[start:stop] >= 0
        else:
            is_known = np.arange(start, stop) < stamp.rows
        return [stamp.revision if is_same else None for is_same in is_known]

    def exact(self, index: Index, start: int, stop: int) -> Floats:
        """Rows `(n, d)` that are searched: those that codes were made of, where they are known.

        Raises:
            BadFile: the file of originals has other rows.
        """
        if index.is_exact:
            return index.vectors(start, stop)
        if not self.revision() and self.originals is not None:
            given: Floats = self._given(index)[start:stop].astype(np.float32)
            return given
        rows = index.vectors(start, stop)
        if self.has_base():
            origin = self.origin(index)[start:stop]
            searched = mapped(self.ground() / "searched.npy")
            rows[origin >= 0] = searched[origin[origin >= 0]]
        return rows

    def _given(self, index: Index) -> Any:
        try:
            rows = np.load(self.originals or "", mmap_mode="r")
        except (OSError, ValueError) as fault:
            raise BadFile(
                f"no originals ({fault})", where=str(self.originals)
            ) from None
        if rows.shape != (index.rows, index.dim) or rows.dtype.kind != "f":
            raise BadFile(
                f"originals of shape {rows.shape}, the index has {(index.rows, index.dim)}",
                where=str(self.originals),
                advice="A row for each of the index, in its order.",
            )
        return rows

    def picked(self, index: Index, places: Any) -> Floats:
        """Rows `(n, d)` at places."""
        rows = [self.exact(index, int(place), int(place) + 1) for place in places]
        return np.concatenate(rows) if rows else np.zeros((0, index.dim), np.float32)
