"""Who is still named: pictures judged after an edit, decided on exact scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.basis import Basis
from govd.edit.constants import GOAL, TIE, UNSURE
from govd.edit.levelled import Levelled
from govd.edit.pool import PoolFit
from govd.types import Floats

KEPT = 1 << 23
"""Scores of held-out pictures that are kept from step to step, at most: 64 MiB."""


@dataclass(frozen=True)
class Answers:
    """What competes for a picture: texts `(m, d)` averaged over the prompts and, where the basis
    has them, in single prompts; the place of each target among them.
    """

    texts: tuple[Floats, ...]
    places: tuple[int, ...]

    @staticmethod
    def of(basis: Basis, targets: Floats) -> Answers:
        """The anchors, and the targets `(d, p)` that are none."""
        names, anchors = basis.anchors
        place = {name: i for i, name in enumerate(names)}
        keys = [
            basis.anchor_names.get(np.ascontiguousarray(column).tobytes(), "")
            for column in targets.T
        ]
        outside = [i for i, name in enumerate(keys) if name not in place]
        places = [place.get(name, -1) for name in keys]
        for at, i in enumerate(outside):
            places[i] = len(names) + at
        extra = targets[:, outside].T
        sets = [
            anchors,
            *(
                basis.tensors["label_prompts"]
                if basis.labels and "label_prompts" in basis.tensors
                else ()
            ),
        ]
        return Answers(
            tuple(np.concatenate([rows, extra]) for rows in sets), tuple(places)
        )

    def mask(self, columns: Sequence[int]) -> Any:
        """Which texts `(m,)` are the targets of these columns."""
        forgotten = np.zeros(len(self.texts[0]), bool)
        forgotten[[self.places[column] for column in columns]] = True
        return forgotten


@dataclass(frozen=True)
class Held:
    """The held-out pictures `(n, d)` of all forgets together, and a mask `(n, m)` of the texts that
    are forgotten where each is.
    """

    answers: Answers
    pictures: Floats
    forgotten: Any
    _scores: dict[int, Floats] = field(default_factory=dict)

    @staticmethod
    def of(pool: PoolFit, everything: Sequence[Levelled], answers: Answers) -> Held:
        """From what each contribution levels.

        Args:
            pool: the pool with what fits saw of it.
            everything: what each contribution levels.
            answers: what competes for a picture.
        """
        everywhere = {
            column
            for forget in everything
            if not forget.domains
            for column in forget.columns
        }
        images: list[Floats] = []
        masks: list[Any] = []
        for domains in sorted({forget.domains for forget in everything}):
            members = [forget for forget in everything if forget.domains == domains]
            rows = [own[pool.held[own]] for forget in members for own in forget.own]
            pictures = (
                pool.images[np.unique(np.concatenate(rows))]
                if rows
                else pool.images[:0]
            )
            columns = everywhere | {
                column for forget in members for column in forget.columns
            }
            images.append(pictures)
            masks.append(
                np.broadcast_to(
                    answers.mask(sorted(columns)),
                    (len(pictures), len(answers.texts[0])),
                )
            )
        return Held(answers, np.concatenate(images), np.concatenate(masks))

    def scores(self, at: int) -> Floats:
        """Scores `(n, m)` before any edit with one set of texts, kept where all sets together fit
        into `KEPT`.
        """
        if at in self._scores:
            return self._scores[at]
        scores: Floats = self.pictures @ self.answers.texts[at].T
        if scores.size * len(self.answers.texts) <= KEPT:
            self._scores[at] = scores
        return scores


@dataclass(frozen=True)
class Judges:
    """The held-out pictures as judges of detectors whose removals are `right` `(d, r)`."""

    held: Held
    right: Floats
    _losses: dict[int, Floats] = field(default_factory=dict)

    def named(self, left: Floats, last: bool) -> tuple[int, int]:
        """How many of the pictures are named, by the worst of the prompts, with a label that is
        forgotten where they are, after an edit `(left, right)`; and how many there are. Unless it
        is the last, counting ends with the first prompt by which they are too many.
        """
        total = len(self.held.pictures)
        worst = 0
        if not total:
            return 0, 0
        hit = self.held.pictures @ left
        for at, texts in enumerate(self.held.answers.texts):
            if at not in self._losses:
                self._losses[at] = self.right.T @ texts.T
            scores = self.held.scores(at) - hit @ self._losses[at]
            judged = _leads_from(
                scores, self.held.pictures, texts, self.held.forgotten, left, self.right
            )
            worst = max(worst, int(np.count_nonzero(judged)))
            if not last and not enough(worst, total):
                break
        return worst, total


def enough(count: int, total: int) -> bool:
    """Whether so few of so many pictures are still named."""
    return count <= int(GOAL * total + 0.5)


def named(
    images: Floats, texts: Floats, forgotten: Any, left: Floats, right: Floats
) -> Any:
    """Which pictures `(n,)` of `images` `(n, d)` score a forgotten text above all others after an
    edit `(left, right)`.

    `texts` `(m, d)`, `forgotten` a mask `(m,)`, or `(n, m)` where it differs from picture to
    picture. Normalising changes no order among texts. Decided on the exact scores: the machine's
    own products only where they leave no doubt.
    """
    return leads(images, texts, forgotten, left, right, TIE)


def leads(
    images: Floats,
    texts: Floats,
    forgotten: Any,
    left: Floats,
    right: Floats,
    by: float,
) -> Any:
    """The same for a forgotten text that is ahead by more than `by` (behind by less, below 0)."""
    if not len(images):
        return np.zeros(0, bool)
    scores = images @ texts.T - (images @ left) @ (right.T @ texts.T)
    return _leads_from(scores, images, texts, forgotten, left, right, by)


def _leads_from(
    scores: Floats,
    images: Floats,
    texts: Floats,
    forgotten: Any,
    left: Floats,
    right: Floats,
    by: float = TIE,
) -> Any:
    """The same from scores `(n, m)` of the machine's own products."""
    margin = _margin(scores, forgotten)
    doubt = np.flatnonzero(np.abs(margin - by) < UNSURE)
    if len(doubt):
        doubtful = images[doubt]
        spread = exact.matmul(
            exact.matmul(doubtful, left), exact.matmul(right.T, texts.T)
        )
        margin[doubt] = _margin(
            exact.matmul(doubtful, texts.T) - spread,
            forgotten if forgotten.ndim == 1 else forgotten[doubt],
        )
    return margin > by


def _margin(scores: Floats, forgotten: Any) -> Floats:
    mask = np.broadcast_to(forgotten, scores.shape)
    best = np.where(mask, scores, -np.inf).max(1)
    rest = np.where(mask, -np.inf, scores).max(1)
    difference: Floats = best - rest
    return difference
