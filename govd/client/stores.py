"""The calls of a daemon about stores; what each does is said in `govd.service.api.stores`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from govd.client.files import part_of_path, picture_file
from govd.service.api.stores import Stores
from govd.types import Json, Record


class StoreCalls(Stores):
    """Stores, asked over HTTP."""

    @abstractmethod
    def _post(self, path: str, body: Json, **query: Any) -> Record: ...

    def add_store(
        self,
        name: str,
        url: str,
        model: str,
        stamp_as: str | None = None,
        follow: bool = False,
        secret: str = "",
    ) -> Record:
        body = {"name": name, "url": url, "model": model, "stamp_as": stamp_as}
        return self._post("stores", {**body, "follow": follow, "secret": secret})

    def find_in_store(
        self,
        name: str,
        concept: str = "",
        examples: Sequence[str] = (),
        limit: int = 20,
        whole: bool = False,
    ) -> Record:
        pictures = [picture_file(example) for example in examples]
        body = {
            "concept": concept,
            "examples": pictures,
            "limit": limit,
            "whole": whole,
        }
        return self._of_store(name, "find", body)

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
        body = {
            "revision": revision,
            "dry_run": dry_run,
            "lossy": lossy,
            "follow": follow,
        }
        body["instead_of_queries"] = instead_of_queries
        return self._of_store(
            name, "patch", {**body, "any_length": any_length, "unmarked": unmarked}
        )

    def verify_store(self, name: str) -> Record:
        return self._of_store(name, "verify")

    def purge_store(self, name: str, reason: str) -> Record:
        return self._of_store(name, "purge", {"reason": reason})

    def remove_store(self, name: str, reason: str = "") -> Record:
        return self._of_store(name, "remove", {"reason": reason})

    def _of_store(self, name: str, what: str, body: Json | None = None) -> Record:
        return self._post(f"stores/{part_of_path(name)}/{what}", body)
