"""The nouns of `govd store`: what a person or script asks of a home about embeddings elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from govd.errors import Conflict, GovdError, Unsupported
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.reconcile.measuring import Measuring
from govd.records.limits import bounded
from govd.records.store import StoreRecord, StoreState
from govd.serve.serving import Serving
from govd.stores.estimating import estimated
from govd.stores.finding import Finding, Query
from govd.stores.jobs import GOVD, Jobs
from govd.stores.opening import GuardedStore, opened
from govd.stores.patching import source_of
from govd.stores.plans import PatchOptions
from govd.stores.registry import Registry, StoreSettings, digest_of
from govd.stores.remembering import remembered
from govd.stores.verifying import Verifying
from govd.stores.watching import Watching
from govd.types import Json, Record

log = logging.getLogger("govd")


class Stores:
    """Stores of a home, and the work on them."""

    def __init__(self, core: Core, measuring: Measuring, serving: Serving) -> None:
        self.core = core
        self.registry = Registry(core)
        self.jobs = Jobs(core, self.registry, measuring)
        self.finding = Finding(core, self.registry, serving, measuring)
        self.verifying = Verifying(core, self.registry, measuring)
        self.watching = Watching(core, self.verify, GOVD)

    # -- what there is

    def all(self) -> list[Record]:
        """Every store, by name."""
        stores = sorted(self.core.desk.refresh().stores.items())
        return [
            self._shown(store)
            for _, store in stores
            if store.state is not StoreState.REMOVED
        ]

    @bounded
    def show(self, name: str) -> Record:
        """One store, with how far its patch is.

        Raises:
            NotFound: there is none of this name.
        """
        return self._shown(self.registry.store(name))

    def _shown(self, store: StoreRecord) -> dict[str, Json]:
        published = self.core.desk.views.published(store.model)
        number = published.number if published else 0
        return {
            **store.as_json(),
            "revision": store.revision,
            "published": number,
            "is_current": self._is_current(store) and not store.faults,
            "progress": self.jobs.progress_of(store.name),
        }

    # -- what changes them

    @bounded
    def add(self, settings: StoreSettings, actor: str) -> Record:
        """Add a store; its vectors are not touched."""
        return self._shown(self.registry.add(settings, actor))

    @bounded
    def remove(self, name: str, reason: str, actor: str) -> Record:
        """Look after a store no more; its vectors and stamp stay as they are."""
        return self.registry.remove(name, reason, actor).as_json()

    @bounded
    def patch(self, name: str, options: PatchOptions, actor: str) -> Record:
        """Begin to take a store to a revision; `jobs` does it. With `dry_run` only what it would
        be.

        Raises:
            NotFound: no such store or revision. Conflict: its stamp is not what the ledger says, a
            patch is under way, or queries are edited instead. Unsupported: its originals cannot be
            had.
        """
        store, task = self.jobs.plans.task(name, options)
        secret = self.registry.secret(name)
        with opened(self.core, store.url, secret) as at:
            facts = at.facts()
            if facts.lossy and not options.lossy:
                raise Unsupported(
                    f"its originals cannot be had exactly: {facts.lossy}",
                    where=store.url,
                    advice="Keep originals beside it, edit queries instead, or say --lossy.",
                )
            self.jobs.plans.check_stamp(store, at.stamp(), facts)
            if not any(stamp.is_of(task.stamp) for stamp in at.held()):
                source_of(at, task.expected)
            estimate = estimated(store, task, at, facts)
        if options.dry_run:
            return {
                **self._shown(store),
                "dry_run": True,
                "estimate": estimate.as_json(),
            }
        self.jobs.plans.begin(store, task, options, estimate.as_json(), actor)
        return {**self.show(name), "estimate": estimate.as_json()}

    @bounded
    def purge(self, name: str, reason: str, actor: str) -> Record:
        """Take away every vector of a store that is not searched, originals included: after it
        nothing can be undone. Digests of what is searched are kept, for `verify`.

        Raises:
            Conflict: it is being patched.
        """
        with self.jobs.alone(name):
            store = self.registry.store(name)
            if store.state is StoreState.PATCHING:
                raise Conflict(
                    f"{name} is being patched", advice="Wait until it is done."
                )
            with opened(self.core, store.url, self.registry.secret(name)) as at:
                purged = at.purge(self.core.progress)
                rows_digest = self._remembered(at)
            payload: dict[str, Json] = {
                "reason": reason,
                "revision": store.revision,
                "edit_digest": store.stamp["edit_digest"],
                "rows_digest": rows_digest,
                "size_bytes": purged.size_bytes,
                "until": purged.until,
                "remains": list(purged.remains),
            }
            self.core.desk.append(
                [Draft("store.purge", name, actor, store.model, payload)]
            )
        return self.show(name)

    def _remembered(self, at: GuardedStore) -> str | None:
        """The artifact that says what is searched; None where that cannot be read: the purge was
        done all the same.
        """
        try:
            rows = remembered(at, self.core.progress)
        except GovdError as fault:
            log.warning("no digests of rows are kept: %s", fault.message)
            return None
        return self.core.artifacts.put(rows.as_bytes())

    @bounded
    def verify(self, name: str, actor: str) -> Record:
        """Whether a store is what its stamp says: `faults` says what is not, empty where all is
        well; an entry.
        """
        store = self.registry.store(name)
        verdict = self.verifying.verify(store)
        with self.core.desk.lock:
            self.core.desk.append(
                [Draft("store.verify", name, actor, store.model, verdict)]
            )
        return {**self.show(name), "verdict": verdict}

    @bounded
    def find(self, name: str, query: Query) -> Record:
        """What in a store is about a concept: hits with their scores, the best first."""
        return self.finding.find(self.registry.store(name), query)

    # -- by itself

    def step(self) -> bool:
        """Begin the patches that follow a publication, and do all that are under way; whether there
        were some.

        Raises:
            GovdError: a store that follows cannot be patched; the others are.
        """
        faults: list[GovdError] = []
        for store in list(self.core.desk.refresh().stores.values()):
            if (
                store.follows
                and store.state is StoreState.READY
                and not self._is_current(store)
            ):
                try:
                    self.patch(store.name, PatchOptions(), GOVD)
                except GovdError as fault:
                    faults.append(fault)
        did = self.jobs.step()
        if faults:
            raise faults[0]
        return did

    def _is_current(self, store: StoreRecord) -> bool:
        published = self.core.desk.views.published(store.model)
        return bool(store.stamp["edit_digest"] == digest_of(published))

    # -- for others

    def of_model(self, model: str) -> Sequence[StoreRecord]:
        """The stores of a model, by name."""
        return self.registry.of_model(model)
