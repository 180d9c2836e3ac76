"""Prints how fast stores of each kind are patched, beside rewriting them by their library alone,
and what the other side of the edit would find.

    python -m tests.benchmarks.stores
    python -m tests.benchmarks.stores --kinds npy,lance --rows 1000000 --dim 512 --rank 30
    python -m tests.benchmarks.stores --vector-unforget /path/to/an/environment/bin/python
    python -m tests.benchmarks.stores --sides FOLDER --forget 5

plain: every vector read by the library, edited by the same function, written again in its place
(`store_kinds.py`) · patch: `govd store patch` without its entries: read, checked, edited, written
beside, read back, hashed, synced, switched to, the originals kept · back: to the originals. The
three are run in turn on two stores of the same vectors, the best of each is printed: rows/s, GB/s
of vectors, and the ratio.
Slow kinds have fewer rows. `vector-unforget` (AGPL, in an environment of its own)
projects the same directions out of the same array in memory: it reads and writes no store.

sides: on labelled vectors of real pictures some labels are forgotten as `govd forget` does it; how
often a search by a forgotten text has a picture of it among its ten best, whether a retained text
keeps its hits, and what a search by a picture finds: when vectors are edited, when queries are.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from govd.edit import Edit
from govd.edit.quick import applied
from govd.stores.journal import Journal
from govd.stores.opening import GuardedStore
from govd.stores.patching import patch
from govd.stores.portions import Task
from govd.types import Floats, Store, StoreStamp, silent
from tests.benchmarks.store_kinds import KINDS, Kind

BASE = StoreStamp("govd/benchmark", "m", "d" * 64, 0, "", "image", 0)
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
    parser.add_argument("--kinds", default=",".join(KINDS), help=", ".join(KINDS))
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rank", type=int, default=30)
    parser.add_argument("--times", type=int, default=3, help="the best is printed")
    parser.add_argument("--folder", type=Path, help="where stores are made")
    parser.add_argument("--vector-unforget", help="a Python that has it")
    parser.add_argument("--sides", type=Path, help="labelled vectors")
    parser.add_argument("--forget", type=int, default=5)
    given = parser.parse_args()
    if given.sides:
        print_sides(given.sides, given.forget)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        print_speed(Path(folder), given)


def print_speed(folder: Path, given: argparse.Namespace) -> None:
    """A row for each kind."""
    draw = np.random.default_rng(1)
    q, _ = np.linalg.qr(draw.normal(size=(given.dim, given.rank)))
    rows = draw.standard_normal((given.rows, given.dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    load = os.getloadavg()[0]
    print(f"{given.dim} wide, float32, rank {given.rank}; {os.cpu_count()} cores")
    print(f"load before: {load:.1f}; best of {given.times}\n")
    print(
        "| kind | rows | plain, rows/s | patch, rows/s | GB/s | share | back, rows/s |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in given.kinds.split(","):
        make, fewer = KINDS[name]
        part = rows[: max(1, given.rows // fewer)]
        with ExitStack() as held:
            try:
                kinds = [_made(make, folder / f"{name}{i}", held) for i in range(2)]
            except ImportError as fault:
                print(f"| {name} | left out: {fault} | | | | | |", flush=True)
                continue
            seconds = measured(kinds, part, Edit(q, q), given.times)
        print(_line(name, part, seconds), flush=True)
        for i in range(2):
            shutil.rmtree(folder / f"{name}{i}")
    if given.vector_unforget:
        print_foreign(folder, rows, q, given.vector_unforget)


def _made(
    make: Callable[[Path, ExitStack], Kind], folder: Path, held: ExitStack
) -> Kind:
    folder.mkdir()
    return make(folder, held)


def measured(
    kinds: list[Kind], rows: Floats, edit: Edit, times: int
) -> dict[str, float]:
    """The fewest seconds of each: one store is rewritten, the other patched and taken back."""
    plain, kept = kinds
    for kind in kinds:
        kind.fill(rows)
    store = GuardedStore(_opened(kept.url), lambda what, work: work())
    store.claim(BASE)
    taken: dict[str, list[float]] = {"plain": [], "patch": [], "back": []}
    with tempfile.TemporaryDirectory() as journal:
        for _ in range(times):
            taken["plain"].append(
                timed(lambda: plain.rewrite(lambda some: applied(edit, some)))
            )
            taken["patch"].append(timed(lambda: patched(store, Path(journal), edit)))
            taken["back"].append(timed(lambda: patched(store, Path(journal), None)))
    store.close()
    return {name: min(seconds) for name, seconds in taken.items()}


def _opened(url: str) -> Store:
    """The store at an address, whichever plugin opens it."""
    for kind in ("npy", "parquet", "lance", "faiss", "pgvector", "qdrant", "chroma"):
        module = importlib.import_module(f"govd_{kind}")
        words = inspect.signature(module.govd_open_store).parameters
        secret = {"secret": ""} if "secret" in words else {}
        store: Store | None = module.govd_open_store(url=url, **secret)
        if store is not None:
            return store
    raise LookupError(url)


def _line(name: str, rows: Floats, seconds: dict[str, float]) -> str:
    """A row of the table."""
    rate = {what: f"{len(rows) / taken:,.0f}" for what, taken in seconds.items()}
    speed = rows.nbytes / seconds["patch"] / 1e9
    share = seconds["plain"] / seconds["patch"]
    return (
        f"| {name} | {len(rows):,} | {rate['plain']} | {rate['patch']} | {speed:.3f} |"
        f" {share:.0%} | {rate['back']} |"
    )


def print_foreign(folder: Path, rows: Floats, directions: Floats, python: str) -> None:
    """The same directions projected out of an array in memory by `vector-unforget`."""
    np.save(folder / "v.npy", rows)
    np.save(folder / "directions.npy", directions.T.astype(np.float32))
    files = [str(folder / "v.npy"), str(folder / "directions.npy")]
    done = subprocess.run(
        [python, "-c", FOREIGN, *files], capture_output=True, text=True, check=True
    )
    taken = float(done.stdout)
    print(f"vector-unforget, in memory: {len(rows) / taken:,.0f} rows/s")


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
