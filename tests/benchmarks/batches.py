"""Prints how fast a store is patched in this process and by the workers of a Ray cluster, and
whether both come to the same bytes.

    ray start --head --num-cpus 4
    python -m tests.benchmarks.batches --address auto --rows 1000000 --dim 768

start: reaching the cluster, by itself · patch: as `tests/benchmarks/stores.py` has it, float16.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from contextlib import closing, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from govd.asking.abroad import Abroad, StoreAbroad
from govd.asking.batches import InProcess
from govd.edit import Edit
from govd.stores.journal import Journal
from govd.stores.opening import GuardedStore
from govd.stores.patching import Reach, patch
from govd.stores.portions import ROWS, Task
from govd.types import StoreStamp, silent
from govd_npy import NpyStore
from govd_ray import RayRunner

BASE = StoreStamp("govd/benchmark", "m", "d" * 64, 0, "", "image", 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="auto")
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--rank", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="where the files are made")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        print_rates(folder, options)
    finally:
        shutil.rmtree(folder)


def print_rates(folder: Path, options: argparse.Namespace) -> None:
    """Patch copies of one file by each runner."""
    draw = np.random.default_rng(0)
    q, _ = np.linalg.qr(draw.normal(size=(options.dim, options.rank)))
    rows: Any = np.empty((options.rows, options.dim), np.float16)
    for start in range(0, options.rows, ROWS):
        block = draw.standard_normal(
            (min(ROWS, options.rows - start), options.dim), np.float32
        )
        rows[start : start + ROWS] = block / np.linalg.norm(
            block, axis=1, keepdims=True
        )
    paths = {name: folder / f"{name}.npy" for name in ("in-process", "ray")}
    for path in paths.values():
        np.save(path, rows)
    began = time.monotonic()
    runner = RayRunner(options.address)
    start_seconds = time.monotonic() - began
    reaches: dict[str, Reach] = {
        "in-process": lambda: nullcontext(InProcess()),
        "ray": lambda: closing(runner),
    }
    print(f"{options.rows:,} rows of {options.dim}, float16, rank {options.rank}")
    print(f"{os.cpu_count()} cores here, load before: {os.getloadavg()[0]:.1f}")
    print(f"{'start':12s} {start_seconds:8.2f} s")
    for name, path in paths.items():
        seconds = patched(path, Edit(q, q), reaches[name])
        rate, speed = options.rows / seconds, rows.nbytes / seconds / 1e9
        print(f"{name:12s} {seconds:8.2f} s {rate:14,.0f} rows/s {speed:8.2f} GB/s")
    same = paths["ray"].read_bytes() == paths["in-process"].read_bytes()
    print(f"same bytes: {same}")


def patched(path: Path, edit: Edit, reach: Reach) -> float:
    """Seconds that a patch takes."""
    abroad = StoreAbroad(
        Abroad("npy", "govd_npy", version("govd"), 3600.0), path.as_uri(), ""
    )
    store = GuardedStore(NpyStore(path), lambda what, work: work(), abroad)
    expected = store.claim(BASE)
    stamp = StoreStamp("govd/benchmark", "m", "d" * 64, 1, edit.digest, "image", 0)
    journal = Journal(path.parent, path.stem, {})
    began = time.monotonic()
    patch(store, Task(edit, expected, stamp), journal, silent, lambda: False, reach)
    journal.end()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
