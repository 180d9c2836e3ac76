"""The texts of a registration: each list checked, and no name twice to this model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from govd.edit.duals import SAME
from govd.errors import BadCheckpoint, GovdError, Usage
from govd.models import phrases
from govd.models.embeddings import Encoder
from govd.models.phrases import Repeat
from govd.types import Floats, Json, Progress

if TYPE_CHECKING:
    from govd.models.given import Given

MORE: Final = "and something else"
"""What is put behind a text to see whether the model still reads that far."""

PROBES: Final = ("dog", "tree")
"""Texts that every model tells apart, and none cuts."""


@dataclass(frozen=True)
class Names:
    """Names that a model tells apart, with their unit embeddings `(n, d)`, and those that add
    nothing.
    """

    names: list[str]
    rows: Floats
    repeats: list[Repeat]


@dataclass(frozen=True)
class Words:
    """The texts of a registration. `label_places`, `anchor_places`: their lines, or positions, from
    1.
    """

    labels: list[str]
    vocabulary: list[str]
    templates: list[str]
    domains: list[str]
    label_places: list[int] = field(default_factory=list)
    anchor_places: list[int] = field(default_factory=list)
    label_repeats: list[Repeat] = field(default_factory=list)
    anchor_repeats: list[Repeat] = field(default_factory=list)


def words_of(given: Given, defaults: Mapping[str, Path]) -> Words:
    """What was given, else what the checkpoint brings, else govd's own.

    Raises:
        Usage: a text that cannot be meant. BadFile: a file that is no text.
    """
    labels = given.labels
    lines = given.label_lines
    if labels is None and "labels" in defaults:
        listing = phrases.listing(defaults["labels"])
        labels = listing.names
        lines = listing.lines
    names, places, repeats = phrases.once(labels or (), "label", lines)
    anchors = given.anchors
    anchor_lines = given.anchor_lines
    if anchors is None:
        anchors = phrases.default_vocabulary()
        anchor_lines = None
    words, word_places, word_repeats = phrases.once(anchors, "anchor", anchor_lines)
    label_names = set(names)
    free = [i for i, word in enumerate(words) if word not in label_names]
    domains = given.domains or phrases.lines(defaults.get("domains"))
    return Words(
        labels=names,
        vocabulary=[words[i] for i in free],
        templates=phrases.templates(given.templates, defaults.get("templates")),
        domains=phrases.checked(domains, "domain"),
        label_places=places,
        anchor_places=[word_places[i] for i in free],
        label_repeats=repeats,
        anchor_repeats=word_repeats if given.anchors is not None else [],
    )


def read_apart(
    encoder: Encoder,
    names: Sequence[str],
    places: Sequence[int],
    templates: Sequence[str],
    beside: Names | None,
    progress: Progress,
) -> Names:
    """The names that the model reads differently from each other and from those of `beside`; the
    first of several stays.

    Names that differ in more than case, width and spacing and are the same to the model all the
    same are refused where the model's tokenizer cuts them: it is not known which of them a picture
    shows.

    Args:
        encoder: of the model.
        places: where each name stands, to say which ones are the same.
        templates: in which they are read, with one `{}` each.
        progress: is told of each batch.

    Raises:
        Usage: two texts are cut to the same.
    """
    if not names:
        return Names([], np.zeros((0, encoder.model.facts.dim)), [])
    rows = encoder.averaged(names, templates, progress)
    earlier = beside or Names([], np.zeros((0, rows.shape[1])), [])
    every = [*earlier.names, *names]
    same = twins(np.concatenate([earlier.rows, rows]))
    first = len(earlier.names)
    repeats = []
    for at, twin in sorted(same.items()):
        if at < first:
            continue
        place = places[at - first]
        other = places[twin - first] if twin >= first else 0
        repeat = Repeat(every[at], every[twin], (other, place), "read alike")
        _check_uncut(encoder, templates, repeat)
        repeats.append(repeat)
    apart = [i for i in range(len(names)) if i + first not in same]
    return Names([names[i] for i in apart], rows[apart], repeats)


def _check_uncut(encoder: Encoder, templates: Sequence[str], repeat: Repeat) -> None:
    """Refuse two names that are read alike since the tokenizer cuts one of them.

    Raises:
        Usage: it does. BadCheckpoint: it makes the same of every text.
    """
    names = (repeat.kept, repeat.name)
    if phrases.folded(repeat.name) == phrases.folded(repeat.kept):
        return
    if not any(is_cut(encoder, name, templates) for name in names):
        return
    if twins(encoder.texts(PROBES)):
        raise BadCheckpoint(
            f"it makes the same vector of every text, as of {names[0]!r} and {names[1]!r}",
            where=encoder.model.facts.reference,
            advice="Its weights are damaged, or not all of them were loaded: take another copy.",
        )
    kept_place, place = map(_where, names, repeat.places)
    raise Usage(
        f"{kept_place} and {place} are the same to this model: its tokenizer cuts both",
        advice="Shorten them so that they differ nearer to the beginning.",
    )


def twins(rows: Floats) -> dict[int, int]:
    """For each row `(n, d)` that differs from an earlier one by less than `SAME` in every
    coordinate: that one's position, the first.
    """
    same: dict[int, int] = {}
    if len(rows) < 2:
        return same
    order = np.argsort(rows[:, 0], kind="stable")
    ordered = rows[order, 0]
    ends = np.searchsorted(ordered, ordered + SAME)
    for i in np.flatnonzero(ends > np.arange(len(rows)) + 1):
        for j in range(i + 1, int(ends[i])):
            early, late = sorted((int(order[i]), int(order[j])))
            if float(np.abs(rows[early] - rows[late]).max()) < SAME:
                same[late] = min(same.get(late, early), early)
    return {late: same.get(early, early) for late, early in same.items()}


def is_cut(encoder: Encoder, phrase: str, templates: Sequence[str]) -> bool:
    """Whether a model does not read a phrase to its end: what is put behind it makes no
    difference.

    Args:
        encoder: of the model.
        templates: in which it is read, with one `{}` each.
    """
    try:
        plain, longer = encoder.averaged(
            [phrase, f"{phrase} {MORE}"], templates, keep=False
        )
    except GovdError:  # a model that is a table of texts knows no other
        return False
    return float(np.abs(plain - longer).max()) < SAME


def spellings(merged: Sequence[Mapping[str, Json]]) -> dict[str, str]:
    """Other spellings of labels, by what a model's entry says of names that add nothing."""
    return {str(row["name"]): str(row["kept"]) for row in merged}


def _where(name: str, place: int) -> str:
    short = name if len(name) <= 60 else f"{name[:57]}…"
    return f"{short!r} (line {place})" if place else f"{short!r}"
