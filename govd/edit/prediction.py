"""What a forget would do, counted on pictures of the pool that nobody labelled: pseudo-labels are
the unedited model's own answers.

Figures are for reading and deciding; they use the machine's own linear algebra and are no part of
any digest. Pictures are taken as they come: on those that a model is surest of nothing ever
changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from govd.edit.basis import Basis
from govd.edit.cache import Cache
from govd.edit.factors import Edit
from govd.edit.shown import shown
from govd.types import Contribution, Floats, Json

Mask = Any
"""Which of `n` pictures, `(n,)` bool."""
WATCHED: Final = 16_384
"""Pictures that a prediction looks at, at most: with more, an interval is hardly narrower."""
SCORES: Final = 5_000_000
"""Scores of pictures with anchors that a prediction compares at most, so that filing stays cheap
where labels are many.
"""
FEWEST: Final = 1024
"""Pictures that are looked at however many anchors there are."""
FOLDS: Final = 5
"""Of so many parts of a pool, the last is seen by no fit that holds pictures out."""
ENOUGH: Final = 200
"""Pictures that must be held out for a prediction to rest on them alone."""
ANSWERED: Final = 32
"""Edits whose answers are kept in memory."""
AT_HAND: Final = 8 << 20
"""Scores of pictures with anchors that are kept in memory."""
ROWS: Final = 1024
"""Pictures that are scored at once."""


@dataclass(frozen=True)
class Watch:
    """Pictures that a prediction is counted on.

    `images` `(n, d)` unit rows, `at` their positions in the thinned pool, `anchors` `(m, d)` what
    answers are chosen from, with `names`; `top` `(n,)` the unedited answers, `domain` `(n,)`
    pseudo-domains (−1 where there are none) into `domains`; `shows` `(n,)` how much each shows one
    of the labels, None where that is not known.
    """

    images: Floats
    at: Any
    names: tuple[str, ...]
    anchors: Floats
    top: Any
    domain: Any
    domains: tuple[str, ...]
    shows: Floats | None = None
    _answered: Cache[str, Any] = field(
        default_factory=lambda: Cache(ANSWERED), compare=False, repr=False
    )

    @staticmethod
    def of(basis: Basis, held_out: bool = False) -> Watch | None:
        """The pictures of a basis' pool, evenly taken; None without one. `held_out`: only those
        that no fit saw, where they are enough.
        """
        if not basis.has_pool:
            return None
        watches: dict[bool, Watch] = vars(basis).setdefault("watches", {})
        if held_out not in watches:
            images, rows = basis.thinned_pool()
            at = (
                np.flatnonzero(folds(len(images)) == FOLDS - 1)
                if held_out
                else np.arange(len(images))
            )
            at = at if len(at) >= ENOUGH or not held_out else np.arange(len(images))
            names, anchors = basis.anchors
            limit = min(WATCHED, max(FEWEST, SCORES // len(anchors)))
            at = at[:: max(1, -(-len(at) // limit))]
            pseudo_domains = basis.tensors.get("pool_domains")
            domain = (
                np.full(len(at), -1)
                if pseudo_domains is None
                else np.asarray(pseudo_domains)[rows[at]]
            )
            watches[held_out] = Watch(
                images[at],
                at,
                names,
                anchors,
                basis.base_answers[at],
                domain,
                basis.domains,
                shown(basis, images[at]),
            )
        return watches[held_out]

    @staticmethod
    def on(basis: Basis, images: Floats) -> Watch:
        """Pictures `(n, d)`, unedited and unit, that are not of the pool.

        Args:
            basis: has the anchors.
        """
        names, anchors = basis.anchors
        top = (images @ anchors.T).argmax(1)
        nowhere = np.full(len(images), -1)
        return Watch(
            images,
            np.arange(len(images)),
            names,
            anchors,
            top,
            nowhere,
            (),
            shown(basis, images),
        )

    def only(self, mask: Mask) -> Watch:
        """Some of these pictures."""
        return Watch(
            self.images[mask],
            self.at[mask],
            self.names,
            self.anchors,
            self.top[mask],
            self.domain[mask],
            self.domains,
            None if self.shows is None else self.shows[mask],
        )

    @cached_property
    def scores(self) -> Floats | None:
        """Unedited scores `(n, m)`, where they fit into memory."""
        if len(self.images) * len(self.anchors) > AT_HAND:
            return None
        scored: Floats = self.images @ self.anchors.T
        return scored

    def answers(self, edit: Edit) -> Any:
        """The best anchor of each picture `(n,)` after an edit, of either side: lengths change no
        order among anchors.
        """
        if not edit.rank:
            return self.top
        cached = self._answered.get(edit.digest)
        return (
            self._answered.put(edit.digest, self._scored(edit))
            if cached is None
            else cached
        )

    def _scored(self, edit: Edit) -> Any:
        if edit.conditions:
            parts = [
                edit.move(self.images[at : at + ROWS]) @ self.anchors.T
                for at in range(0, len(self.images), ROWS)
            ]
            return np.concatenate([scored.argmax(1) for scored in parts])
        best = np.empty(len(self.images), np.int64)
        lost = edit.B.T @ self.anchors.T
        hit = self.images @ edit.L
        for start in range(0, len(best), ROWS):
            part = slice(start, start + ROWS)
            scored = (
                self.images[part] @ self.anchors.T
                if self.scores is None
                else self.scores[part]
            )
            best[part] = (scored - hit[part] @ lost).argmax(1)
        return best


def watch_for(basis: Basis, contributions: Sequence[Contribution]) -> Watch | None:
    """What a prediction of these forgets is counted on: where a fit of theirs holds pictures out,
    on those. None without a pool.
    """
    return Watch.of(
        basis, any("beta" in contribution.tensors for contribution in contributions)
    )


def folds(pictures: int) -> Any:
    """The part `(n,)` of each of so many pictures, from 0: by the golden ratio, even and in step
    with no order of files.
    """
    spread = (np.arange(pictures, dtype=np.uint64) * np.uint64(2654435769)) & np.uint64(
        0xFFFFFFFF
    )
    return ((spread * np.uint64(FOLDS)) >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True)
class Prompted:
    """Labels `(m, d)` and a forget's own phrases `(p, d)` as one prompt spells them."""

    prompt: str
    anchors: Floats
    own: Floats


def named(images: Floats, texts: Prompted, own_anchors: Mask, edit: Edit) -> Mask:
    """Which pictures `(n,)` get an own phrase before all other labels. `own_anchors` `(m,)`: labels
    that are own phrases.

    Args:
        images: `(n, d)`, unedited, unit.
        texts: phrases and labels in one prompt.
        edit: the one that names are given by.
    """
    rivals = texts.anchors[~own_anchors]
    moved = (
        edit.move(images)
        if edit.conditions
        else images - (images @ edit.L) @ edit.B.T  # the same scores, of either side
    )
    own_scores = moved @ texts.own.T
    rest = moved @ rivals.T
    return own_scores.max(1, initial=-np.inf) > rest.max(1, initial=-np.inf)


def effect(
    images: Floats,
    prompts: Sequence[Prompted],
    own_anchors: Mask,
    before: Edit,
    after: Edit,
) -> dict[str, Json]:
    """How many of a concept's pictures are named with it, by each prompt and by the worst: the one
    by which most still are.

    Args:
        images: `(n, d)`, the concept's, unedited.
        prompts: phrases and labels in each prompt.
        own_anchors: `(m,)`: labels that are own phrases.
        before: the edit without the forget.
        after: the edit with it.
    """
    rows = [
        {
            "prompt": texts.prompt,
            "before": int(named(images, texts, own_anchors, before).sum()),
            "after": int(named(images, texts, own_anchors, after).sum()),
        }
        for texts in prompts
    ]
    worst = max(rows, key=lambda row: (row["after"], row["before"]))
    return {"pictures": len(images), **worst, "by_prompt": rows}


def kept_answers(top: Any, before: Any, after: Any) -> dict[str, Json]:
    """The same for everything in a domain: how many of its pictures `(n,)` have the answer that the
    unedited model gives them.

    Args:
        top: `(n,)`, answers of the unedited model.
        before: `(n,)`, without the forget.
        after: `(n,)`, with it.
    """
    before_count = int((before == top).sum())
    now = int((after == top).sum())
    row = {"prompt": "", "before": before_count, "after": now}
    return {"pictures": len(top), **row, "by_prompt": [row]}


def involved(
    watch: Watch, inside: Mask, words: Floats, without: Mask
) -> tuple[list[float | None], list[int]]:
    """How often the pictures of each word `(w, d)` are among those that a forget is about (`inside`
    `(n,)`).

    A word's pictures are those that it names better than any label; labels that are forgotten
    (`without` `(m,)`) do not count. None where there are none; and how many there are.

    Args:
        watch: pictures that are counted.
        words: `(w, d)`, unit.
    """
    best = np.full(len(watch.images), -np.inf)
    for start in range(0, len(best), ROWS):
        part = slice(start, start + ROWS)
        scored = (
            watch.images[part] @ watch.anchors.T
            if watch.scores is None
            else watch.scores[part]
        )
        best[part] = np.where(without[None, :], -np.inf, scored).max(1)
    by_word = watch.images @ words.T >= best[:, None] - 1e-12
    counts = by_word.sum(0)
    shares = [
        float(inside[by_word[:, i]].mean()) if counts[i] else None
        for i in range(len(words))
    ]
    return shares, [int(count) for count in counts]
