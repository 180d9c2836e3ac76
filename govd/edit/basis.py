"""What is computed once per (model, vocabulary, pool), so that one forget is milliseconds: metrics,
their inverses, domain selectors.

Symbols follow the module `compose`. Every product is `exact`: the same bytes on any machine for the
same embeddings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from govd.edit import exact
from govd.edit.files import tensors_from_bytes, tensors_to_bytes
from govd.types import Floats, Json, Side, Use

VERSION = "2"
POOL_SAMPLE = {"1": 4096, "2": 16384}
"""Pool images on which strengths are solved, by the basis' version; a larger pool is thinned
evenly.
"""
BEST = 8
"""Scores of a pool image that are kept at hand: so many names less one can be left out without
scoring it again.
"""
ROWS = 1024
"""Images that are scored at once."""


@dataclass(frozen=True)
class Basis:
    """A model as the methods see it. Vectors are unit rows in float64.

    Tensors: `labels` (n_L, d), `vocabulary` (n_V, d), `metric_inverse` (d, d) of the metric with
    soft anchors; with hard labels also `free_inverse` (d, d) and `duals` (d, n_L); with domains
    `domain_prompts` (S, n, d), `selectors` (S, d); with a pool `pool` (N, d), `pool_mean` (d,),
    `pool_inverse` (d, d), `pool_domains` (N,) where there are domains.
    """

    model: str
    use: Use
    side: Side
    labels: tuple[str, ...]
    vocabulary: tuple[str, ...]
    domains: tuple[str, ...]
    templates: tuple[str, ...]
    tensors: Mapping[str, Floats]
    max_edit_norm: float = 10.0
    pool_kind: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)
    version: str = VERSION
    conditional: bool = False

    @property
    def dim(self) -> int:
        """Width of the joint space."""
        return int(self.tensors["metric_inverse"].shape[0])

    @property
    def has_space(self) -> bool:
        """Whether the model compares things in a space: without one, edits are sums of tensor
        deltas (`govd.edit.tensors`).
        """
        return self.dim > 0

    @staticmethod
    def spaceless(model: str, domains: tuple[str, ...]) -> Basis:
        """That of a model without a space.

        Args:
            model: its digest.
            domains: names that forgets may be limited to.
        """
        nothing = np.zeros((0, 0))
        tensors = {"metric_inverse": nothing, "labels": nothing, "vocabulary": nothing}
        return Basis(model, "open", "image", (), (), domains, (), tensors)

    @property
    def has_pool(self) -> bool:
        """Whether there are image embeddings to measure on."""
        return "pool" in self.tensors

    @property
    def hard(self) -> bool:
        """Whether the label set can be kept exactly."""
        return "duals" in self.tensors

    @property
    def anchors(self) -> tuple[tuple[str, ...], Floats]:
        """What competes for an image: the label set, else the vocabulary; names and vectors."""
        return (
            (self.labels, self.tensors["labels"])
            if self.labels
            else (self.vocabulary, self.tensors["vocabulary"])
        )

    @cached_property
    def anchor_total(self) -> Floats:
        """Sum of the anchors' vectors `(d,)`."""
        return exact.row_sum(self.anchors[1].T.copy())

    @cached_property
    def anchor_names(self) -> dict[bytes, str]:
        """Anchors by the bytes of their vectors: what a target is, whatever a request calls it."""
        names, vectors = self.anchors
        return {
            row.tobytes(): name
            for name, row in zip(names, np.ascontiguousarray(vectors), strict=True)
        }

    @property
    def images(self) -> Floats:
        """What answers are predicted on: the thinned pool `(n, d)`, without one the anchors
        themselves.
        """
        return self.thinned_pool()[0] if self.has_pool else self.anchors[1]

    @cached_property
    def base_answers(self) -> Any:
        """The best anchor of each of `images` `(n,)` before any edit; for figures, which need not
        have the same bytes on any machine.
        """
        images = self.images
        anchors = self.anchors[1]
        top = np.zeros(len(images), np.int64)
        for start in range(0, len(images), ROWS):
            top[start : start + ROWS] = (
                images[start : start + ROWS] @ anchors.T
            ).argmax(1)
        return top

    @cached_property
    def _pool_best(self) -> dict[str, tuple[Floats, Any]]:
        """For labels and vocabulary the `BEST` highest scores of each thinned pool image `(n,
        BEST)`, best first, and whose they are.
        """
        images = self.thinned_pool()[0]
        best = {}
        for kind in ("labels", "vocabulary"):
            texts = self.tensors[kind]
            parts = [
                _highest(exact.matmul(images[at : at + ROWS], texts.T))
                for at in range(0, len(images), ROWS)
            ]
            best[kind] = (
                np.concatenate([p[0] for p in parts]),
                np.concatenate([p[1] for p in parts]),
            )
        return best

    def pool_best(
        self, which: Literal["labels", "vocabulary"], without: Collection[str]
    ) -> Floats:
        """The highest score `(n,)` of each thinned pool image with a label (or word) but those that
        are named; −∞ where none is left.
        """
        names: tuple[str, ...] = getattr(self, which)
        out = np.array([name in without for name in names], bool)
        scored, columns = self._pool_best[which]
        if np.count_nonzero(out) >= scored.shape[1]:
            anchors = self.tensors[which][~out]
            scores = exact.matmul(self.thinned_pool()[0], anchors.T)
            return scores.max(1, initial=-np.inf)  # type: ignore[no-any-return]
        first = (~out[columns]).argmax(1)
        best: Floats = scored[np.arange(len(scored)), first]
        return best

    def pool_rivals(
        self, which: Literal["labels", "vocabulary"], without: Collection[str]
    ) -> Floats:
        """The highest scores `(n, BEST)` of each thinned pool image, −∞ in the place of those with
        a name that is left out.
        """
        names: tuple[str, ...] = getattr(self, which)
        out = np.array([name in without for name in names], bool)
        scored, columns = self._pool_best[which]
        rivals: Floats = np.where(out[columns], -np.inf, scored)
        return rivals

    def as_json(self) -> dict[str, Json]:
        """The settings, part of the digest."""
        return {
            "version": self.version,
            "model": self.model,
            "use": self.use,
            "side": self.side,
            "labels": list(self.labels),
            "vocabulary": list(self.vocabulary),
            "domains": list(self.domains),
            "templates": list(self.templates),
            "max_edit_norm": self.max_edit_norm,
            "pool_kind": self.pool_kind,
            "facts": dict(self.facts),
            **({"conditional": True} if self.conditional else {}),
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of settings and tensors."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """One safetensors file."""
        return tensors_to_bytes(
            self.tensors,
            {"basis": json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False)},
        )

    @staticmethod
    def from_bytes(data: bytes, where: str = "") -> Basis:
        """Read what `to_bytes` wrote."""
        tensors, metadata = tensors_from_bytes(data, where)
        fields = json.loads(metadata["basis"])
        settings: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()
        }
        return Basis(**settings, tensors=tensors)

    def thinned_pool(self) -> tuple[Floats, Any]:
        """At most `POOL_SAMPLE` pool embeddings, evenly taken, and their positions."""
        pool = self.tensors["pool"]
        if self.thinning == 1:
            return pool, np.arange(len(pool))
        at = np.arange(0, len(pool), self.thinning)
        return pool[at], at

    @property
    def thinning(self) -> int:
        """Every how many-th pool embedding is taken."""
        return max(1, -(-len(self.tensors["pool"]) // POOL_SAMPLE[self.version]))


def _highest(scored: Floats) -> tuple[Floats, Any]:
    """The `BEST` highest of each row of scores `(n, m)`, best first, and their columns."""
    few = min(BEST, scored.shape[1])
    columns = (
        np.argpartition(-scored, few - 1, axis=1)[:, :few]
        if few
        else np.zeros((len(scored), 0), np.int64)
    )
    order = np.argsort(-np.take_along_axis(scored, columns, 1), axis=1, kind="stable")
    columns = np.take_along_axis(columns, order, 1)
    return np.take_along_axis(scored, columns, 1), columns
