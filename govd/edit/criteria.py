"""Figures that acceptance criteria are on, and that predictions are held against: of each forget,
and of all other answers.

Pictures are labelled ones, or those of the pool with the unedited model's answers as their labels.
Figures are for deciding and reading; they use the machine's own linear algebra and are no part of
any digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.edit.compose import recognised
from govd.edit.costs import Costs, costs
from govd.edit.curves import about
from govd.edit.extent import Mask, in_scope, labelled_in_scope, scope_mask
from govd.edit.factors import Edit
from govd.edit.metrics import EvaluationData, label_set, scores
from govd.edit.outcomes import forgotten_names
from govd.edit.own_labels import cell_of, own_anchors
from govd.edit.prediction import Watch, watch_for
from govd.edit.strength import auc
from govd.types import Contribution, Figure, Floats

CHANCE = 0.5
"""AUC of a text that ranks pictures at random."""


@dataclass(frozen=True)
class Sight:
    """Pictures that edits are judged on: `watch`, whose `top` `(n,)` are true labels where there
    are labelled ones (`data`), else the unedited answers; `before` `(n,)`, the unedited answers;
    and in words what they are.
    """

    basis: Basis
    on: str
    watch: Watch
    before: Any
    data: EvaluationData | None = None

    @staticmethod
    def labelled(basis: Basis, data: EvaluationData) -> Sight:
        """Labelled pictures, answered with the label set.

        Raises:
            Usage: a class of the pictures is none of the labels.
        """
        names, texts = label_set(basis, data)
        true = np.array([names.index(name) for name in data.classes])[data.class_of]
        domain_names = basis.domains or data.domains
        places = [
            domain_names.index(name) if name in domain_names else -1
            for name in data.domains
        ]
        domain = np.array([*places, -1])[data.domain_of]
        rows = np.arange(len(data.vectors))
        watch = Watch(
            data.vectors,
            rows,
            tuple(names),
            texts,
            true,
            domain,
            tuple(domain_names),
            np.ones(len(rows)),
        )
        before = (data.vectors @ texts.T).argmax(1)
        return Sight(basis, f"{len(rows)} labelled images", watch, before, data)

    @staticmethod
    def of_pool(basis: Basis, contributions: Sequence[Contribution]) -> Sight | None:
        """Pictures of the pool; those that no fit of these forgets saw. None without a pool."""
        watch = watch_for(basis, contributions)
        if watch is None:
            return None
        on = f"{len(watch.at)} {basis.pool_kind} embeddings"
        return Sight(basis, on, watch, watch.top)

    def answers(self, edit: Edit) -> Any:
        """The best anchor of each picture `(n,)` after an edit."""
        if self.data is None:
            return self.watch.answers(edit)
        return scores(edit, self.watch.images, self.watch.anchors).argmax(1)

    def own(self, contribution: Contribution) -> Mask | None:
        """Which pictures `(n,)` a forget is about; None where that cannot be told."""
        if self.data is not None:
            return labelled_in_scope(self.basis, contribution, self.data)
        mask = scope_mask(self.basis, contribution)
        return None if mask is None else mask[self.watch.at]

    def concerned(self, contributions: Sequence[Contribution]) -> Mask | None:
        """Which pictures `(n,)` one of these forgets is about, or is mistaken for it by the
        unedited model; None where that cannot be told.
        """
        if self.data is not None:
            return about(self.basis, contributions, self.data)
        mask = in_scope(self.basis, contributions)
        return None if mask is None else mask[self.watch.at]


@dataclass(frozen=True)
class State:
    """An edit that is judged on some pictures: what it is made of, and the answers `(n,)` that it
    gives. What is the same for every forget in it is computed once.
    """

    sight: Sight
    edit: Edit
    contributions: tuple[Contribution, ...]
    after: Any

    @staticmethod
    def of(sight: Sight, edit: Edit, contributions: Sequence[Contribution]) -> State:
        """The edit of these contributions on these pictures."""
        return State(sight, edit, tuple(contributions), sight.answers(edit))

    @cached_property
    def inside(self) -> Mask | None:
        """Which pictures `(n,)` are to go; None where that cannot be told."""
        return self.sight.concerned(self.contributions)

    @cached_property
    def forgotten(self) -> Any:
        """Which anchors are forgotten in which domain, `(m, domains + 1)` bool; the last column is
        of pictures whose domain is not known.
        """
        watch = self.sight.watch
        scopes = [
            recognised(self.sight.basis, c).spec.scope for c in self.contributions
        ]
        forgotten_table = forgotten_names(watch.names, scopes, watch.domains)
        spare = int(watch.domain.max(initial=-1)) + 1 - len(watch.domains)
        if spare > 0:  # pseudo-domains that are none of the model's
            last = np.repeat(forgotten_table[:, -1:], spare + 1, axis=1)
            forgotten_table = np.concatenate([forgotten_table[:, :-1], last], axis=1)
        return forgotten_table


def changed(
    state: State, before: Any, contribution: Contribution | None = None
) -> Costs:
    """What changes for pictures that no forget of the state is about, from `before` `(n,)`.
    `contribution`: of which the figure `elsewhere` is; None: of none. Empty where it cannot be
    told which pictures those are.
    """
    if state.inside is None:
        return {}
    sight = state.sight
    cell = None if contribution is None else cell_of(sight.basis, contribution)
    return costs(sight.watch, before, state.after, state.inside, [cell] if cell else [])


@dataclass(frozen=True)
class Named:
    """Shares of a forget's pictures, each by its worst prompt: that get any forgotten name (`any`),
    one of its own phrases (`own`), and the name that is right (`right`); of so many `pictures`.
    """

    any: float
    own: float
    right: float
    pictures: int


def named(
    state: State, contribution: Contribution, prompts: Mapping[str, Floats]
) -> Named | None:
    """How many pictures of a forget are still named. `prompts`: rows of the anchors `(m, d)` in
    each single prompt, beside all together. None where there are no pictures of it.
    """
    sight = state.sight
    pictures = sight.own(contribution)
    if pictures is None or not pictures.any():
        return None
    images = sight.watch.images[pictures]
    true = sight.watch.top[pictures]
    extra = (
        np.zeros((sight.basis.dim, 0))
        if sight.data is not None
        else _unlisted(sight.basis, contribution)
    )
    forgotten = state.forgotten[:, sight.watch.domain[pictures]].T
    phrases = own_anchors(sight.basis, contribution)
    is_own = np.concatenate([phrases, np.ones(extra.shape[1], bool)])
    shares = []
    for anchors in (sight.watch.anchors, *prompts.values()):
        texts = np.concatenate([anchors, extra.T])
        answers = scores(state.edit, images, texts).argmax(1)
        listed = np.minimum(answers, len(anchors) - 1)
        is_listed = answers < len(anchors)
        right = answers == true
        is_forgotten = np.where(
            is_listed, forgotten[np.arange(len(answers)), listed], True
        )
        shares.append(
            [(is_forgotten | right).mean(), is_own[answers].mean(), right.mean()]
        )
    worst = np.max(shares, axis=0)
    return Named(float(worst[0]), float(worst[1]), float(worst[2]), len(images))


def _unlisted(basis: Basis, contribution: Contribution) -> Floats:
    """Texts `(d, p)` of a contribution that are no anchors."""
    texts = contribution.tensors.get("targets", contribution.tensors.get("texts"))
    if texts is None:
        return np.zeros((basis.dim, 0))
    anchors = set(basis.anchors[0])
    names = [
        basis.anchor_names.get(np.ascontiguousarray(text).tobytes(), "")
        for text in texts.T
    ]
    return texts[:, [place for place, name in enumerate(names) if name not in anchors]]


def off_level(sight: Sight, edit: Edit, contribution: Contribution) -> Figure | None:
    """How far the AUC of a forget's texts is from 1/2, on its labelled pictures against those of
    other labels: the furthest of its concepts. None where there are no such pictures.
    """
    distances = [
        Figure(abs(area - CHANCE), pictures)
        for area, pictures in areas(sight, edit, contribution)
    ]
    return max(distances, key=lambda figure: figure.share, default=None)


def areas(
    sight: Sight, edit: Edit, contribution: Contribution
) -> list[tuple[float, int]]:
    """How well the texts of a forget find its labelled pictures: for each the AUC of these pictures
    against those of other labels, and how many they are.

    Args:
        sight: labelled pictures; there is nothing to tell of others.
        edit: the one that they are asked with.
        contribution: of the forget.
    """
    data = sight.data
    pictures = sight.own(contribution)
    if data is None or pictures is None:
        return []
    by_text = []
    for concept in recognised(sight.basis, contribution).spec.scope.concepts:
        for name in set(concept.phrases) & set(data.classes):
            column = sight.watch.names.index(name)
            is_it = np.asarray(data.class_of) == data.classes.index(name)
            if not (pictures & is_it).any() or is_it.all():
                continue
            text = sight.watch.anchors[[column]]
            scored = scores(edit, data.vectors, text)[:, 0]
            area = auc(scored[pictures & is_it], scored[~is_it])
            by_text.append((area, int((pictures & is_it).sum())))
    return by_text
