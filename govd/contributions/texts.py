"""What a model reads in the phrases of a forget: a unit embedding for each, and which of them are
one to it, or one of its own names.

Proven by `tests/contributions/test_texts.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from govd.edit.duals import SAME
from govd.errors import GovdError, Unsupported
from govd.models.core import Core
from govd.models.open_models import Opened
from govd.models.phrases import folded
from govd.records.model import RegisteredModel
from govd.types import Concept, Floats


def phrase_embedding(opened: Opened, phrase: str) -> Floats:
    """A phrase's text embedding `(d,)`; where an anchor has the same (by its name, or since the
    model reads both alike) it is that one's, to the last bit: then both are one target.
    """
    basis: Any = opened.basis
    anchors = [
        (basis.labels, basis.tensors["labels"]),
        (basis.vocabulary, basis.tensors["vocabulary"]),
    ]
    for names, rows in anchors:
        if phrase in names:
            row: Floats = rows[names.index(phrase)]
            return row
    averaged: Floats = opened.encoder.averaged([phrase], basis.templates, keep=False)[0]
    for names, rows in anchors:
        if names:
            nearest: Floats = rows[int(np.argmax(rows @ averaged))]
            if _is_same(nearest, averaged):
                return nearest
    return averaged


def distinct_texts(
    opened: Opened, concepts: Sequence[Concept]
) -> tuple[list[list[str]], list[Floats]]:
    """For each concept those of its phrases that the model tells apart, and their embeddings
    `(p, d)`: of phrases that it reads alike the one that is a label, else the first.

    Raises:
        Unsupported: it reads phrases of two concepts alike: their duals do not exist.
    """
    names: list[list[str]] = []
    texts: list[Floats] = []
    for concept in concepts:
        phrases = sorted(concept.phrases, key=lambda p: p not in opened.basis.labels)
        rows: dict[str, Floats] = {}
        for phrase in phrases:
            row = phrase_embedding(opened, phrase)
            if not any(_is_same(row, earlier) for earlier in rows.values()):
                rows[phrase] = row
        names.append([phrase for phrase in concept.phrases if phrase in rows])
        texts.append(np.stack([rows[phrase] for phrase in names[-1]]))
    _check_distinct(names, texts)
    return names, texts


def _check_distinct(names: Sequence[Sequence[str]], texts: Sequence[Floats]) -> None:
    earlier: list[tuple[str, Floats]] = []
    for phrases, rows in zip(names, texts, strict=True):
        pairs = list(zip(phrases, rows, strict=True))
        for phrase, row in pairs:
            for other, other_row in earlier:
                if _is_same(row, other_row):
                    raise Unsupported(
                        f"{other!r} and {phrase!r} are the same to this model",
                        advice="Name one of them.",
                    )
        earlier += pairs


def _is_same(row: Floats, other: Floats) -> bool:
    return float(np.abs(row - other).max()) < SAME


def as_listed(
    core: Core, registered: RegisteredModel, phrases: Sequence[str]
) -> list[str]:
    """The phrases, each by the name that the model lists where it reads that one alike: `Dog` is
    `dog` where its tokenizer makes no difference of them. Only names that differ in case, spacing
    or punctuation are compared; a phrase that cannot be encoded now stays as it is.

    Args:
        core: of the home.
        registered: the model.
        phrases: as `govd.models.phrases.spelled` leaves them.
    """
    basis = core.models.basis(registered)
    if not basis.has_space:
        return list(phrases)
    names, vectors = _listed(basis)
    near = dict(_near(set(phrases) - set(names), names))
    if not near:
        return list(phrases)
    encoder = core.models.opened(registered.name).encoder
    listed: dict[str, str] = {}
    for phrase, places in near.items():
        try:
            row = encoder.averaged([phrase], basis.templates, keep=False)[0]
        except GovdError:
            continue
        for place in places:
            if _is_same(row, vectors[place]):
                listed.setdefault(phrase, names[place])
    return [listed.get(phrase, phrase) for phrase in phrases]


def _listed(basis: Any) -> tuple[tuple[str, ...], Floats]:
    """Labels, then words of the vocabulary, and their rows `(n, d)`."""
    rows = [basis.tensors[name] for name in ("labels", "vocabulary")]
    return (*basis.labels, *basis.vocabulary), np.concatenate(rows)


def _near(phrases: set[str], names: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """The phrases that names differ little from, with the positions of those."""
    if not phrases:
        return
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(folded(name), []).append(place)
    for phrase in sorted(phrases):
        if positions := places.get(folded(phrase)):
            yield phrase, positions
