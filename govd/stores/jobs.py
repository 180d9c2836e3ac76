"""Patches that are under way: begun by an entry, done by whoever runs this home, ended by another
entry. What a crash cut off is still under way, and goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from govd.asking.batches import batch_runner
from govd.errors import Conflict, GovdError
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.reconcile.measuring import Measuring
from govd.records.model import RegisteredModel
from govd.records.store import StoreRecord, StoreState
from govd.stores.journal import Journal
from govd.stores.opening import GuardedStore, opened
from govd.stores.patching import Outcome, Stopped, ended, patch
from govd.stores.plans import Plans
from govd.stores.portions import Task
from govd.stores.recognising import Look, look, watched
from govd.stores.registry import Registry
from govd.types import Json, Progress

log = logging.getLogger("govd")
GOVD: Final = "govd"


class Jobs:
    """The patches of a home's stores. `running`: how far they are, by the store's name."""

    def __init__(self, core: Core, registry: Registry, measuring: Measuring) -> None:
        self.core = core
        self.registry = registry
        self.measuring = measuring
        self.plans = Plans(core, registry, measuring)
        self.running: dict[str, dict[str, Json]] = {}
        self._alone = threading.Lock()

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """While this lasts no store of this home is written to by anybody else.

        Raises:
            Conflict: one is at this moment.
        """
        if not self._alone.acquire(blocking=False):
            raise Conflict(
                f"{name}: another store is being worked on", advice="Try again later."
            )
        try:
            yield
        finally:
            self._alone.release()

    # -- doing

    def step(self, progress: Progress | None = None) -> bool:
        """Do the patches that are under way; whether there were some."""
        did = False
        for store in list(self.core.desk.refresh().stores.values()):
            if store.state is StoreState.PATCHING and not self.core.ending:
                did |= self._done(store, progress or self.core.progress)
        return did

    def _done(self, store: StoreRecord, progress: Progress) -> bool:
        """Do one patch; whether it came to an end, a good or a bad one."""
        with self.alone(store.name):
            try:
                self._patch(store, progress)
            except Stopped:
                return False
            except GovdError as fault:
                self._failed(store, fault)
            finally:
                self.running.pop(store.name, None)
        return True

    def _failed(self, store: StoreRecord, fault: GovdError) -> None:
        log.error("store %s: %s", store.name, fault.message)
        order = store.wanted or {}
        payload: dict[str, Json] = {
            "revision": order.get("revision"),
            "reason": fault.message[:1000],
            "rows": (self.running.get(store.name) or {}).get("rows", 0),
        }
        with self.core.desk.lock:
            self.core.desk.append(
                [Draft("store.fail", store.name, GOVD, store.model, payload)]
            )

    def _patch(self, store: StoreRecord, progress: Progress) -> None:
        order = store.wanted or {}
        model = self.core.desk.model(store.model)
        number = int(order["revision"])
        task = self.plans.task_of(
            model, store.stamp, number, bool(order["any_length"]), order["unmarked"]
        )
        plan = {
            "from": task.expected.as_json(),
            "to": task.stamp.as_json(),
            "at": store.url,
        }
        journal = Journal(self.core.home.folder, store.name, plan)
        try:
            with opened(self.core, store.url, self.registry.secret(store.name)) as at:
                outcome = ended(at, task.expected, task, journal)
                before = self._look(at, model, number) if outcome is None else []
                if outcome is None:
                    task = self._as_stamped(store, at, task)
                    tell = self._telling(store.name, progress)
                    reach = partial(batch_runner, self.core.plugins)
                    outcome = patch(
                        at, task, journal, tell, lambda: self.core.ending, reach
                    )
                after = self._look(at, model, number)
                faults = _faults(outcome, after)
                self._switched(store, at, outcome, journal, [before, after], faults)
            journal.end()
        finally:
            journal.close()

    def _as_stamped(self, store: StoreRecord, at: GuardedStore, task: Task) -> Task:
        """The task, with the store's own stamp; where a crash came between the switch and its
        entry, from there to there.
        """
        stamp = at.stamp()
        if (
            stamp is not None
            and stamp.is_of(task.stamp)
            and not stamp.is_of(task.expected)
        ):
            return Task(task.edit, stamp, task.stamp, task.any_length, task.unmarked)
        self.plans.check_stamp(store, stamp, at.facts())
        assert stamp is not None
        return Task(task.edit, stamp, task.stamp, task.any_length, task.unmarked)

    def _look(
        self, at: GuardedStore, model: RegisteredModel, number: int
    ) -> list[Look]:
        """What the store finds by the names that the wanted revision has forgotten."""
        if not number:
            return []
        revision = self.core.desk.revision(model.name, number)
        filed = self.measuring.filed(revision)
        basis = self.core.models.opened_for(model.name, revision).basis
        names = watched(list(zip(revision.contributions, filed, strict=True)), basis)
        return look(at, basis, names)

    def _telling(self, name: str, progress: Progress) -> Progress:
        """Progress that can be asked for: rows, rows a second, seconds that are left."""
        began = time.monotonic()
        first: list[int] = []

        def tell(what: str, done: int, total: int) -> None:
            first.append(done) if not first else None
            seconds = max(time.monotonic() - began, 1e-6)
            rate = (done - first[0]) / seconds
            remaining = (total - done) / rate if rate else None
            self.running[name] = {
                "rows": done,
                "total": total,
                "rows_per_second": round(rate, 1),
                "seconds_left": None if remaining is None else round(remaining, 1),
            }
            progress(what, done, total)

        return tell

    def progress_of(self, name: str) -> Mapping[str, Json] | None:
        """How far the patch of a store is; None while none runs."""
        return self.running.get(name)

    def _switched(
        self,
        store: StoreRecord,
        at: GuardedStore,
        outcome: Outcome,
        journal: Journal,
        looks: Sequence[Sequence[Look]],
        faults: Sequence[str],
    ) -> None:
        skipped = journal.skipped()
        listed = self.core.artifacts.put(_lines(skipped)) if skipped else None
        payload: dict[str, Json] = {
            "stamp": outcome.stamp.as_json(),
            "rows": outcome.stamp.rows,
            "patched": outcome.rows - outcome.skipped,
            "skipped": outcome.skipped,
            "skipped_list": listed,
            "late": outcome.late,
            "resumed": outcome.resumed,
            "lost": outcome.lost,
            "portions_digest": outcome.digest,
            "seconds": round(outcome.seconds, 3),
            "searched": _searched(*looks),
            "faults": list(faults),
        }
        with self.core.desk.lock:
            self.core.desk.append(
                [Draft("store.switch", store.name, GOVD, store.model, payload)]
            )


def _lines(skipped: Sequence[Sequence[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in skipped).encode()


def _faults(outcome: Outcome, after: Sequence[Look]) -> list[str]:
    """What a patch did not come to, a sentence each."""
    faults = []
    if outcome.skipped:
        faults.append(
            f"{outcome.skipped} of {outcome.rows} rows were left as they were"
        )
    if outcome.lost:
        faults.append(
            f"{outcome.lost} rows were searched before the switch and are not after it"
        )
    stale = sum(finding.stale for finding in after)
    if stale:
        faults.append(
            f"the index gives {stale} hits another score than their vectors have: it still keeps"
            " vectors of before"
        )
    return faults


def _searched(before: Sequence[Look], after: Sequence[Look]) -> list[dict[str, Json]]:
    """What searches with the forgotten texts found, before and after."""
    earlier = {finding.contribution: finding for finding in before}
    return [
        {
            **finding.as_json(),
            "named_before": len(earlier[finding.contribution].named)
            if finding.contribution in earlier
            else None,
        }
        for finding in after
    ]
