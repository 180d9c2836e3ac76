"""Taking a store from one revision to another: every portion made from the originals, written
beside what is searched, read back, then switched to; cut off at any moment, it goes on.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from govd.asking.batches import InProcess
from govd.errors import Conflict, PluginFault, Unsupported
from govd.stores.journal import Journal
from govd.stores.opening import GuardedStore
from govd.stores.portions import ROWS, Task, is_written, patch_portion
from govd.types import BatchRunner, Generation, Portion, Progress, StoreStamp

SWEEPS: Final = 20
"""Times that is looked for rows which came in meanwhile, until it is given up."""
Reach = Callable[[], AbstractContextManager[BatchRunner]]
"""Reaches whoever makes portions."""


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
    reach: Reach = lambda: nullcontext(InProcess()),
) -> Outcome:
    """Take a store to another revision.

    Args:
        store: its stamp is `task.expected`.
        task: what is made of its rows.
        journal: of this very patch.
        progress: told of rows.
        is_ending: whether this process is to end.
        reach: whoever makes the portions; nothing is begun where he is not reached.

    Raises:
        Conflict: the stamp is another, or rows keep coming in faster than they are edited.
        Unsupported: no originals are there. BadFile, MachineFault: of a portion. Unreachable:
        whoever makes portions is not there. Stopped: it was ended in between.
    """
    began = time.monotonic()
    instantly = _held(store, task)
    if instantly is not None:
        return Outcome(instantly, 0, 0, 0, 0, "", time.monotonic() - began)
    source = source_of(store, task.expected)
    task = replace(task, is_apart=source == "base")
    with reach() as runner:
        making = _Making(store, task, journal, runner, is_ending)
        stamp, resumed, late, lost = _patched(making, source, progress)
    return _outcome(journal, stamp, began, resumed, late, lost)


def ended(
    store: GuardedStore, expected: StoreStamp, task: Task, journal: Journal
) -> Outcome | None:
    """What a patch came to that was cut off between its switch and its entry; None where it is not
    over.

    Args:
        store: that was patched.
        expected: what it is of as the ledger has it.
        task: of the patch.
        journal: of the patch.
    """
    began = time.monotonic()
    if not journal.done or expected.is_of(task.stamp):
        return None
    store.held()  # ends a switch that was cut off
    stamp = store.stamp()
    if stamp is None or not stamp.is_of(task.stamp):
        return None
    return _outcome(journal, stamp, began, resumed=sum(_rows(journal)))


def _rows(journal: Journal) -> list[int]:
    return [portion.rows for portion in journal.done.values()]


def _outcome(
    journal: Journal,
    stamp: StoreStamp,
    began: float,
    resumed: int,
    late: int = 0,
    lost: int = 0,
) -> Outcome:
    """What the journal has of a patch, and what is known besides."""
    skipped = sum(portion.skipped for portion in journal.done.values())
    seconds = time.monotonic() - began
    digest = journal.digest()
    rows = sum(_rows(journal))
    return Outcome(stamp, rows, skipped, late, resumed, digest, seconds, lost)


@dataclass(frozen=True)
class _Making:
    """What portions of a patch are made of, by whom, and where that is noted."""

    store: GuardedStore
    task: Task
    journal: Journal
    runner: BatchRunner
    is_ending: Callable[[], bool]


def _patched(
    making: _Making, source: Generation, progress: Progress
) -> tuple[StoreStamp, int, int, int]:
    """The stamp after the switch; rows that were there already, that came in, that were lost."""
    store = making.store
    task = making.task
    journal = making.journal
    store.prepare(task.expected, task.stamp)
    portions = store.portions(source, ROWS)
    resumed = _resumed(store, journal, portions)
    todo = [portion for portion in portions if portion.name not in journal.done]
    total = sum(portion.rows for portion in portions)
    tell = _Count(progress, total, total - sum(portion.rows for portion in todo))
    _all(making, source, todo, tell)
    stamp, late, lost = _switched(making, tell)
    return stamp, resumed, late, lost


def source_of(store: GuardedStore, expected: StoreStamp) -> Generation:
    """Where the originals of a store are.

    Raises:
        Unsupported: nowhere.
    """
    unedited = [stamp for stamp in store.held() if stamp.revision == 0]
    if unedited:
        # beside rows that nobody knows, originals are kept apart from what is searched
        is_apart = expected.revision > 0 or len(unedited) > 1
        return "base" if is_apart else "searched"
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
    for entry in list(journal.done.values()):
        if sizes.get(entry.name) == entry.rows and is_written(store, entry):
            rows += entry.rows
        else:
            journal.drop(entry.name)
    return rows


class _Count:
    """Rows that are done, told by several threads."""

    def __init__(self, progress: Progress, total: int, done: int) -> None:
        self._progress = progress
        self._total = total
        self._done = done
        self._lock = threading.Lock()
        progress("rows", done, total)

    def add(self, rows: int, more: int = 0) -> None:
        """Rows are done; `more` are to be done besides."""
        with self._lock:
            self._done += rows
            self._total += more
            self._progress("rows", self._done, self._total)


def _all(
    making: _Making,
    source: Generation,
    portions: Sequence[Portion],
    tell: _Count,
    late: bool = False,
) -> None:
    """Make portions, and note each as soon as it is made: in any order, and a second time where
    a worker was lost. Both come to the same, as every portion is made of its originals.

    Raises:
        Stopped: this process is to end; what is begun is ended first. PluginFault: whoever makes
        portions left some out.
    """
    make = partial(patch_portion, making.store, making.task, source, late=late)
    pending = itertools.takewhile(lambda _: not making.is_ending(), portions)
    for entry in making.runner.map_batches(make, pending):
        making.journal.add(entry)
        tell.add(entry.rows)
    if making.is_ending():
        raise Stopped
    unanswered = [
        portion.name for portion in portions if portion.name not in making.journal.done
    ]
    if unanswered:
        raise PluginFault(
            f"{len(unanswered)} of {len(portions)} portions were not answered: {unanswered[0]}, …",
            where=f"{type(making.runner).__name__}.map_batches",
            advice="Nothing was switched to. Patch again, or run batches in-process.",
        )


def _switched(making: _Making, tell: _Count) -> tuple[StoreStamp, int, int]:
    """The stamp after the switch, how many rows came in until then, and how many it lost."""
    store = making.store
    task = making.task
    late = 0
    for _ in range(SWEEPS):
        portions = store.late(ROWS)
        tell.add(0, sum(portion.rows for portion in portions))
        _all(making, "searched", portions, tell, late=True)
        late += sum(portion.rows for portion in portions)
        searched = store.facts().rows
        stamp = store.switch(task.expected, task.stamp)
        if stamp is not None:
            return stamp, late, max(0, searched - stamp.rows)
    raise Conflict(
        "rows come in faster than they are edited",
        advice="Pause what writes to the store for a moment; the patch goes on where it is.",
    )
