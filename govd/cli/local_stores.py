"""Stores of a home without a daemon; what each call does is said in `govd.service.api.stores`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from govd.service.api.stores import Stores
from govd.service.service import Service
from govd.stores.finding import Query
from govd.stores.plans import PatchOptions
from govd.stores.portions import Unmarked
from govd.stores.registry import StoreSettings
from govd.types import Record


class LocalStores(Stores):
    """Stores, asked of the home itself. `actor`: the account of this process."""

    service: Service
    actor: str

    @abstractmethod
    def _went_on(self, record: Record) -> Record: ...

    @property
    @abstractmethod
    def resumed(self) -> Service: ...

    def add_store(
        self,
        name: str,
        url: str,
        model: str,
        stamp_as: str | None = None,
        follow: bool = False,
        secret: str = "",
    ) -> Record:
        settings = StoreSettings(name, url, model, stamp_as, follow, secret)
        return self._went_on(self.service.stores.add(settings, self.actor))

    def find_in_store(
        self,
        name: str,
        concept: str = "",
        examples: Sequence[str] = (),
        limit: int = 20,
        whole: bool = False,
    ) -> Record:
        pictures = tuple((example, Path(example)) for example in examples)
        return self.resumed.stores.find(name, Query(concept, pictures, limit, whole))

    def patch_store(
        self,
        name: str,
        revision: int | None = None,
        dry_run: bool = False,
        lossy: bool = False,
        any_length: bool = False,
        unmarked: str = "skip",
        follow: bool = False,
        instead_of_queries: bool = False,
    ) -> Record:
        rule: Unmarked = "base" if unmarked == "base" else "skip"
        options = PatchOptions(
            revision, dry_run, lossy, any_length, rule, follow, instead_of_queries
        )
        begun = self.resumed.stores.patch(name, options, self.actor)
        if options.dry_run:
            return begun
        self.service.stores.jobs.step()
        self.service.checkpoints.sign()
        return {**self.service.stores.show(name), "estimate": begun["estimate"]}

    def verify_store(self, name: str) -> Record:
        return self.resumed.stores.verify(name, self.actor)

    def purge_store(self, name: str, reason: str) -> Record:
        return self.resumed.stores.purge(name, reason, self.actor)

    def remove_store(self, name: str, reason: str = "") -> Record:
        return self.resumed.stores.remove(name, reason, self.actor)
