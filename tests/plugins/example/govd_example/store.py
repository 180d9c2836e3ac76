"""A store: a folder with `vectors.npy`, unit rows `(n, d)`, and what they were edited to beside it.

`base.npy` are the rows as the unedited model made them, `next.npy` those that are patched and not
searched yet, `vectors.npy` those that are searched; each has its stamp beside it.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadFile, Conflict, NotFound, Unsupported
from govd.hookspecs import hookimpl
from govd.types import (
    Floats,
    Hit,
    Patched,
    Progress,
    Purged,
    Store,
    StoreStamp,
    VectorEdit,
    silent,
)

SCHEME = "example+folder://"


class Folder:
    """The vectors of one folder. Rows are known by their number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stamp(self) -> StoreStamp | None:
        return self._stamp("vectors")

    def count(self) -> int:
        return len(self._rows("vectors"))

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        scores = queries @ self._rows("vectors").T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :limit]
        return [
            [Hit(str(key), float(row[key])) for key in keys]
            for row, keys in zip(scores, best, strict=True)
        ]

    def patch(
        self,
        edit: VectorEdit,
        expected: StoreStamp,
        stamp: StoreStamp,
        *,
        dry_run: bool = False,
        progress: Progress = silent,
    ) -> Patched:
        began = time.monotonic()
        if self.stamp() != expected:
            raise Conflict("the vectors are stamped otherwise than was expected")
        base = self._path("base")
        if not base.exists() and expected.revision:
            raise Unsupported("the originals are gone: nothing can be had from what was made")
        rows = np.load(base if base.exists() else self._path("vectors"))
        if not dry_run:
            if not base.exists():
                self._put("base", rows, expected)
            self._put("next", edit.apply(rows), stamp)
            progress("rows", len(rows), len(rows))
        return Patched(len(rows), rows.nbytes, time.monotonic() - began, True)

    def verify(self, edit: VectorEdit, stamp: StoreStamp) -> Sequence[str]:
        faults = []
        kept = self.stamp()
        if kept is None or (kept.revision, kept.edit_digest) != (stamp.revision, edit.digest):
            faults.append("the vectors that are searched are of another revision")
        if kept is not None and kept.sha256 != sha256(self._rows("vectors").tobytes()).hexdigest():
            faults.append("the vectors are not those that were stamped")
        return faults

    def swap(self, stamp: StoreStamp) -> None:
        kept = self._stamp("next")
        if kept is None or (kept.revision, kept.edit_digest) != (stamp.revision, stamp.edit_digest):
            raise NotFound(f"no vectors of revision {stamp.revision} are ready")
        self._put("vectors", self._rows("next"), stamp)
        self._drop("next")

    def purge(self, progress: Progress = silent) -> Purged:
        return Purged(self._drop("next") + self._drop("base"), "")

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _rows(self, name: str) -> Any:
        return np.load(self._path(name))

    def _stamp(self, name: str) -> StoreStamp | None:
        path = self.folder / f"{name}.govd.json"
        return StoreStamp(**json.loads(path.read_text())) if path.exists() else None

    def _put(self, name: str, rows: Any, stamp: StoreStamp) -> None:
        digest = sha256(rows.tobytes()).hexdigest()
        filled = replace(stamp, rows=len(rows), sha256=digest)
        np.save(self._path(name), rows)
        (self.folder / f"{name}.govd.json").write_text(json.dumps(asdict(filled)))

    def _drop(self, name: str) -> int:
        path = self._path(name)
        size = path.stat().st_size if path.exists() else 0
        path.unlink(missing_ok=True)
        (self.folder / f"{name}.govd.json").unlink(missing_ok=True)
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
