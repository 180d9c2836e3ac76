"""What in a store is about a concept: by its text, by examples, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from govd.errors import Usage
from govd.models.core import Core
from govd.models.phrases import check_phrase, spelled
from govd.pictures import Source
from govd.reconcile.measuring import Measuring
from govd.records.store import StoreRecord
from govd.serve.serving import Serving
from govd.stores.opening import GuardedStore, opened
from govd.stores.portions import ROWS, unusable
from govd.stores.recognising import named, unit
from govd.stores.registry import Registry
from govd.types import Floats, Hit, Json, Record

MOST: Final = 10_000
"""Hits of one question at most."""


@dataclass(frozen=True)
class Query:
    """What is looked for: a `concept`, pictures of it `(name, picture)`, or both. `limit`: hits at
    most. `whole`: every vector is looked at, and those that are recognised are counted.
    """

    concept: str = ""
    examples: tuple[tuple[str, Source], ...] = ()
    limit: int = 20
    whole: bool = False


class Finding:
    """Questions to stores."""

    def __init__(
        self, core: Core, registry: Registry, serving: Serving, measuring: Measuring
    ) -> None:
        self.core = core
        self.registry = registry
        self.serving = serving
        self.measuring = measuring

    def find(self, store: StoreRecord, query: Query) -> Record:
        """Hits, the best first: `key`, `score` (cosine), `named` (whether no other anchor is
        nearer).

        Raises:
            Usage: nothing to look for. UnreadableImage: an example cannot be read.
        """
        if not query.concept.strip() and not query.examples:
            raise Usage(
                "nothing to look for", advice="Name a concept, or give --example IMAGE."
            )
        if not 1 <= query.limit <= MOST:
            raise Usage(f"a limit of {query.limit}", advice=f"From 1 to {MOST}.")
        served = self.serving.now(
            store.model, store.revision or None, base=not store.revision
        )
        basis = served.opened.basis
        rows = []
        if query.concept.strip():
            name = spelled(query.concept)
            check_phrase(name, "a concept")
            rows.append(
                served.opened.encoder.averaged([name], basis.templates, keep=False)[0]
            )
        if query.examples:
            vectors = self._examples(store, query.examples)
            rows.append(unit(vectors.mean(axis=0, keepdims=True))[0])
        text = unit(np.mean(rows, axis=0, keepdims=True))[0]
        with opened(self.core, store.url, self.registry.secret(store.name)) as at:
            hits = list(at.find(np.asarray(text, np.float32)[None], query.limit)[0])
            mask = self._named(at, hits, basis, rows[0]) if hits else []
            counted = self._counted(at, basis, rows[0]) if query.whole else None
        return {
            "store": store.name,
            "model": store.model,
            "revision": store.revision,
            "concept": query.concept,
            "examples": len(query.examples),
            "rows": counted[1] if counted else store.stamp["rows"],
            "named": counted[0] if counted else None,
            "hits": [
                {"key": hit.key, "score": round(hit.score, 6), "named": bool(is_named)}
                for hit, is_named in zip(hits, mask, strict=True)
            ],
        }

    def _examples(
        self, store: StoreRecord, examples: Sequence[tuple[str, Source]]
    ) -> Floats:
        """Example vectors as the store's revision makes them."""
        vectors, _ = self.serving.embeddings(
            store.model,
            images=[source for _, source in examples],
            names=[name for name, _ in examples],
            revision=store.revision or None,
            base=not store.revision,
        )
        return vectors

    def _named(
        self, at: GuardedStore, hits: Sequence[Hit], basis: Json, text: Floats
    ) -> Sequence[bool]:
        vectors = unit(at.fetch([hit.key for hit in hits]))
        return list(named(basis, vectors, text))

    def _counted(self, at: GuardedStore, basis: Json, text: Floats) -> tuple[int, int]:
        """How many vectors are nearest to a text, and how many there are."""
        count = total = 0
        for portion in at.portions("searched", ROWS):
            batch = at.read("searched", portion)
            total += len(batch.keys)
            usable = np.ones(len(batch.vectors), bool)
            usable[list(unusable(batch.vectors))] = False
            count += int(named(basis, unit(batch.vectors[usable]), text).sum())
        return count, total
