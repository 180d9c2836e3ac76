"""What an attacker sees of a model: pictures and texts in its joint space, edited or not; and what
one forget is about in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from govd.edit.factors import Edit
from govd.edit.metrics import EvaluationData, cells
from govd.types import Floats, Scope

MOST: Final = 8192
"""Labelled pictures that attacks are tried on; more are thinned evenly, what is forgotten last."""


@dataclass(frozen=True)
class Space:
    """A model's vectors of the same labelled pictures and labels, whichever model it is.

    `images` (n, d), unit. `prompts`: for each of the attacks `label`, `prompts`, `unseen_prompts`
    and `ensemble` the labels (m, d) by the prompt that they stand in. `words`: for `synonyms` and
    `translations` other words by the place of the label that they stand for, a vector (d,) each.
    What a model has no vectors of is left out.
    """

    images: Floats
    prompts: Mapping[str, Mapping[str, Floats]]
    words: Mapping[str, Mapping[int, Mapping[str, Floats]]] = field(
        default_factory=dict
    )

    @property
    def labels(self) -> Floats:
        """The labels (m, d) as they are registered."""
        return next(iter(self.prompts["label"].values()))

    def edited(self, edit: Edit) -> Space:
        """The same after an edit. Texts that the edit moves keep the lengths it gives them: so
        scores are compared.
        """
        if edit.side == "image":
            return replace(self, images=edit.apply(self.images))
        prompts = {
            attack: {t: edit.move(rows) for t, rows in of.items()}
            for attack, of in self.prompts.items()
        }
        words = {
            attack: {
                place: {word: edit.move(row[None])[0] for word, row in by_word.items()}
                for place, by_word in of.items()
            }
            for attack, of in self.words.items()
        }
        return replace(self, prompts=prompts, words=words)


@dataclass(frozen=True)
class Subject:
    """What one forget is about, in labelled pictures: those that are its `own` (n,), those of
    `others` (n,) that show nothing of it, the true label of each (n,) by its place, and the places
    of the labels that it names (none: everything in some domains).
    """

    own: Any
    others: Any
    label_of: Any
    places: tuple[int, ...]

    @staticmethod
    def of(scope: Scope, names: Sequence[str], data: EvaluationData) -> Subject:
        """A scope in labelled pictures, whose classes are all among the labels `names`.

        Args:
            data: labelled pictures.
        """
        concept_mask = cells([scope], data)[data.class_of, data.domain_of]
        label_of = np.array([names.index(c) for c in data.classes])[data.class_of]
        phrases = {p for c in scope.concepts for p in c.phrases}
        places = tuple(i for i, name in enumerate(names) if name in phrases)
        negatives = ~np.isin(label_of, places) if phrases else ~concept_mask
        return Subject(concept_mask, negatives, label_of, places)


def thinned(
    data: EvaluationData, scopes: Sequence[Scope], most: int = MOST
) -> EvaluationData:
    """Evenly fewer pictures, `most` of them: of what is forgotten as many as there are, up to
    half.

    Args:
        data: labelled pictures.
        scopes: of the forgets.
    """
    if len(data.vectors) <= most:
        return data
    mask = cells(scopes, data)[data.class_of, data.domain_of]
    forgotten = _evenly(np.flatnonzero(mask), most // 2)
    sample = np.sort(
        np.concatenate(
            [forgotten, _evenly(np.flatnonzero(~mask), most - len(forgotten))]
        )
    )
    return replace(
        data,
        vectors=data.vectors[sample],
        class_of=np.asarray(data.class_of)[sample],
        domain_of=np.asarray(data.domain_of)[sample],
    )


def _evenly(places: Any, most: int) -> Any:
    return (
        places if len(places) <= most else places[np.arange(most) * len(places) // most]
    )
