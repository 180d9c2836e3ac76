"""Taking a store from one revision to another: every portion made from the originals, written
beside what is searched, read back, then switched to; cut off at any moment, it goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

from threadpoolctl import threadpool_limits

from govd.errors import Conflict, Unsupported
from govd.stores.journal import Journal
from govd.stores.opening import GuardedStore
from govd.stores.portions import ROWS, PortionDone, Task, is_written, patch_portion
from govd.types import Generation, Portion, Progress, StoreStamp

SWEEPS: Final = 20
"""Times that is looked for rows which came in meanwhile, until it is given up."""
AHEAD: Final = 2
"""Portions that wait for each thread."""


@dataclass(frozen=True)
class Outcome:
    """What a patch came to. `rows` were written, `stamp.rows` are searched now: fewer where some
    were deleted meanwhile. `skipped` of them were left as they are; `late` came in meanwhile;
    `resumed` were written before a crash; `digest` is over the checksums of portions; `lost` were
    searched before the switch and are not after it.
    """

    stamp: StoreStamp
    rows: int
    skipped: int
    late: int
    resumed: int
    digest: str
    seconds: float
    lost: int = 0


class Stopped(Exception):
    """Somebody ends this process: the patch goes on at the next start."""


def patch(
    store: GuardedStore,
    task: Task,
    journal: Journal,
    progress: Progress,
    is_ending: Callable[[], bool],
) -> Outcome:
    """Take a store to another revision.

    Args:
        store: its stamp is `task.expected`.
        task: what is made of its rows.
        journal: of this very patch.
        progress: told of rows.
        is_ending: whether this process is to end.

    Raises:
        Conflict: the stamp is another, or rows keep coming in faster than they are edited.
        Unsupported: no originals are there. BadFile, MachineFault: of a portion. Stopped: it was
        ended in between.
    """
    began = time.monotonic()
    instantly = _held(store, task)
    if instantly is not None:
        return Outcome(instantly, 0, 0, 0, 0, "", time.monotonic() - began)
    source = source_of(store, task.expected)
    store.prepare(task.expected, task.stamp)
    portions = store.portions(source, ROWS)
    resumed = _resumed(store, journal, portions)
    todo = [portion for portion in portions if portion.name not in journal.done]
    total = sum(portion.rows for portion in portions)
    tell = _Count(progress, total, total - sum(portion.rows for portion in todo))
    _all(store, task, journal, source, todo, tell, is_ending)
    stamp, late, lost = _switched(store, task, journal, tell, is_ending)
    rows = sum(done.rows for done in journal.done.values())
    skipped = sum(done.skipped for done in journal.done.values())
    seconds = time.monotonic() - began
    return Outcome(stamp, rows, skipped, late, resumed, journal.digest(), seconds, lost)


def source_of(store: GuardedStore, expected: StoreStamp) -> Generation:
    """Where the originals of a store are.

    Raises:
        Unsupported: nowhere.
    """
    if any(stamp.revision == 0 for stamp in store.held()):
        return "searched" if expected.revision == 0 else "base"
    raise Unsupported(
        f"no originals are kept, and its vectors are of revision {expected.revision}",
        advice=(
            "An edit cannot be undone from its result: encode the pictures again, or restore a"
            " backup, then add the store anew."
        ),
    )


def _held(store: GuardedStore, task: Task) -> StoreStamp | None:
    """Switched at once, where the store holds vectors of this stamp whole."""
    if task.stamp.is_of(task.expected) or not any(
        stamp.is_of(task.stamp) for stamp in store.held()
    ):
        return None
    return store.switch(task.expected, task.stamp)


def _resumed(store: GuardedStore, journal: Journal, portions: Sequence[Portion]) -> int:
    """How many rows of an earlier attempt are there still; others are written again."""
    rows = 0
    sizes = {portion.name: portion.rows for portion in portions}
    for done in list(journal.done.values()):
        if sizes.get(done.name) == done.rows and is_written(store, done):
            rows += done.rows
        else:
            journal.drop(done.name)
    return rows


class _Count:
    """Rows that are done, told by several threads."""

    def __init__(self, progress: Progress, total: int, done: int) -> None:
        self._progress, self._total, self._done = progress, total, done
        self._lock = threading.Lock()
        progress("rows", done, total)

    def add(self, rows: int, more: int = 0) -> None:
        """Rows are done; `more` are to be done besides."""
        with self._lock:
            self._done += rows
            self._total += more
            self._progress("rows", self._done, self._total)


def _all(
    store: GuardedStore,
    task: Task,
    journal: Journal,
    source: Generation,
    portions: Sequence[Portion],
    tell: _Count,
    is_ending: Callable[[], bool],
    late: bool = False,
) -> None:
    """Make portions in as many threads as there are cores; few wait in memory.

    Raises:
        Stopped: this process is to end; what is begun is ended first.
    """

    def one(portion: Portion) -> PortionDone:
        return patch_portion(store, task, source, portion, late)

    threads = os.cpu_count() or 1
    waiting = iter(portions)
    # a product in each thread, rather than threads in each product
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, "store") as pool:
        running: set[Future[PortionDone]] = set()
        try:
            for portion in waiting:
                if is_ending():
                    break
                running.add(pool.submit(one, portion))
                if len(running) >= threads * AHEAD:
                    running = _noted(running, journal, tell)
            while running:
                running = _noted(running, journal, tell)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if is_ending():
        raise Stopped


def _noted(
    running: set[Future[PortionDone]], journal: Journal, tell: _Count
) -> set[Future[PortionDone]]:
    """What is still running, once at least one portion was noted."""
    ended, others = wait(running, return_when=FIRST_COMPLETED)
    for future in ended:
        done = future.result()
        journal.add(done)
        tell.add(done.rows)
    return others


def _switched(
    store: GuardedStore,
    task: Task,
    journal: Journal,
    tell: _Count,
    is_ending: Callable[[], bool],
) -> tuple[StoreStamp, int, int]:
    """The stamp after the switch, how many rows came in until then, and how many it lost."""
    late = 0
    for _ in range(SWEEPS):
        portions = store.late(ROWS)
        tell.add(0, sum(portion.rows for portion in portions))
        _all(store, task, journal, "searched", portions, tell, is_ending, late=True)
        late += sum(portion.rows for portion in portions)
        searched = store.facts().rows
        stamp = store.switch(task.expected, task.stamp)
        if stamp is not None:
            return stamp, late, max(0, searched - stamp.rows)
    raise Conflict(
        "rows come in faster than they are edited",
        advice="Pause what writes to the store for a moment; the patch goes on where it is.",
    )
