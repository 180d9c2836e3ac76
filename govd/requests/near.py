"""What is near to what was typed: the labels and words that may be meant as well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from govd.contributions.computing import phrase_embedding
from govd.edit import Basis
from govd.edit.extent import scope_mask
from govd.edit.own_labels import own_anchors
from govd.edit.prediction import Watch, involved
from govd.models.core import Opened
from govd.types import Contribution, Floats, ForgetSpec, Json

NEAR: Final = 10
"""Labels and words that are told."""
CLOSE: Final = 0.5
"""Cosine, seen from the centre of all words, of what is nearer to a word than to that centre."""
AS_GOOD_AS: Final = 0.5
"""A word that is close is asked about when at least this share of its pictures is in the scope."""


def near_words(
    opened: Opened, spec: ForgetSpec, contribution: Contribution, watch: Watch | None
) -> list[dict[str, Json]]:
    """The nearest labels and words to what was typed, with how often their pictures are in the
    scope. `contribution`: of the spec. `watch`: pictures to count on, None where there are none.

    Args:
        opened: the model.
    """
    if not spec.scope.concepts:
        return []
    basis = opened.basis
    phrases = {phrase for concept in spec.scope.concepts for phrase in concept.phrases}
    texts = np.stack([phrase_embedding(opened, phrase) for phrase in sorted(phrases)])
    neighbours = nearest(basis, texts, phrases)
    rows = [neighbour.as_json() for neighbour in neighbours]
    mask = None if watch is None else scope_mask(basis, everywhere(contribution))
    if watch is not None and mask is not None and rows:
        words = np.stack([neighbour.vector for neighbour in neighbours])
        anchors = own_anchors(basis, contribution)
        shares, counts = involved(watch, mask[watch.at], words, anchors)
        for row, share, count in zip(rows, shares, counts, strict=True):
            row |= {"involved": share, "pictures": count}
        rows.sort(key=lambda row: (-(row["involved"] or 0.0), -row["cosine"]))
    for row in rows:
        is_close = row["what"] == "word" and row["cosine"] >= CLOSE
        row["ask"] = is_close and (row.get("involved") or 0.0) >= AS_GOOD_AS
    return rows


def everywhere(contribution: Contribution) -> Contribution:
    """A contribution as if it were about all domains: near is what is near the concept."""
    scope = replace(contribution.spec.scope, domains=())
    return replace(
        contribution,
        digest=f"{contribution.digest} everywhere",
        spec=replace(contribution.spec, scope=scope),
    )


@dataclass(frozen=True)
class Neighbour:
    """A label or a word of the vocabulary (`what`) near some texts: its `cosine` to the nearest of
    them, seen from the centre of all words, and its own embedding `(d,)`.
    """

    name: str
    what: Literal["label", "word"]
    cosine: float
    vector: Floats

    def as_json(self) -> dict[str, Json]:
        return {"name": self.name, "what": self.what, "cosine": self.cosine}


def nearest(basis: Basis, texts: Floats, phrases: set[str]) -> list[Neighbour]:
    """The labels and words that are nearest to some texts, as seen from the centre of all of them,
    nearest first.

    Args:
        basis: has the labels, the vocabulary, and their embeddings.
        texts: `(p, d)`, unit.
        phrases: what is left out: the texts themselves.
    """
    names: list[tuple[str, Literal["label", "word"]]] = [
        *((name, "label") for name in basis.labels),
        *((name, "word") for name in basis.vocabulary),
    ]
    rows = np.concatenate([basis.tensors["labels"], basis.tensors["vocabulary"]])
    centre = rows.mean(0)
    words = rows - centre
    typed = texts - centre
    lengths = (
        np.linalg.norm(words, axis=1)[:, None] * np.linalg.norm(typed, axis=1)[None, :]
    )
    cosines = ((words @ typed.T) / np.maximum(lengths, 1e-12)).max(1)
    order = [
        int(i)
        for i in np.argsort(-cosines, kind="stable")
        if names[int(i)][0] not in phrases
    ]
    return [Neighbour(*names[i], float(cosines[i]), rows[i]) for i in order[:NEAR]]
