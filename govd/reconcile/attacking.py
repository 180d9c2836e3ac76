"""The queries of attackers: a model's pictures and labels in registered and unregistered prompts,
and other words for what is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from typing import Final

import numpy as np

from govd.edit import Edit, EvaluationData, exact
from govd.edit.attacks import UNSEEN, Models, Space, Subject, graded, lost, tried
from govd.edit.ingredients import PROMPT_ROWS, some_prompts
from govd.edit.metrics import label_set
from govd.errors import GovdError, Usage, instead
from govd.models.core import Opened
from govd.models.phrases import check_phrase, spelled
from govd.types import PRIVATE, Contribution, Floats, Json

WHOLE: Final = 64
"""Forgets of which every attack is kept; of more, those that decide the claims, so that an entry of
the ledger stays small.
"""
NEAR: Final = 3
"""At most so many words of the vocabulary are tried for each label."""
CANDIDATES: Final = 16
"""The words nearest to a label, of which those are taken that have no nearer name."""

OtherWords = Mapping[str, Sequence[str] | Mapping[str, Sequence[str]]]
"""Other words by label: a list, or lists by language."""


def attacked(
    opened: Opened,
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
    leaks: Sequence[Mapping[str, Json]],
    words: OtherWords | None = None,
) -> list[dict[str, Json]]:
    """For each forget in force what every attack attains, and the grade of the claim that is left.
    `leaks` are the figures of attacks with these pictures.

    Args:
        opened: the model.
        edit: the one that is attacked.
        contributions: the forgets in it.
        data: labelled pictures, unedited embeddings.
        words: other words for labels, which attackers try.

    Raises:
        Usage: a class of the pictures is none of the labels.
    """
    scopes = [c.spec.scope for c in contributions]
    if not scopes:
        return []
    names, _ = label_set(opened.basis, data)
    subjects = [Subject.of(scope, names, data) for scope in scopes]
    places = sorted({place for subject in subjects for place in subject.places})
    base, missing = space_of(opened, data, places, contributions, words or {})
    models = Models(
        base, base.edited(edit), edit, lost(opened.basis, edit.linear), missing
    )
    records = [
        graded(attempts) for attempts in tried(models, scopes, subjects, records=leaks)
    ]
    if len(records) <= WHOLE:
        return records
    return [_decisive(record) for record in records]


def _decisive(record: Mapping[str, Json]) -> dict[str, Json]:
    """A grade with those attacks alone that decide its rungs."""
    deciding = {rung["by"] for rung in record["rungs"]}
    return {
        **record,
        "attacks": [
            attack for attack in record["attacks"] if attack["attack"] in deciding
        ],
    }


def space_of(
    opened: Opened,
    data: EvaluationData,
    places: Sequence[int],
    contributions: Sequence[Contribution],
    words: OtherWords,
) -> tuple[Space, dict[str, str]]:
    """The unedited model's vectors of what attackers ask, other words for the labels at `places`
    alone; and what cannot be had, by attack.

    Args:
        opened: the unedited model.
        data: labelled pictures, unedited embeddings.
        contributions: of the forgets.
    """
    basis = opened.basis
    names, texts = label_set(basis, data)
    single: dict[str, Floats] = {}
    if "label_prompts" in basis.tensors and basis.labels:
        templates = some_prompts(basis.templates, len(names))
        single = dict(zip(templates, basis.tensors["label_prompts"], strict=True))
    missing = {"prompts": "only one prompt is registered"}
    unseen = _unseen_prompts(opened, names, missing)
    prompts: dict[str, dict[str, Floats]] = {
        "label": {"": texts},
        "prompts": single,
        "unseen_prompts": unseen,
        "ensemble": {},
    }
    if unseen:
        together = [*(single.values() or [texts]), *unseen.values()]
        prompts["ensemble"] = {
            f"{len(together)} prompts": exact.unit(np.sum(together, axis=0))
        }
    synonyms, translations = _other_words(
        opened, data, names, places, contributions, words, missing
    )
    return (
        Space(
            np.asarray(data.vectors, np.float64),
            prompts,
            {"synonyms": synonyms, "translations": translations},
        ),
        missing,
    )


def _unseen_prompts(
    opened: Opened, names: Sequence[str], missing: dict[str, str]
) -> dict[str, Floats]:
    """Vectors `(m, d)` of the names in prompts that are not registered, by the prompt; where the
    model has none, `missing` says so.
    """
    fresh = [template for template in UNSEEN if template not in opened.basis.templates]
    count = max(1, PROMPT_ROWS // max(1, len(names)))
    try:
        return {
            template: opened.encoder.averaged(list(names), [template])
            for template in fresh[:count]
        }
    except GovdError as error:
        why = f"the model gives no vectors of other prompts: {error.what}"
        missing |= dict.fromkeys(("unseen_prompts", "ensemble"), why)
        return {}


def checked(
    words: OtherWords,
    names: Collection[str],
    near: Callable[[str], Sequence[str]] = lambda _: (),
) -> None:
    """Refuse other words for something that is not a label, and words that make no sense.

    Args:
        words: other words, by label.
        names: of the labels.
        near: those that are near in meaning to a name that is none.

    Raises:
        Usage: one of them.
    """
    for label, phrases in words.items():
        if label not in names:
            raise Usage(
                f"{label!r} is not a label, yet other words are given for it",
                advice=instead(label, names, "Labels", near=near(label)),
            )
        for word in (
            chain.from_iterable(phrases.values())
            if isinstance(phrases, Mapping)
            else phrases
        ):
            check_phrase(spelled(word), "word")


Placed = dict[int, dict[str, Floats]]


def _other_words(
    opened: Opened,
    data: EvaluationData,
    names: Sequence[str],
    places: Sequence[int],
    contributions: Sequence[Contribution],
    words: OtherWords,
    missing: dict[str, str],
) -> tuple[Placed, Placed]:
    """Other words and words of other languages for labels, by their places: those that came with
    the model, that requests name beside a label, that are given, and those of the vocabulary that
    have no nearer name.
    """
    synonyms: Placed = {place: {} for place in places}
    translations: Placed = {place: {} for place in places}
    aliases = _aliases(contributions, names)
    for place in places:
        name = names[place]
        paraphrases = (data.paraphrases or {}).get(name, ())
        synonyms[place] |= {
            f"word {i + 1} that came with the model": np.asarray(v, np.float64)
            for i, v in enumerate(paraphrases)
        }
        synonyms[place] |= near_words(opened, names, place)
        translated = words.get(name, ())
        by_language = (
            translated if isinstance(translated, Mapping) else {"": translated}
        )
        phrases_beside = [*aliases.get(name, ()), *by_language.get("", ())]
        _encode(opened, phrases_beside, synonyms[place], missing, "synonyms")
        for language, phrases in by_language.items():
            if language:
                _encode(opened, phrases, translations[place], missing, "translations")
    return synonyms, translations


def _aliases(
    contributions: Sequence[Contribution], names: Sequence[str]
) -> dict[str, list[str]]:
    """Phrases that requests name beside a label, by the label; what is private is not said."""
    aliases: dict[str, list[str]] = {}
    for contribution in contributions:
        for concept in contribution.spec.scope.concepts:
            alternatives = [
                p
                for p in concept.phrases
                if p not in names and not p.startswith(PRIVATE)
            ]
            for phrase in concept.phrases:
                if phrase in names:
                    aliases.setdefault(phrase, []).extend(alternatives)
    return aliases


def _encode(
    opened: Opened,
    phrases: Sequence[str],
    into: dict[str, Floats],
    missing: dict[str, str],
    attack: str,
) -> None:
    """Add vectors of phrases, averaged over the registered prompts; what the model cannot encode is
    said.
    """
    if not phrases:
        return
    try:
        rows = opened.encoder.averaged(
            list(phrases), opened.basis.templates, keep=False
        )
    except GovdError as error:
        missing[attack] = f"the model gives no vectors of other words: {error.what}"
        return
    into |= dict(zip(phrases, rows, strict=True))


def near_words(opened: Opened, names: Sequence[str], place: int) -> dict[str, Floats]:
    """The words of the vocabulary, at most `NEAR`, whose nearest of all other names is the label:
    what may be another word for it. A word for something alike has a nearer one.

    Args:
        opened: the model.
        place: of the label among the labels.
    """
    basis = opened.basis
    if not basis.labels or not basis.vocabulary:
        return {}
    labels = basis.tensors["labels"]
    vocabulary = basis.tensors["vocabulary"]
    near = vocabulary @ labels[place]
    words: dict[str, Floats] = {}
    for at in np.argsort(-near, kind="stable")[:CANDIDATES]:
        of_words = vocabulary @ vocabulary[at]
        of_words[at] = -1.0
        of_labels = np.delete(labels @ vocabulary[at], place)
        rival = max(of_labels.max(initial=-1.0), of_words.max())
        if near[at] > rival and basis.vocabulary[at] not in names:
            words[basis.vocabulary[at]] = vocabulary[at]
    return dict(list(words.items())[:NEAR])
