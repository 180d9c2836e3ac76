"""What is written of `next`, beside the table: an array for each fragment, by physical rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import BadFile
from govd.keeping.arrays import mapped, room
from govd.keeping.files import gone, json_in, write_json
from govd.types import Floats, Json

KNOWN: Final = 1
"""Written, its original is where it was."""
KNOWN_LATE: Final = 2
"""Came in meanwhile, was written, and its original is known."""
UNKNOWN: Final = 3
"""Came in, was written as it was, and no original of it is known."""


class Staged:
    """The folder `TABLE.govd`."""

    def __init__(self, folder: Path, dim: int, dtype: str) -> None:
        self.folder = folder
        self.dim = dim
        self.dtype = dtype

    def plan(self) -> Json:
        """Of which patch it is; None: of none."""
        try:
            return json_in(self.folder / "plan.json")
        except BadFile:
            return None

    def begin(self, plan: Json) -> None:
        """Drop what is there, and begin anew."""
        self.drop()
        self.folder.mkdir(parents=True)
        write_json(self.folder / "plan.json", plan)

    def drop(self) -> int:
        """Take it away; its bytes."""
        size = sum(file.stat().st_size for file in self.folder.rglob("*.npy"))
        gone(self.folder)
        return size

    def write(
        self,
        name: str,
        total: int,
        places: Any,
        rows: Floats,
        states: Any,
        base: Floats | None,
    ) -> None:
        """Keep rows of a fragment.

        Args:
            name: of the fragment.
            total: its physical rows.
            places: of the rows, `(n,)`.
            rows: `(n, d)`.
            states: of each, `(n,)`.
            base: originals `(n, d)` that are not in the table.
        """
        self._room(name, total, "made", (total, self.dim), self.dtype)
        self._array(name, "made", write=True)[places] = rows
        if base is not None:
            self._room(name, total, "base", (total, self.dim), self.dtype)
            self._array(name, "base", write=True)[places] = base
        self._room(name, total, "state", (total,), np.uint8)
        self._array(name, "state", write=True)[places] = states

    def _room(
        self, name: str, total: int, what: str, shape: tuple[int, ...], dtype: Any
    ) -> None:
        path = self.folder / name / f"{what}.npy"
        if path.exists():
            return
        part = path.with_suffix(".part")
        room(part, shape, dtype)
        os.replace(part, path)

    def _array(self, name: str, what: str, write: bool = False) -> Any:
        return mapped(self.folder / name / f"{what}.npy", write)

    def states(self, name: str, places: Any) -> Any:
        """States `(n,)` of physical rows; 0: not written."""
        if not (self.folder / name / "state.npy").exists():
            return np.zeros(len(places), np.uint8)
        return np.array(self._array(name, "state")[places])

    def made(self, name: str, places: Any) -> Floats:
        """Rows `(n, d)` that were written."""
        if not (self.folder / name / "made.npy").exists():
            return np.zeros((len(places), self.dim), self.dtype)
        return np.array(self._array(name, "made")[places])

    def base(self, name: str, places: Any) -> Floats | None:
        """Originals `(n, d)` of those that came in meanwhile; None: of none."""
        if not (self.folder / name / "base.npy").exists():
            return None
        return np.array(self._array(name, "base")[places])

    def has_base(self) -> bool:
        """Whether originals are kept here."""
        return any(self.folder.glob("*/base.npy"))

    def forget_late(self) -> None:
        """Rows that came in before a crash are looked for again."""
        for path in self.folder.glob("*/state.npy"):
            states = mapped(path, write=True)
            states[np.asarray(states) > KNOWN] = 0
