"""Prints how fast a store is patched, beside plainly writing the same vectors again, and what the
other side of the edit would find.

    python -m tests.benchmarks.stores
    python -m tests.benchmarks.stores --rows 1000000 --dim 512 --rank 30
    python -m tests.benchmarks.stores --vector-unforget /path/to/an/environment/bin/python
    python -m tests.benchmarks.stores --sides FOLDER --forget 5

plain: every row read, copied and written to a second file in portions of the same size, then synced
· patch: `govd store patch` without its entries: read, checked, edited, written beside, read back,
hashed, synced, switched to · switch back: to the originals. Both are run three times in turn and
the best of each is printed: rows/s, GB/s of vectors read, and the ratio. `vector-unforget` (AGPL,
in an environment of its own) projects the same directions out of the same array in memory: it reads
and writes no store.

sides: on labelled vectors of real pictures some labels are forgotten as `govd forget` does it; how
often a search by a forgotten text has a picture of it among its ten best, whether a retained text
keeps its hits, and what a search by a picture finds: when vectors are edited, when queries are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from govd.edit import Edit
from govd.stores.journal import Journal
from govd.stores.opening import GuardedStore
from govd.stores.patching import patch
from govd.stores.portions import ROWS, Task
from govd.types import StoreStamp, silent
from govd_npy import NpyStore

BASE = StoreStamp("govd/benchmark", "m", "d" * 64, 0, "", "image", 0)
TIMES = 3
FOREIGN = """
import sys, time, numpy as np
from vector_unforget.subspace_projection import SubspaceProjector
rows, directions = np.load(sys.argv[1]), np.load(sys.argv[2])
projector = SubspaceProjector(device="cpu")
began = time.monotonic()
for direction in directions:
    rows = projector.project_matrix_orthogonal(rows, direction, normalize=True)
print(time.monotonic() - began)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rank", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="where the files are made")
    parser.add_argument("--vector-unforget", help="a Python that has it")
    parser.add_argument("--sides", type=Path, help="labelled vectors")
    parser.add_argument("--forget", type=int, default=5)
    given = parser.parse_args()
    if given.sides:
        print_sides(given.sides, given.forget)
        return
    with folder_in(given.folder) as folder:
        print_speed(folder, given)


class folder_in:
    """A folder that is taken away afterwards."""

    def __init__(self, where: Path | None) -> None:
        self.path = Path(tempfile.mkdtemp(dir=where))

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)


def print_speed(folder: Path, given: argparse.Namespace) -> None:
    """Plain writing and patching in turn."""
    size = given.rows * given.dim * 4
    q, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(given.dim, given.rank)))
    edit = Edit(q, q)
    path = folder / "v.npy"
    fill(path, given.rows, given.dim)
    store = GuardedStore(NpyStore(path), lambda what, work: work())
    store.claim(BASE)
    seconds: dict[str, list[float]] = {"plain": [], "patch": [], "switch back": []}
    for _ in range(TIMES):
        seconds["plain"].append(timed(lambda: plain(path, folder / "copy.npy")))
        seconds["patch"].append(timed(lambda: patched(store, folder, edit)))
        seconds["switch back"].append(timed(lambda: patched(store, folder, None)))
    print(
        f"{given.rows:,} rows of {given.dim}, float32, rank {given.rank}; {os.cpu_count()} cores"
    )
    print(f"load before: {os.getloadavg()[0]:.1f}")
    for name, taken in seconds.items():
        rate, speed = given.rows / min(taken), size / min(taken) / 1e9
        print(f"{name:12s} {min(taken):8.2f} s {rate:14,.0f} rows/s {speed:8.2f} GB/s")
    print(
        f"patch at {min(seconds['plain']) / min(seconds['patch']):.0%} of plainly writing"
    )
    if given.vector_unforget:
        np.save(folder / "directions.npy", q.T.astype(np.float32))
        command = [
            given.vector_unforget,
            "-c",
            FOREIGN,
            str(path),
            str(folder / "directions.npy"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        taken = float(done.stdout)
        print(
            f"vector-unforget, in memory: {taken:.2f} s {given.rows / taken:,.0f} rows/s"
        )


def fill(path: Path, rows: int, dim: int) -> None:
    """A file of unit rows, made in portions."""
    draw = np.random.default_rng(0)
    made: Any = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.float32, shape=(rows, dim)
    )
    for part in portions(rows):
        vectors = draw.standard_normal((part.stop - part.start, dim), dtype=np.float32)
        made[part] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    made.flush()


def portions(rows: int) -> Iterator[slice]:
    """Slices of the size in which govd works."""
    for start in range(0, rows, ROWS):
        yield slice(start, min(start + ROWS, rows))


def plain(source: Path, target: Path) -> None:
    """Write the same vectors again."""
    rows: Any = np.load(source, mmap_mode="r")
    copy: Any = np.lib.format.open_memmap(
        target, mode="w+", dtype=rows.dtype, shape=rows.shape
    )
    for part in portions(len(rows)):
        copy[part] = rows[part]
    copy.flush()
    with target.open("rb") as file:
        os.fsync(file.fileno())
    target.unlink()


def patched(store: GuardedStore, folder: Path, edit: Edit | None) -> None:
    """Take the store to an edit, or back."""
    stamp = (
        BASE
        if edit is None
        else StoreStamp("govd/benchmark", "m", "d" * 64, 1, edit.digest, "image", 0)
    )
    expected = store.stamp()
    assert expected is not None
    journal = Journal(folder, "shop", {"to": stamp.as_json()})
    patch(store, Task(edit, expected, stamp), journal, silent, lambda: False)
    journal.end()


def timed(work: Callable[[], None]) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def print_sides(path: Path, forget: int) -> None:
    """What searches find when vectors are edited, and when queries are."""
    from tests.benchmarks.sides import table

    print(table(path, forget))


if __name__ == "__main__":
    main()
