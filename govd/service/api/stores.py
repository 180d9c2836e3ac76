"""Stores: embeddings that are kept elsewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from govd.service.api.action import action
from govd.service.api.declared import Asked
from govd.service.api.question import question

if TYPE_CHECKING:
    from govd.types import Record


class Stores(Asked):
    """Stores: embeddings that are kept elsewhere."""

    @question(
        "stores",
        "stores.all",
        kind="list",
        cursor="name",
    )
    def stores(self) -> list[Record]:
        """All stores, by name, each with the revision that its vectors are of."""
        raise NotImplementedError

    @question(
        "stores/{name}",
        "stores.show",
    )
    def store(self, name: str) -> Record:
        """One store: what it is, its stamp, how far its patch is."""
        raise NotImplementedError

    @action(
        "stores",
        "stores.add",
        status=201,
        settings="settings",
        creates="name",
        heavy=True,
        reconciles="after",
    )
    def add_store(
        self,
        name: str,
        url: str,
        model: str,
        stamp_as: str | None = None,
        follow: bool = False,
        secret: str = "",
    ) -> Record:
        """Add a store; its vectors are not touched.

        Raises:
            Conflict: there is such a store, or its vectors are not known to be the model's.
            Unsupported: no plugin opens such an address.
        """
        raise NotImplementedError

    @abstractmethod
    def find_in_store(
        self,
        name: str,
        concept: str = "",
        examples: Sequence[str] = (),
        limit: int = 20,
        whole: bool = False,
    ) -> Record:
        """What in a store is about a concept: `hits` with `key`, `score` and whether it is `named`
        so; with `whole` how many vectors are.

        Raises:
            Usage: nothing to look for.
        """

    @action(
        "stores/{name}/patch",
        "stores.patch",
        role="operator",
        status=202,
        settings="options",
        limits={"revision": {"ge": 0}},
        heavy=True,
        wakes=True,
        reconciles="with patches",
    )
    def patch_store(
        self,
        name: str,
        revision: int | None = None,
        dry_run: bool = False,
        lossy: bool = False,
        any_length: bool = False,
        unmarked: Literal["skip", "base"] = "skip",
        follow: bool = False,
        instead_of_queries: bool = False,
    ) -> Record:
        """Take a store to a revision (None: the published one; 0: the originals).

        Raises:
            Conflict: its stamp is not what the ledger says, or a patch is under way. Unsupported:
            its originals cannot be had.
        """
        raise NotImplementedError

    @action(
        "stores/{name}/verify",
        "stores.verify",
        role="operator",
        heavy=True,
        reconciles="with patches",
    )
    def verify_store(self, name: str) -> Record:
        """Whether a store is what its stamp says; `verdict` has `faults` and `well`."""
        raise NotImplementedError

    @action(
        "stores/{name}/purge", "stores.purge", heavy=True, reconciles="with patches"
    )
    def purge_store(self, name: str, reason: str) -> Record:
        """Take away every vector of a store that is not searched, originals included."""
        raise NotImplementedError

    @action("stores/{name}/remove", "stores.remove", reconciles="with patches")
    def remove_store(self, name: str, reason: str = "") -> Record:
        """Look after a store no more; its vectors and stamp stay as they are."""
        raise NotImplementedError
