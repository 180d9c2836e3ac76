"""Contributions that were computed: stored, loaded again, and which of them cover which.

Who covers whom is `records/coverage`. Proven by `tests/service/test_service.py`, of private forgets
by `tests/reconcile/test_private_requests.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from govd.edit.cache import Cache
from govd.edit.contribution import contribution_from_bytes, contribution_to_bytes
from govd.errors import NotFound
from govd.ledger.entry import Draft
from govd.models.core import Core, Opened
from govd.records.coverage import subsumed_by
from govd.records.request import Request
from govd.types import Contribution, Json

KEYS: Final = 65_536
"""Contributions whose texts' digests are kept in memory to compare them."""
COVERED: Final = 64
"""Sets of wanted forgets of which it is kept which cover which."""
LOADED_BYTES: Final = 256 << 20
"""Of contributions that are kept in memory."""


class Stored:
    """Contributions of a home's requests."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._keys: Cache[str, list[str]] = Cache(KEYS)
        self._covered: Cache[tuple[tuple[str, str], ...], dict[str, str]] = Cache(
            COVERED
        )
        self._loaded: Cache[str, tuple[Any, str, Contribution]] = Cache(
            LOADED_BYTES, lambda kept: _bytes(kept[2])
        )

    def put(
        self, contribution: Contribution, model: str, actor: str, opened: Opened
    ) -> list[Draft]:
        """Put a contribution into the artifacts; the entry that says so, where none does yet.

        `model`: the name of the model that it is for; `opened`: that model. `actor`: who had it
        computed.

        Raises:
            MachineFault: it cannot be written.
        """
        artifact = self.core.artifacts.put(contribution_to_bytes(contribution))
        if self.core.desk.views.contribution(contribution.digest) is not None:
            return []
        payload: dict[str, Json] = {
            "artifact": artifact,
            "method": contribution.spec.method,
            "basis": opened.basis.digest,
            "facts": dict(contribution.facts),
            "device": opened.model.facts.device,
            "plugins": self.core.plugins.versions(),
        }
        prototypes = contribution.facts.get("prototypes", [])
        if prototypes:
            digests = {
                picture[name] for picture in prototypes for name in ("png", "tensors")
            }
            payload["prototypes"] = sorted(digests)
        return [
            Draft(
                kind="contribution.make",
                subject=contribution.digest,
                actor=actor,
                model=model,
                payload=payload,
            )
        ]

    def load(self, digest: str) -> Contribution:
        """A contribution from the artifacts, by its own digest.

        Raises:
            NotFound: no entry speaks of it, or its artifact is gone. BadFile: its artifact is
            damaged.
        """
        artifacts = self.core.artifacts
        cached = self._loaded.get(digest)
        if cached is not None and cached[0] == artifacts.signature(cached[1]):
            return cached[2]
        reference = self.core.desk.views.contribution(digest)
        if reference is None:
            raise NotFound(
                "no entry mentions this contribution",
                where=digest,
                advice="Run `govd audit verify`.",
            )
        artifact = reference.artifact
        # before it is read: what changes meanwhile is read again
        signature = artifacts.signature(artifact)
        contribution = contribution_from_bytes(artifacts.get(artifact), artifact)
        for tensor in contribution.tensors.values():
            tensor.flags.writeable = (
                False  # it is handed to methods and plugins, again and again
            )
        return self._loaded.put(digest, (signature, artifact, contribution))[2]

    def covered(self, wanted: Sequence[Request]) -> dict[str, str]:
        """Which forgets add nothing because another that stands covers them: id → id of the one
        that covers. `wanted`: in the order of their filing.

        Concepts are compared by the texts that their contributions take away, so that neither
        spelling (`Dog`, `dog`) nor a private name, nor that its text was destroyed, makes a
        difference.

        Raises:
            NotFound, BadFile: as `load`.
        """
        # neither scope nor strength of a request changes
        key = tuple((request.id, request.contribution or "") for request in wanted)
        cached = self._covered.get(key)
        if cached is None:
            by_text = [
                request.with_(concepts=self._by_text(request)) for request in wanted
            ]
            cached = self._covered.put(key, subsumed_by(by_text))
        return dict(cached)

    def compare(self, contribution: Contribution) -> None:
        """Let `covered` compare what this contribution takes away before it is stored."""
        self._keys.put(contribution.digest, _texts(contribution))

    def _by_text(self, request: Request) -> list[dict[str, Json]]:
        """A request's concepts, named by the text embedding that each takes away; by their names
        where that is not known.
        """
        concepts: list[dict[str, Json]] = list(request["concepts"])
        digest = request.contribution
        if not concepts or not digest:
            return concepts
        texts = self._keys.get(digest)
        if texts is None:
            texts = self._keys.put(digest, _texts(self.load(digest)))
        if not texts:
            return concepts
        if len(concepts) == 1:
            # the ledger does not say a private one's aliases, but its contribution takes them away
            return [{"name": texts[0], "aliases": texts[1:]}]
        if len(texts) != len(concepts):
            return concepts
        return [{"name": text, "aliases": []} for text in texts]


def _texts(contribution: Contribution) -> list[str]:
    """What names each text that a contribution takes away, the same for the same embedding."""
    tensors = contribution.tensors
    columns = tensors.get("targets", tensors.get("texts"))
    if columns is None or (
        contribution.spec.scope.domains and "targets" not in tensors
    ):
        return []
    rows = [np.ascontiguousarray(column) for column in columns.T]
    return [hashlib.sha256(row.tobytes()).hexdigest() for row in rows]


def _bytes(contribution: Contribution) -> int:
    return sum(tensor.nbytes for tensor in contribution.tensors.values()) + 4096
