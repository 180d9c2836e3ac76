"""Which names of a request are doubted: neither known to the model's registration nor near to what
is, by the model's own text embeddings and by spelling. Everything is measured on the labels and
anchors of that very model; no figure here was chosen on one.

Cosines are taken from the mean of all words, since what the model reads as nothing in particular
lies there, not far from anything. Where a label set is kept (`--use labels`), a name is *near* a
label if it is nearer to it than to that mean (a cosine of 1/2), and at least as near as any two
labels are to each other and as half of all words are to their nearest. In open use a name is
*known* unless it is further from every word than nineteen in twenty words are from their nearest. A
name that is spelled almost like a known one, or looks like it in letters of another alphabet, is
taken for a typing mistake, however near the model thinks it.

Proven by `tests/contributions/test_names.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from govd.contributions.lookalikes import foreign_letters, looks_like
from govd.contributions.spelling import SHORT, alike, is_turned_or_doubled, is_variant
from govd.contributions.unseen import HIDDEN as HIDDEN_CELL
from govd.contributions.unseen import unseen
from govd.edit import Basis
from govd.edit.cache import Cache
from govd.edit.duals import SAME
from govd.edit.prediction import Watch
from govd.errors import GovdError
from govd.models.core import Core
from govd.models.phrases import folded
from govd.models.words import MORE
from govd.records.request import Request, spec_of
from govd.types import Contribution, Floats, Json, Record

SAMPLE: Final = 2048
"""So many words, evenly spaced, have their nearest neighbours looked up."""
ORDINARY: Final = 0.5
"""Share of words that have a nearer neighbour: what is as near to a label as that may be another
word for it.
"""
FURTHEST: Final = 0.05
"""Share of words that are as far from all others: what is further is taken for no word that the
model knows.
"""
MIDDLE: Final = 0.5
"""Cosine of what is as near to a word as to the centre of all words."""
EQUAL: Final = 1 - 1e-7
"""Cosine of texts that the model reads alike."""
MISTYPED: Final = 4
"""One letter in so many may differ for a name to be taken for a label mistyped."""
MISTYPED_OPEN: Final = 6
"""The same for a word of the vocabulary, which are many."""
MEANT: Final = 3
"""One letter in so many may differ for a name to be suggested."""

YARDSTICKS: Final = 8
"""Models whose names are kept measured in memory."""
CUT: Final = "cut"
LOOKS: Final = "looks"
HIDDEN: Final = (
    "a name in this private request is neither known nor close to a known one (whoever may see it"
    " finds it in `govd preview`)"
)


@dataclass(frozen=True)
class Doubt:
    """A name that may be a mistake: the nearest name by meaning with its cosine, what would be
    near, and the name that is spelled alike.
    """

    phrase: str
    nearest: str
    cosine: float
    near: float
    meant: str
    what: str

    @property
    def reason(self) -> str:
        """In a sentence."""
        measured = f"(nearest: {self.nearest}, cosine {self.cosine:.3f}; near is {self.near:.3f})"
        if self.what == CUT:
            text = (
                f"the model's tokenizer cuts {self.phrase[:60]!r}: to the model it is the same as"
                f" {self.nearest[:60]!r}"
            )
        elif self.what == LOOKS:
            letters = foreign_letters(self.phrase) or foreign_letters(self.meant)
            text = f"{self.phrase!r} looks like {self.meant!r} and is another name ({letters})"
        elif self.cosine >= self.near:
            text = f"{self.phrase!r} is no {self.what}, but spelled almost like one"
        elif self.what == "label":
            text = f"{self.phrase!r} is neither a label nor near one {measured}"
        else:
            text = (
                f"{self.phrase!r} is not a known word, and lies further from all of them than they"
                f" lie from each other {measured}"
            )
        if self.meant:
            return f"{text}: did you mean {self.meant}?"
        return text

    def as_json(self) -> dict[str, Json]:
        """As a request's prediction says it."""
        names = ("phrase", "nearest", "cosine", "near", "meant", "reason")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Yardstick:
    """What a name is compared with: names, and unit rows `(n, d)` seen from the `centre` `(d,)`;
    all words that are no mistakes; and the cosine from which on a name is near.
    """

    names: tuple[str, ...]
    rows: Floats
    centre: Floats
    words: tuple[str, ...]
    near: float
    what: str


class Names:
    """Judges the names of a home's requests."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._yardsticks: Cache[str, Yardstick] = Cache(YARDSTICKS)

    def doubted(
        self, request: Request, basis: Basis, embedded: Callable[[str], Floats]
    ) -> tuple[dict[str, Json], ...] | None:
        """Names that are doubted, as a prediction says them (`Doubt`): None where there is no name
        to judge, or where pictures show what is meant.

        `embedded`: a phrase's unit embedding `(d,)`.

        Args:
            request: what was filed.
            basis: of its model.
        """
        if not request.concepts or request.examples:
            return None
        unknown = strangers(phrases_of(self.core.private.revealed(request)), basis)
        if unknown:  # what was let pass once is known while it stands
            passed = {phrase for phrase, _ in self._passed(request)}
            unknown = [phrase for phrase in unknown if phrase not in passed]
        doubted = doubts(unknown, self._yardstick(basis), embedded) if unknown else []
        if doubted and request.private:
            return ({"reason": HIDDEN},)
        return tuple(doubt.as_json() for doubt in doubted)

    def unseen(
        self,
        request: Request,
        basis: Basis,
        contribution: Contribution,
        embedded: Callable[[str], Floats],
        watch: Watch | None,
    ) -> tuple[dict[str, Json], ...]:
        """Concepts that are not known in a domain that a request names, as a prediction says them
        (`Unseen`): none where pictures show what is meant.

        Args:
            request: what was filed.
            basis: of its model.
            contribution: of the request.
            embedded: a phrase's unit embedding `(d,)`.
            watch: what the prediction is counted on.
        """
        if not request.concepts or not request.domains or request.examples:
            return ()
        concepts = spec_of(self.core.private.revealed(request)).scope.concepts
        passed = {
            (phrase, domain)
            for phrase, domains in self._passed(request)
            for domain in domains or basis.domains
        }
        cells = unseen(basis, contribution, concepts, embedded, watch, passed)
        if cells and request.private:
            return ({"reason": HIDDEN_CELL},)
        return tuple(cell.as_json() for cell in cells)

    def _passed(self, request: Request) -> Iterator[tuple[str, Sequence[str]]]:
        """Phrases of the other forgets that stand, each with the domains that it goes in."""
        for forget in self.core.desk.views.wanted(request.model):
            if forget.id != request.id:
                yield from ((phrase, forget.domains) for phrase in phrases_of(forget))

    def _yardstick(self, basis: Basis) -> Yardstick:
        cached = self._yardsticks.get(basis.digest)
        return cached or self._yardsticks.put(basis.digest, yardstick(basis))


def phrases_of(request: Record) -> list[str]:
    """The names and aliases of a request's concepts."""
    return [
        phrase
        for concept in request["concepts"]
        for phrase in (concept["name"], *concept["aliases"])
    ]


def yardstick(basis: Basis) -> Yardstick:
    """The yardstick of a basis; its figure is measured on the names of that basis."""
    every = np.concatenate([basis.tensors["labels"], basis.tensors["vocabulary"]])
    names = (*basis.labels, *basis.vocabulary)
    centre = every.mean(0)
    every = _from(centre, every)
    neighbours = _nearest(every)
    if basis.use == "labels":
        labels = every[: len(basis.labels)]
        closest_labels = _share(_nearest(labels), 1.0)
        near = max(closest_labels, _share(neighbours, ORDINARY), MIDDLE)
        return Yardstick(
            names=basis.labels,
            rows=labels,
            centre=centre,
            words=names,
            near=near,
            what="label",
        )
    near = _share(neighbours, FURTHEST)
    return Yardstick(
        names=names,
        rows=every,
        centre=centre,
        words=names,
        near=near,
        what="known word",
    )


def strangers(phrases: Sequence[str], basis: Basis) -> list[str]:
    """Those of the phrases that are no labels, in open use no words of the vocabulary either: those
    that must be measured.
    """
    words = {*basis.labels}
    if basis.use != "labels":
        words |= {*basis.vocabulary}
    return [phrase for phrase in phrases if phrase not in words]


def doubts(
    phrases: Sequence[str], measure: Yardstick, embedded: Callable[[str], Floats]
) -> list[Doubt]:
    """Those of the phrases that are doubted. `embedded`: a phrase's unit embedding `(d,)`.

    Args:
        measure: names that are known, and how near to one of them a name must be.
    """
    judged = (_doubt(phrase, measure, embedded) for phrase in phrases)
    return [doubt for doubt in judged if doubt is not None]


def _doubt(
    phrase: str, measure: Yardstick, embedded: Callable[[str], Floats]
) -> Doubt | None:
    row = _from(measure.centre, embedded(phrase)[None])[0]
    cosines = measure.rows @ row
    name = ""
    cosine = 0.0
    if len(cosines):
        nearest = int(np.argmax(cosines))
        name = measure.names[nearest]
        cosine = float(cosines[nearest])
    doubt = Doubt(phrase, name, cosine, measure.near, meant="", what=measure.what)
    if cosine > EQUAL:
        if folded(phrase) == folded(name) or not _is_cut(phrase, embedded):
            return None
        return replace(doubt, what=CUT)
    is_known = folded(phrase) in map(folded, measure.words)
    looks = "" if is_known else looks_like(phrase, (*measure.names, *measure.words))
    if looks:
        return replace(doubt, meant=looks, what=LOOKS)
    if cosine >= measure.near and not _mistyped(phrase, measure):
        return None
    if is_known:
        return doubt
    meant = _meant(phrase, measure.names) or _meant(phrase, measure.words)
    return replace(doubt, meant=meant)


def _is_cut(phrase: str, embedded: Callable[[str], Floats]) -> bool:
    """Whether the model does not read a phrase to its end: what is put behind it makes no
    difference.
    """
    try:
        longer = embedded(f"{phrase} {MORE}")
    except GovdError:  # a model that is a table of texts knows no other
        return False
    return float(np.abs(longer - embedded(phrase)).max()) < SAME


def _meant(phrase: str, names: Sequence[str]) -> str:
    """The name that is spelled most like a phrase, the first of several; `""` where none is."""
    close = list(alike(phrase, names, MEANT))
    if close:
        return min(close, key=lambda pair: pair[0])[1]
    return next((name for name in names if is_variant(phrase, name)), "")


def _mistyped(phrase: str, measure: Yardstick) -> bool:
    """Whether a phrase is spelled almost like a known name, without being a word of its own."""
    if folded(phrase) in map(folded, measure.words):
        return False
    share = MISTYPED if measure.what == "label" else MISTYPED_OPEN
    similar = [name for _, name in alike(phrase, measure.names, share)]
    if measure.what != "label" and len(folded(phrase)) < SHORT:
        similar = [name for name in similar if is_turned_or_doubled(phrase, name)]
    return bool(similar) and not any(is_variant(phrase, name) for name in similar)


def _from(centre: Floats, rows: Floats) -> Floats:
    """Rows `(n, d)` as unit vectors seen from a centre."""
    apart = rows - centre
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    return apart / np.maximum(lengths, 1e-12)  # type: ignore[no-any-return]


def _nearest(rows: Floats) -> Floats:
    """The cosine of each row `(n, d)`, or of an even sample of them, with its nearest other."""
    if len(rows) < 2:
        return np.zeros(0)
    count = min(SAMPLE, len(rows))
    at = np.unique(np.arange(count) * len(rows) // count)
    cosines = rows[at] @ rows.T
    cosines[np.arange(len(at)), at] = -np.inf
    highest: Floats = cosines.max(1)
    return highest


def _share(cosines: Floats, share: float) -> float:
    """The cosine that this share of them does not exceed; 0 where there is none."""
    return float(np.quantile(cosines, share)) if len(cosines) else 0.0
