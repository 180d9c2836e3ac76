"""What is near to what was asked for: the labels and words that may be meant as well. Near to what
was typed; where pictures alone tell what is meant, to them; to both where both do.

Proven by `tests/contributions/test_near.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any, Final, Literal

import numpy as np

from govd.contributions.texts import phrase_embedding
from govd.edit import Basis
from govd.edit.constants import HALFWAY
from govd.edit.duals import SAME
from govd.edit.extent import scope_mask
from govd.edit.own_labels import own_anchors
from govd.edit.pool import PoolFit
from govd.edit.prediction import Watch, involved, watch_for
from govd.methods.alike import alike_everywhere, alike_in
from govd.methods.pictured import BY_PICTURES
from govd.models.core import Opened
from govd.models.phrases import folded
from govd.models.words import spellings
from govd.types import Contribution, Floats, ForgetSpec, Json, Record

NEAR: Final = 10
"""Labels and words that are told."""
CLOSE: Final = 0.5
"""Cosine, seen from the centre of all words, of what is nearer to a word than to that centre."""
AS_GOOD_AS: Final = 0.5
"""A word that is close is asked about when at least this share of its pictures is in the scope."""


def near_words(
    opened: Opened,
    spec: ForgetSpec,
    contribution: Contribution,
    watch: Watch | None,
    given: Floats | None = None,
) -> list[dict[str, Json]]:
    """The nearest labels and words to what is asked for, with how often their pictures are in the
    scope, and how many of the given pictures they name.

    Args:
        opened: the model.
        spec: what is asked for.
        contribution: of the spec.
        watch: pictures to count on, None where there are none.
        given: example pictures `(m, d)`, unit; None where there are none.
    """
    if not spec.scope.concepts:
        return []
    basis = opened.basis
    phrases = {phrase for concept in spec.scope.concepts for phrase in concept.phrases}
    by_pictures = given is not None and is_pictured(contribution)
    ranked: list[list[Neighbour]] = []
    if not by_pictures:
        texts = [phrase_embedding(opened, phrase) for phrase in sorted(phrases)]
        ranked.append(nearest(basis, np.stack(texts), phrases))
    if given is not None:
        ranked.append(likeliest(basis, given, phrases))
    pairs = _alternately(ranked)
    neighbours = [neighbour for neighbour, _ in pairs]
    rows = [neighbour.as_json() for neighbour in neighbours]
    for row, (_, cosine) in zip(rows, pairs, strict=True):
        row["cosine"] = cosine
    if given is not None:
        _count_named(basis, given, phrases, neighbours, rows)
    if watch is not None and rows:
        scope = (
            _like(basis, spec, given, watch)
            if by_pictures and given is not None
            else _named(basis, contribution, watch)
        )
        _count_involved(basis, contribution, scope, neighbours, rows)
    rows.sort(key=lambda row: _order(row, by_pictures))
    for row in rows:
        row["ask"] = _is_asked_about(row, 0 if given is None else len(given))
    return rows


def asked_at_filing(
    opened: Opened, spec: ForgetSpec, contribution: Contribution, record: Record
) -> dict[str, Json]:
    """What whoever files without a preview is told of other names: `near`, the words that a preview
    asks about, and `read_alike`; what is empty is left out. Nothing is encoded for it: beside
    example pictures, which would be encoded again, no word is asked about.

    Args:
        opened: the model.
        spec: what is asked for.
        contribution: of the spec.
        record: of the model; says which of its labels are one.
    """
    if not opened.basis.has_space:
        return {}
    names: dict[str, list[Any]] = {
        "read_alike": read_alike(opened, spec, contribution, record)
    }
    watch = watch_for(opened.basis, [contribution])
    if watch is not None and not spec.examples:
        rows = near_words(opened, spec, contribution, watch)
        names["near"] = [row for row in rows if row["ask"]]
    return {name: rows for name, rows in names.items() if rows}


def read_alike(
    opened: Opened, spec: ForgetSpec, contribution: Contribution, record: Record
) -> list[str]:
    """Labels and words that are the same to the model as what is asked for, under other names:
    they go, too. None where pictures alone tell what is meant.

    Args:
        opened: the model.
        spec: what is asked for.
        contribution: of the spec.
        record: of the model; says which of its labels are one.
    """
    phrases = {phrase for concept in spec.scope.concepts for phrase in concept.phrases}
    if not phrases or is_pictured(contribution):
        return []
    texts = np.stack([phrase_embedding(opened, phrase) for phrase in sorted(phrases)])
    names, rows = opened.basis.anchors
    twins = {name for name, row in zip(names, rows, strict=True) if _is_one(row, texts)}
    label_of = spellings(record.get("labels_merged", ()))
    twins |= {name for name, label in label_of.items() if label in twins}
    spelled = {folded(phrase) for phrase in phrases}
    return sorted(name for name in twins if folded(name) not in spelled)


def _is_one(row: Floats, texts: Floats) -> bool:
    return bool((np.abs(texts - row).max(1) < SAME).any())


def is_pictured(contribution: Contribution) -> bool:
    """Whether pictures tell what a contribution is about, and its word does not."""
    terms = contribution.facts.get("terms", [])
    return any(term.get("detector") == BY_PICTURES for term in terms)


def _order(row: Mapping[str, Json], by_pictures: bool) -> tuple[float, ...]:
    """What is told first: what names most of the pictures where they tell, else what is most
    involved.
    """
    if by_pictures:
        return (-row["called"], -row["cosine"])
    return (-(row.get("involved") or 0.0), -row["cosine"])


def _is_asked_about(row: Mapping[str, Json], given: int) -> bool:
    """Whether somebody should be asked if that word is meant, too; of so many pictures given."""
    is_close = row["cosine"] >= CLOSE or 2 * row.get("called", 0) > given > 0
    is_in_it = (row.get("involved") or 0.0) >= AS_GOOD_AS
    return bool(row["what"] == "word" and is_close and is_in_it)


def _alternately(ranked: Sequence[list[Neighbour]]) -> list[tuple[Neighbour, float]]:
    """The first `NEAR` names of several lists, one of each in turn, with the highest cosine that
    they have in any.
    """
    neighbours: dict[tuple[str, str], Neighbour] = {}
    cosines: dict[tuple[str, str], float] = {}
    for neighbour in chain.from_iterable(zip_longest(*ranked)):
        if neighbour is not None:
            key = neighbour.name, neighbour.what
            neighbours.setdefault(key, neighbour)
            cosines[key] = max(cosines.get(key, -1.0), neighbour.cosine)
    return [(neighbours[key], cosines[key]) for key in list(neighbours)[:NEAR]]


def _count_named(
    basis: Basis,
    given: Floats,
    phrases: Set[str],
    neighbours: Sequence[Neighbour],
    rows: Sequence[dict[str, Json]],
) -> None:
    """Say of each row how many of the given pictures it names better than any label: `called`, of
    so many `given`.
    """
    names, anchors = basis.anchors
    rivals = anchors[[name not in phrases for name in names]]
    best = (given @ rivals.T).max(1, initial=-np.inf)
    words = np.stack([neighbour.vector for neighbour in neighbours])
    counts = (given @ words.T >= best[:, None] - 1e-12).sum(0)
    for row, count in zip(rows, counts, strict=True):
        row |= {"called": int(count), "given": len(given)}


@dataclass(frozen=True)
class _Scope:
    """Pictures to count on, and which of them `(n,)` are in the scope."""

    watch: Watch
    inside: Any


def _named(basis: Basis, contribution: Contribution, watch: Watch) -> _Scope | None:
    """The pictures that what was typed names."""
    mask = scope_mask(basis, everywhere(contribution))
    return None if mask is None else _Scope(watch, mask[watch.at])


def _like(basis: Basis, spec: ForgetSpec, given: Floats, watch: Watch) -> _Scope | None:
    """The pictures that are like the given ones `(m, d)`, in named domains those there."""
    pool = PoolFit.of(basis)
    if not spec.scope.domains:
        everywhere_detector = alike_everywhere(pool, given).detector
        return _Scope(watch, watch.images @ everywhere_detector > HALFWAY)
    places = [basis.domains.index(domain) for domain in spec.scope.domains]
    watch = watch.only(np.isin(watch.domain, places))
    detector = alike_in(basis, pool, given, places).inside
    if detector is None:
        return None
    return _Scope(watch, watch.images @ detector > HALFWAY)


def _count_involved(
    basis: Basis,
    contribution: Contribution,
    scope: _Scope | None,
    neighbours: Sequence[Neighbour],
    rows: Sequence[dict[str, Json]],
) -> None:
    """Say of each row what share of its pictures is in the scope, and how many it has."""
    if scope is None:
        return
    words = np.stack([neighbour.vector for neighbour in neighbours])
    anchors = own_anchors(basis, contribution)
    shares, counts = involved(scope.watch, scope.inside, words, anchors)
    for row, share, count in zip(rows, shares, counts, strict=True):
        row |= {"involved": share, "pictures": count}


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
    """A label or a word of the vocabulary (`what`) near some texts or pictures: its `cosine` to the
    nearest text, or to the pictures' mean, seen from the centres, and its own embedding `(d,)`.
    """

    name: str
    what: Literal["label", "word"]
    cosine: float
    vector: Floats

    def as_json(self) -> dict[str, Json]:
        return {"name": self.name, "what": self.what, "cosine": self.cosine}


def nearest(basis: Basis, texts: Floats, phrases: Set[str]) -> list[Neighbour]:
    """The labels and words that are nearest to some texts, as seen from the centre of all of them,
    nearest first.

    Args:
        basis: has the labels, the vocabulary, and their embeddings.
        texts: `(p, d)`, unit.
        phrases: what is left out: the texts themselves.
    """
    return _ranked(basis, texts - _words(basis).mean(0), phrases)


def likeliest(
    basis: Basis, given: Floats, phrases: Set[str] = frozenset()
) -> list[Neighbour]:
    """The labels and words that some pictures are likeliest to be called, likeliest first: those
    that are most like their mean, words as seen from the centre of all words, pictures from that of
    the pool's, since words and pictures lie apart.

    Args:
        basis: has the labels, the vocabulary, and their embeddings.
        given: the pictures `(m, d)`, unit.
        phrases: what is left out.
    """
    mean = given.mean(0)
    if basis.has_pool:
        mean = mean - basis.thinned_pool()[0].mean(0)
    return _ranked(basis, mean[None], phrases)


def _words(basis: Basis) -> Floats:
    rows: Floats = np.concatenate(
        [basis.tensors["labels"], basis.tensors["vocabulary"]]
    )
    return rows


def _ranked(basis: Basis, points: Floats, phrases: Set[str]) -> list[Neighbour]:
    """The labels and words nearest to one of some points `(p, d)`, by their direction from the
    centre of all words, but for some phrases.
    """
    names: list[tuple[str, Literal["label", "word"]]] = [
        *((name, "label") for name in basis.labels),
        *((name, "word") for name in basis.vocabulary),
    ]
    rows = _words(basis)
    words = rows - rows.mean(0)
    lengths = (
        np.linalg.norm(words, axis=1)[:, None] * np.linalg.norm(points, axis=1)[None, :]
    )
    cosines = ((words @ points.T) / np.maximum(lengths, 1e-12)).max(1)
    order = [
        int(i)
        for i in np.argsort(-cosines, kind="stable")
        if names[int(i)][0] not in phrases
    ]
    return [Neighbour(*names[i], float(cosines[i]), rows[i]) for i in order[:NEAR]]
