"""A store: a folder with `vectors.npy`, unit rows `(n, d)`, small enough to be read whole.

`base.npy` are the rows as the unedited model made them, `next.npy` those that are written and not
searched yet, `vectors.npy` those that are searched; each has its stamp beside it. Whoever brings a
kind of store runs `tests/stores/contract.py` on it.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadFile, Conflict
from govd.hookspecs import hookimpl
from govd.types import (
    Batch,
    Floats,
    Generation,
    Hit,
    Portion,
    Progress,
    Purged,
    RowNumbers,
    Store,
    StoreFacts,
    StoreStamp,
    silent,
)

SCHEME = "example+folder://"
FILES = {"searched": "vectors", "base": "base", "next": "next"}


class Folder:
    """The vectors of one folder. Rows are known by their number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def facts(self) -> StoreFacts:
        rows = self._rows("searched")
        return StoreFacts(
            "example",
            rows.shape[1],
            rows.dtype.name,
            len(rows),
            rows.nbytes,
            "base.npy",
        )

    def stamp(self) -> StoreStamp | None:
        return self._stamp("searched")

    def held(self) -> Sequence[StoreStamp]:
        return [stamp for stamp in map(self._stamp, ("searched", "base")) if stamp]

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        if self.stamp() is not None:
            raise Conflict("it is stamped already", where=str(self.folder))
        return self._put("searched", self._rows("searched"), stamp)

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        total = len(self._rows(generation)) if self._path(generation).exists() else 0
        return [
            self._portion(at, min(at + rows, total)) for at in range(0, total, rows)
        ]

    def read(self, generation: Generation, portion: Portion) -> Batch:
        start, stop = map(int, portion.name.split("-"))
        return Batch(RowNumbers(range(start, stop)), self._rows(generation)[start:stop])

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        self._check(expected)
        unfinished = self._stamp("next")
        if unfinished is None or not unfinished.is_of(stamp):
            source = "base" if self._path("base").exists() else "searched"
            self._put("next", np.zeros_like(self._rows(source)), stamp)

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        start, stop = map(int, portion.name.split("-"))
        self._fill("next", start, stop, batch.vectors)
        if originals is not None:
            self._fill("base", start, stop, originals)

    def late(self, rows: int) -> Sequence[Portion]:
        written, total = len(self._rows("next")), len(self._rows("searched"))
        return [
            self._portion(at, min(at + rows, total))
            for at in range(written, total, rows)
        ]

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        self._check(expected)
        following = self._stamp("next")
        source: Generation = "next" if following and following.is_of(stamp) else "base"
        kept = self._stamp(source)
        if kept is None or not kept.is_of(stamp):
            raise Conflict("it holds no vectors of this stamp", where=str(self.folder))
        rows = self._rows(source)
        if len(rows) < len(self._rows("searched")) or not np.isfinite(rows).all():
            return None  # what came since is not there, or what it was made of is not known
        if not self._path("base").exists():
            self._put("base", self._rows("searched"), expected)
        switched = self._put("searched", self._rows(source), stamp)
        self._drop("next")
        return switched

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        scores = queries @ self._rows("searched").T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :limit]
        return [
            [Hit(str(key), float(row[key])) for key in keys]
            for row, keys in zip(scores, best, strict=True)
        ]

    def fetch(self, keys: Sequence[str]) -> Floats:
        rows: Floats = self._rows("searched")[[int(key) for key in keys]]
        return rows

    def purge(self, progress: Progress = silent) -> Purged:
        return Purged(self._drop("next") + self._drop("base"), "")

    def close(self) -> None:
        pass

    def _portion(self, start: int, stop: int) -> Portion:
        return Portion(f"{start}-{stop}", stop - start)

    def _check(self, expected: StoreStamp) -> None:
        if self.stamp() != expected:
            raise Conflict("the vectors are stamped otherwise than was expected")

    def _fill(
        self, generation: Generation, start: int, stop: int, vectors: Floats
    ) -> None:
        rows = self._rows(generation)
        longer = np.zeros((max(stop, len(rows)), rows.shape[1]), rows.dtype)
        longer[: len(rows)] = rows
        longer[start:stop] = vectors
        stamp = self._stamp(generation)
        assert stamp is not None
        self._put(generation, longer, stamp)

    def _path(self, generation: Generation) -> Path:
        return self.folder / f"{FILES[generation]}.npy"

    def _rows(self, generation: Generation) -> Any:
        return np.load(self._path(generation))

    def _stamp(self, generation: Generation) -> StoreStamp | None:
        path = self._path(generation).with_suffix(".govd.json")
        return (
            StoreStamp.from_json(json.loads(path.read_text()))
            if path.exists()
            else None
        )

    def _put(self, generation: Generation, rows: Any, stamp: StoreStamp) -> StoreStamp:
        counted = replace(
            stamp, rows=len(rows), sha256=sha256(rows.tobytes()).hexdigest()
        )
        path = self._path(generation)
        np.save(path, rows)
        path.with_suffix(".govd.json").write_text(json.dumps(counted.as_json()))
        return counted

    def _drop(self, generation: Generation) -> int:
        path = self._path(generation)
        size = path.stat().st_size if path.exists() else 0
        path.unlink(missing_ok=True)
        path.with_suffix(".govd.json").unlink(missing_ok=True)
        return size


@hookimpl
def govd_open_store(url: str) -> Store | None:
    """`example+folder:///data/vectors`, and nothing else.

    Raises:
        BadFile: there is no `vectors.npy` in it.
    """
    if not url.startswith(SCHEME):
        return None
    folder = Path(url.removeprefix(SCHEME))
    if not (folder / "vectors.npy").is_file():
        raise BadFile("no vectors.npy is in it", where=str(folder))
    return Folder(folder)
