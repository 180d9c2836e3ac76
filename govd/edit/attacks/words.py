"""Attacks with words: registered prompts, prompts that nobody registered, their average, other
words, other languages, search by text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from govd.edit.attacks.readings import (
    DOMAIN,
    FEW,
    Attempt,
    Reading,
    Variant,
    area_reading,
    share_reading,
    worst_of,
)
from govd.edit.attacks.spaces import Space, Subject
from govd.edit.strength import auc
from govd.types import Floats

PROMPTED: Final = ("label", "prompts", "unseen_prompts", "ensemble")
WORDED: Final = ("synonyms", "translations")
UNSEEN: Final = (
    "a bad photo of a {}",
    "a close-up of the {}",
    "art of a {}",
    "this is a {}, isn't it",
    "the small {}",
    "something that looks like a {}",
)
"""Prompts that attackers try; those that are registered are left out. Chosen by nobody's figures: a
photograph, a detail, a work of art, a sentence, an article with an adjective, a paraphrase.
"""
BEST: Final = 16
"""Best labels of a picture that are kept at hand: so many names less one can be left out without
scoring it again.
"""
ROWS: Final = 1024


@dataclass(frozen=True)
class Answers:
    """The best labels of each picture `(n, b)`, best first, and their scores."""

    images: Floats
    texts: Floats
    best: Any
    scores: Floats

    @staticmethod
    def of(images: Floats, texts: Floats) -> Answers:
        """By scores with the labels `(m, d)`; equal ones in the order of the labels."""
        count = min(BEST, len(texts))
        parts = []
        for start in range(0, len(images), ROWS):
            scored = images[start : start + ROWS] @ texts.T
            order = np.argsort(-scored, axis=1, kind="stable")[:, :count]
            parts.append((order, np.take_along_axis(scored, order, axis=1)))
        if not parts:
            return Answers(
                images, texts, np.zeros((0, count), np.int64), np.zeros((0, count))
            )
        return Answers(
            images,
            texts,
            *(np.concatenate([part[i] for part in parts]) for i in (0, 1)),
        )

    def named(self, subject: Subject) -> Any:
        """Which pictures `(n,)` get a name of the forget; of a whole domain, which get their
        own.
        """
        first = self.best[:, 0]
        return (
            np.isin(first, subject.places)
            if subject.places
            else first == subject.label_of
        )

    def rival(self, subject: Subject) -> Floats:
        """The best score `(n,)` with a label that is none of the forget's."""
        other = ~np.isin(self.best, subject.places)
        if not other.any(1).all():  # the forget names more labels than are kept at hand
            rivals = np.delete(self.texts, subject.places, axis=0)
            return (self.images @ rivals.T).max(1, initial=-np.inf)  # type: ignore[no-any-return]
        rows = np.arange(len(other))
        best: Floats = self.scores[rows, other.argmax(1)]
        return best


def naming(subject: Subject, before: Answers, now: Answers) -> tuple[Reading, Reading]:
    """How many of the forget's pictures get its name, before and now.

    Chance is how often the unedited model gives that name to other pictures. For a whole domain it
    is how often a picture would get its own name if answers were as frequent as they are and had
    nothing to do with the pictures.

    Args:
        subject: the forget in labelled pictures.
    """
    readings = []
    for answers in (before, now):
        mask = answers.named(subject)
        chance = (
            _mean(before.named(subject)[subject.others])
            if subject.places
            else _luck(answers, subject)
        )
        readings.append(
            share_reading(int(mask[subject.own].sum()), int(subject.own.sum()), chance)
        )
    return readings[0], readings[1]


def _luck(answers: Answers, subject: Subject) -> float:
    labels = len(answers.texts)
    first, true = (
        np.bincount(of[subject.own], minlength=labels)
        for of in (answers.best[:, 0], subject.label_of)
    )
    total = int(subject.own.sum())
    return float(first @ true) / total**2 if total else 0.0


def _mean(mask: Any) -> float:
    return float(np.mean(mask)) if len(mask) else 0.0


def prompted(
    attack: str,
    subjects: Sequence[Subject],
    base: Mapping[str, Floats],
    now: Mapping[str, Floats],
    spaces: tuple[Space, Space],
    why: str,
) -> list[Attempt]:
    """One attack with labels in one or several prompts, for each forget; `base` and `now` are the
    labels in each prompt.

    Args:
        attack: its name.
        subjects: the forgets in labelled pictures.
        base: template → labels `(m, d)` of the unedited model.
        now: the same of the edited one; a template that is in one of them alone is not tried.
        spaces: the pictures of both models.
        why: what is said where no template is in both.
    """
    by_subject: list[list[Variant]] = [[] for _ in subjects]
    for template in (t for t in base if t in now):
        first, last = (
            Answers.of(s.images, texts[template])
            for s, texts in zip(spaces, (base, now), strict=True)
        )
        for readings, subject in zip(by_subject, subjects, strict=True):
            readings.append((template, *naming(subject, first, last)))
    return [
        worst_of(attack, readings, {"prompts": len(readings)}, why)
        for readings in by_subject
    ]


def worded(
    attack: str,
    subject: Subject,
    base: Space,
    now: Space,
    first: Answers,
    last: Answers,
    why: str,
) -> Attempt:
    """Other words in the place of the forgotten labels: how many pictures of the label that a word
    stands for get it.

    Args:
        attack: which words: `synonyms` or `translations`.
        subject: the forget in labelled pictures.
        base: pictures and words of the unedited model.
        now: the same of the edited one.
        first: answers of the unedited model by its labels.
        last: of the edited one.
        why: what is said where no other word is known.
    """
    if not subject.places:
        return Attempt(attack, why=DOMAIN)
    variants: list[Variant] = []
    rivals = first.rival(subject), last.rival(subject)
    for place, word, vectors in other_words(attack, subject, base, now):
        pictures = subject.own & (subject.label_of == place)
        hits_before, is_now = (
            s.images @ v > rival
            for s, v, rival in zip((base, now), vectors, rivals, strict=True)
        )
        chance = _mean(hits_before[subject.others])
        total = int(pictures.sum())
        if total:
            before, after = (
                share_reading(int(mask[pictures].sum()), total, chance)
                for mask in (hits_before, is_now)
            )
            variants.append((word, before, after))
    return worst_of(attack, variants, {"words": len(variants)}, why)


def other_words(
    attack: str, subject: Subject, base: Space, now: Space
) -> Iterator[tuple[int, str, tuple[Floats, Floats]]]:
    """Each other word for a label of the forget that both models have a vector of: the label's
    place, the word, its vectors.

    Args:
        attack: which words: `synonyms` or `translations`.
        subject: the forget.
        base: words of the unedited model.
        now: of the edited one.
    """
    for place in subject.places:
        words = base.words.get(attack, {}).get(place, {})
        edited = now.words.get(attack, {}).get(place, {})
        for word in words:
            if word in edited:
                yield place, word, (words[word], edited[word])


def search(subject: Subject, base: Space, now: Space) -> Attempt:
    """Pictures ordered by their score with a text: the label as registered, in the ensemble of
    prompts, and each other word.

    Args:
        subject: the forget in labelled pictures.
        base: pictures and texts of the unedited model.
        now: of the edited one.
    """
    if not subject.places:
        return Attempt("search", why=DOMAIN)
    variants: list[Variant] = []
    for place in subject.places:
        pictures = subject.own & (subject.label_of == place)
        rest = subject.label_of != place
        if not pictures.any() or not rest.any():
            continue
        texts = [("", (base.labels[place], now.labels[place]))]
        for template in base.prompts.get("ensemble", {}):
            if template in now.prompts.get("ensemble", {}):
                texts.append(
                    (
                        template,
                        (
                            base.prompts["ensemble"][template][place],
                            now.prompts["ensemble"][template][place],
                        ),
                    )
                )
        texts += [
            (w, v)
            for attack in WORDED
            for p, w, v in other_words(attack, subject, base, now)
            if p == place
        ]
        for word, vectors in texts:
            area_before, is_now = (
                auc(s.images[pictures] @ v, s.images[rest] @ v)
                for s, v in zip((base, now), vectors, strict=True)
            )
            counts = int(pictures.sum()), int(rest.sum())
            variants.append(
                (
                    word,
                    area_reading(area_before, *counts, both_ways=True),
                    area_reading(is_now, *counts, both_ways=True),
                )
            )
    return worst_of("search", variants, {"words": len(variants)}, FEW)
