"""What lies beside a table: its originals, and vectors that are not searched yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from govd.keeping.arrays import hashes, mapped, put, room
from govd.types import Floats, Json
from govd_parquet.vectors import Shape


@dataclass(frozen=True)
class Ground:
    """Vectors as the unedited model made them: `rows/FILE.npy` `(n, d)`; and, in the same order,
    hashes of what is searched in their place, `hash/FILE.npy` `(n,)`. `files`: `rows` and `ident`
    of each file when that was so.
    """

    folder: Path
    files: Mapping[str, Mapping[str, Json]]

    def path(self, rel: str) -> Path:
        """Where the originals of a file are."""
        return self.folder / "rows" / f"{rel}.npy"

    def hash_path(self, rel: str) -> Path:
        """Where the hashes of a file are."""
        return self.folder / "hash" / f"{rel}.npy"

    def put(
        self, rel: str, blocks: Iterator[Floats], hashed: Any, shape: Shape
    ) -> None:
        """Keep rows `(n, d)`, block by block, and their hashes `(n,)`."""
        put(self.path(rel), (len(hashed), shape.dim), shape.dtype, blocks)
        self.put_hashes(rel, hashed)

    def stage(
        self, rel: str, count: int, blocks: Iterator[Floats], shape: Shape
    ) -> None:
        """Keep `count` rows `(n, d)`, block by block, which are searched as they are."""
        hashed = [np.zeros(0, np.uint64)]

        def hashing() -> Iterator[Floats]:
            for block in blocks:
                hashed.append(hashes(block))
                yield block

        put(self.path(rel), (count, shape.dim), shape.dtype, hashing())
        self.put_hashes(rel, np.concatenate(hashed))

    def put_hashes(self, rel: str, hashed: Any) -> None:
        """Keep hashes `(n,)`."""
        self.hash_path(rel).parent.mkdir(parents=True, exist_ok=True)
        np.save(self.hash_path(rel), hashed)

    def origins(self, rel: str, hashed: Any) -> Any:
        """For each hash `(n,)` of a row, the place of its original; -1: there is none."""
        if not self.hash_path(rel).exists():
            return np.full(len(hashed), -1, np.int64)
        stored = np.array(mapped(self.hash_path(rel)))
        if not len(stored):
            return np.full(len(hashed), -1, np.int64)
        order = np.argsort(stored, kind="stable")
        place = np.searchsorted(stored[order], hashed)
        place = order[np.minimum(place, len(stored) - 1)]
        return np.where(stored[place] == hashed, place, -1).astype(np.int64)


class LateRows:
    """Rows of a file that came in meanwhile, by their number among those: vectors (`made`), their
    originals, and whether each is written with a known original (1), or without (2).
    """

    def __init__(self, folder: Path, rows: int, shape: Shape) -> None:
        self.folder = folder
        self.rows = rows
        if not (folder / "state.npy").exists():
            room(folder / "made.npy", (rows, shape.dim), shape.dtype)
            room(folder / "base.npy", (rows, shape.dim), shape.dtype)
            room(folder / "state.npy", (rows,), np.uint8)

    def write(self, start: int, made: Floats, originals: Floats, known: Any) -> None:
        """Keep rows `(n, d)`, their originals `(n, d)` and whether these are known `(n,)`."""
        stop = start + len(made)
        mapped(self.folder / "made.npy", write=True)[start:stop] = made
        mapped(self.folder / "base.npy", write=True)[start:stop] = originals
        mapped(self.folder / "state.npy", write=True)[start:stop] = np.where(
            known, 1, 2
        )

    def is_whole(self) -> bool:
        """Whether each row was written."""
        return bool((self.state() > 0).all())

    def state(self) -> Any:
        """Of each row, `(n,)`."""
        return mapped(self.folder / "state.npy")

    def made(self) -> Any:
        """Rows `(n, d)`."""
        return mapped(self.folder / "made.npy")

    def base(self) -> Any:
        """Originals `(n, d)`."""
        return mapped(self.folder / "base.npy")
