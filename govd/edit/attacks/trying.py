"""All attacks on all forgets of a model, in the order of what they cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from govd.edit.attacks.pictures import attempts, halves, shown
from govd.edit.attacks.readings import FEW, NO_WORD, Attempt
from govd.edit.attacks.restoring import difference, relearned, undone
from govd.edit.attacks.spaces import Space, Subject
from govd.edit.attacks.words import WORDED, Answers, naming, prompted, search, worded
from govd.edit.factors import Edit
from govd.types import Floats, Json, Scope

LEARNED_FROM = 8
"""Pairs of vectors below which nobody learns a projection back."""
TRAINED = "the model was not edited"


@dataclass(frozen=True)
class Models:
    """The unedited model's vectors and those of a model that forgot, of the same pictures and
    labels.

    `edit` is what lies between them, where it is an edit; `weights` how much of each word its
    difference to the base weights takes; `missing` why vectors are left out, by attack.
    """

    base: Space
    now: Space
    edit: Edit | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def tried(
    models: Models,
    scopes: Sequence[Scope],
    subjects: Sequence[Subject],
    seed: int = 0,
    records: Sequence[Mapping[str, Json]] | None = None,
) -> list[list[Attempt]]:
    """Every attack on each forget; a search with pictures, neighbours and a probe learn on a half
    of the pictures that the seed draws.

    `records`: what `leaks` measured of the same pictures with the same seed, so that it is not
    measured twice.

    Args:
        models: the unedited model and the one that is attacked.
        scopes: of the forgets, in whose order the attempts come.
        subjects: the same in the labelled pictures.
    """
    base = models.base
    now = models.now
    half = halves(len(base.images), seed)
    by_prompts = _by_prompts(models, subjects)
    after_relearning = _answers(_relearned(models, subjects, half))
    after_undoing = _answers(_undone(models))
    first = Answers.of(base.images, base.labels)
    last = Answers.of(now.images, now.labels)
    needs = {"pictures": int(half.sum())}
    forgotten = {p for scope in scopes for c in scope.concepts for p in c.phrases}
    lists = []
    for at, (scope, subject) in enumerate(zip(scopes, subjects, strict=True)):
        record = None if records is None else records[at]
        if record is None:
            record = shown(base.images, now.images, subject.own, half)
        lists.append(
            [
                *(on_each[at] for on_each in by_prompts),
                *_by_words(models, subject, first, last),
                search(subject, base, now),
                *attempts(record, subject.own, half),
                _restoring("relearning", subject, first, after_relearning, needs, FEW),
                _restoring("undoing", subject, first, after_undoing, {}, TRAINED),
                _base_diff(models, scope, forgotten),
            ]
        )
    return lists


def _by_prompts(models: Models, subjects: Sequence[Subject]) -> list[list[Attempt]]:
    """Each attack with prompts, on each forget."""
    base = models.base
    now = models.now
    by_attack = []
    for attack in ("label", "prompts", "unseen_prompts", "ensemble"):
        texts = base.prompts.get(attack, {}), now.prompts.get(attack, {})
        why = models.missing.get(attack, "the model has no such prompts")
        by_attack.append(prompted(attack, subjects, *texts, (base, now), why))
    return by_attack


def _by_words(
    models: Models, subject: Subject, first: Answers, last: Answers
) -> list[Attempt]:
    """Each attack with other words, on one forget."""
    base = models.base
    now = models.now
    by_attack = []
    for attack in WORDED:
        why = models.missing.get(attack, NO_WORD)
        by_attack.append(worded(attack, subject, base, now, first, last, why))
    return by_attack


def _answers(restored: tuple[Floats, Floats] | None) -> Answers | None:
    """Answers from restored pictures `(n, d)` and labels `(m, d)`."""
    return None if restored is None else Answers.of(*restored)


def _base_diff(models: Models, scope: Scope, forgotten: Collection[str]) -> Attempt:
    """What the difference to the base's weights tells of a forget."""
    if not models.edit:
        return Attempt("base_diff", why=TRAINED)
    return difference(models.weights, scope, forgotten)


def _restoring(
    attack: str,
    subject: Subject,
    base: Answers,
    restored: Answers | None,
    needs: Mapping[str, int],
    why: str,
) -> Attempt:
    """How many of a forget's pictures get its name again."""
    if restored is None:
        return Attempt(attack, why=why)
    return Attempt(attack, *naming(subject, base, restored), needs)


def _relearned(
    models: Models, subjects: Sequence[Subject], half: Any
) -> tuple[Floats, Floats] | None:
    """Pictures and labels as somebody sees them who learned the way back to the base model; each
    half of the pictures by what the other taught. Where texts are edited, he learns from those of
    labels that are not forgotten.
    """
    base = models.base
    now = models.now
    if models.edit is not None and models.edit.side == "text":
        retained = np.ones(len(base.labels), bool)
        retained[[place for subject in subjects for place in subject.places]] = False
        if retained.sum() < LEARNED_FROM:
            return None
        return base.images, relearned(
            now.labels[retained], base.labels[retained], now.labels
        )
    if min(half.sum(), (~half).sum()) < LEARNED_FROM:
        return None
    images = np.empty_like(base.images)
    for learn in (half, ~half):
        images[~learn] = relearned(
            now.images[learn], base.images[learn], now.images[~learn]
        )
    return images, base.labels


def _undone(models: Models) -> tuple[Floats, Floats] | None:
    """The same by whoever has the edit file; vectors are stored in single precision."""
    if models.edit is None:
        return None
    if models.edit.side == "text":
        return models.base.images, undone(
            models.edit, models.now.labels.astype(np.float32)
        )
    return undone(models.edit, models.now.images.astype(np.float32)), models.base.labels
