"""Detectors fitted on a pool: on its pictures each forgotten label scores what an average retained one does, on others nothing moves.

With forgotten texts `t_j`, `g_j = t_j − t̄`, and the second moments `C_F = Σ_c C_c` of the forgotten pictures, each class with the same
weight, and `C_R` of the retained ones, a ridge regression has the closed form

    l_j = (1 − β) (C_F + w C_R + λ τ I)⁻¹ C_F g_j + β g_j

`C_c = (Σ x xᵀ + LEAN y yᵀ)/(n_c + LEAN)` leans on `y`, a guess from the text, where few pictures of the class are seen. β = 1 is
`oblique`, with its theorem; a large w protects the others more. All forgotten labels are levelled on all forgotten pictures at once: solved
one by one, pictures of one forgotten class are answered with another.

Where a forget names domains, its pictures are those of its cells, and `C_R` is to a large share of the same classes elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from govd.edit import exact
from govd.edit.algebra import Algebra, Array, Host
from govd.edit.basis import Basis
from govd.edit.pool import GRID, WEIGHT, PoolFit, on_grid, ridge, weighted_moment
from govd.types import Contribution, Floats

LEAN = 3
"""Pictures that a guess from the text counts as."""
GOAL = 0.01
"""Share of the pictures concerned that may still be named with a forgotten label."""
ELSEWHERE = 0.8
"""Share of `C_R` that is of the same classes in other domains, where a forget names domains. Chosen on `mini`'s calibration drawings."""
TIE = 1e-9
"""A forgotten label that leads by less has been levelled: what is left is rounding."""
UNSURE = 1e-7
"""Margins nearer to `TIE` than this are computed again exactly: the machine's own products are far better than that."""


class Step(NamedTuple):
    """How a column is fitted: from cheap to certain."""

    beta: float
    w: float


STEPS = (
    Step(0.0, 10.0),
    Step(0.0, 3.0),
    Step(0.0, 1.0),
    Step(0.25, 1.0),
    Step(0.25, 0.3),
    Step(0.5, 0.3),
    Step(0.75, 0.3),
    Step(1.0, 0.0),
)
CELL_STEPS = (
    Step(0.0, 10.0),
    Step(0.0, 3.0),
    Step(0.0, 1.0),
    Step(0.0, 0.3),
    Step(0.0, 0.1),
)
"""The same where a forget names domains: β is none, since it reaches into all of them."""


def steps_of(domains: Sized) -> tuple[Step, ...]:
    """The list that a forget goes down."""
    return CELL_STEPS if len(domains) else STEPS


@dataclass(frozen=True)
class Levelled:
    """What one contribution levels: for each concept its pictures (positions in the thinned pool), those of the same concept in other
    domains, other pictures `(m, d)` that somebody gave, the guess `(d,)`; for each target its column among the targets and its step."""

    domains: tuple[int, ...]
    own: tuple[Any, ...]
    elsewhere: tuple[Any, ...]
    given: tuple[Floats, ...]
    guess: tuple[Floats, ...]
    columns: tuple[int, ...]
    steps: tuple[int, ...]
    strength: float

    @staticmethod
    def of(basis: Basis, contribution: Contribution, columns: Sequence[int]) -> Levelled:
        """Read from a contribution's tensors."""
        tensors = contribution.tensors
        count = tensors["guess"].shape[1]
        own, elsewhere = (
            tuple(tensors[name][tensors[f"{name}_of"] == i].astype(np.int64) // basis.thinning for i in range(count))
            for name in ("rows", "elsewhere")
        )
        examples = tensors.get("examples", np.zeros((basis.dim, 0))).T
        given = tuple(examples if i == 0 else examples[:0] for i in range(count))
        listed = steps_of(tensors["domains"])
        steps = tuple(listed.index(Step(float(beta), float(w))) for beta, w in zip(tensors["beta"], tensors["w"], strict=True))
        guess = tuple(np.ascontiguousarray(column) for column in tensors["guess"].T)
        domains = tuple(int(s) for s in tensors["domains"])
        return Levelled(domains, own, elsewhere, given, guess, tuple(columns), steps, float(tensors["strength"][0]))


def class_rows(pool: PoolFit, levelled: Levelled, seen: Any) -> tuple[Floats, Floats, Floats]:
    """Rows `(m, d)` in units of the grid that `C_F` is made of and their weights `(m,)`; and the pool's own among them, `(n, d)`."""
    rows: list[Floats] = []
    weights: list[Floats] = []
    pictures: list[Floats] = []
    for own, given, guess in zip(levelled.own, levelled.given, levelled.guess, strict=True):
        fitted = pool.grid[own[seen[own]]]
        count = len(fitted) + len(given)
        rows += [fitted, on_grid(given), on_grid(np.sqrt(float(LEAN)) * guess[None])]
        pictures.append(fitted)
        weights.append(np.full(count + 1, np.rint(np.ldexp(1.0, WEIGHT) / (count + LEAN))))
    return np.concatenate(rows), np.concatenate(weights), np.concatenate(pictures)


def columns_of(pool: PoolFit, everything: Sequence[Levelled], aims: Floats, extra: int, algebra: Algebra) -> tuple[Array, tuple[int, ...]]:
    """Detectors `(d, p)`, one for each target; `aims` `(d, p)` are `t_j − t̄`, `extra` how many steps all go down the list.

    Returns the factors and which columns any of them levels.
    """
    total = np.zeros(aims.shape)
    groups = sorted({one.domains for one in everything})
    for domains in groups:
        listed = steps_of(domains)
        members = [one for one in everything if one.domains == domains]
        step: dict[int, int] = {}
        strength: dict[int, float] = {}
        for one in members:
            for column, own_step in zip(one.columns, one.steps, strict=True):
                step[column] = max(step.get(column, 0), min(own_step + extra, len(listed) - 1))
                strength[column] = max(strength.get(column, 0.0), one.strength)
        columns = sorted(step)
        solved = _group(pool, members, everything, aims[:, columns], [listed[step[c]] for c in columns], algebra)
        for at, column in enumerate(columns):
            aim = None if domains else aims[:, column]
            total[:, column] += _strong(solved[:, at], aim, strength[column])
    levelled = tuple(sorted({c for one in everything for c in one.columns}))
    return algebra.array(total), levelled


def _strong(fitted: Floats, aim: Floats | None, strength: float) -> Floats:
    """`s L` up to 1; from there towards `oblique`, which is 2, but for cells."""
    if strength <= 1.0 or aim is None:
        return strength * fitted
    return (2.0 - strength) * fitted + (strength - 1.0) * aim


def _group(
    pool: PoolFit,
    members: Sequence[Levelled],
    everything: Sequence[Levelled],
    aims: Floats,
    steps: Sequence[Step],
    algebra: Algebra,
    half: int | None = None,
) -> Floats:
    """Columns `(d, p)` of one set of domains, a system for each distinct w; fitted on all that fits may see, or on a half of it."""
    everywhere, seen = not members[0].domains, pool.seen(half)
    parts = [class_rows(pool, one, seen) for one in (everything if everywhere else members)]
    stacked: list[Floats] = [np.concatenate([part[i] for part in parts]) for i in range(3)]
    rows, weights, pictures = stacked
    forgotten = weighted_moment(rows, weights)
    own = weighted_moment(pictures) / int(np.count_nonzero(seen))
    retained: Floats = pool.moment(half) - own
    if not everywhere:
        retained = _with_elsewhere(pool, members, retained, seen)
    columns: Floats = aims.copy()
    for w in sorted({step.w for step in steps if step.beta < 1.0}):
        system = forgotten + w * own + w * retained + ridge(aims.shape[0], w)
        at = [i for i, step in enumerate(steps) if step.w == w and step.beta < 1.0]
        wanted = algebra.matmul(algebra.array(forgotten + w * own), algebra.array(aims[:, at]))
        solved = np.asarray(algebra.host(algebra.solve(algebra.array(system), wanted)))
        for i, column in zip(at, solved.T, strict=True):
            columns[:, i] = (1.0 - steps[i].beta) * column + steps[i].beta * aims[:, i]
    return columns


def _with_elsewhere(pool: PoolFit, members: Sequence[Levelled], retained: Floats, seen: Any) -> Floats:
    """`C_R` of cells: to one share the same classes in other domains, each class with the same weight."""
    rows: list[Floats] = []
    weights: list[Floats] = []
    for one in members:
        for elsewhere in one.elsewhere:
            fitted = pool.grid[elsewhere[seen[elsewhere]]]
            if len(fitted):
                rows.append(fitted)
                weights.append(np.full(len(fitted), np.rint(np.ldexp(1.0, WEIGHT) / len(fitted))))
    if not rows:
        return retained
    same = weighted_moment(np.concatenate(rows), np.concatenate(weights)) / len(rows)
    return (1.0 - ELSEWHERE) * retained + ELSEWHERE * same


def alone(pool: PoolFit, levelled: Levelled, aims: Floats, step: Step, half: int) -> Floats:
    """Columns `(d, p)` of one forget, fitted on a half of the pool; by Woodbury's identity where its pictures are fewer than dimensions."""
    if step.beta == 1.0:
        return aims
    own_rows = sum(len(own) + len(given) + 1 for own, given in zip(levelled.own, levelled.given, strict=True))
    if levelled.domains or own_rows > len(aims):
        return _group(pool, [levelled], [levelled], aims, [step] * aims.shape[1], Host(), half)
    seen = pool.seen(half)
    rows, weights, pictures = class_rows(pool, levelled, seen)
    forgotten = weighted_moment(rows, weights)
    wanted = exact.matmul(forgotten + step.w * (weighted_moment(pictures) / int(np.count_nonzero(seen))), aims)
    scaled = np.ldexp(rows, -GRID) * np.sqrt(np.ldexp(weights, -WEIGHT))[:, None]  # C_F is scaledᵀ scaled
    inverse = pool.protected_inverse(step.w, half)
    lifted = exact.matmul(scaled, inverse)
    inner = exact.matmul(lifted, scaled.T)
    inner = (inner + inner.T) / 2 + np.eye(len(scaled))
    solved = exact.matmul(inverse, wanted)
    solved = solved - exact.matmul(lifted.T, exact.Factor(inner).solve(exact.matmul(scaled, solved)))
    columns: Floats = (1.0 - step.beta) * solved + step.beta * aims
    return columns


@dataclass(frozen=True)
class Answers:
    """What competes for a picture: texts `(m, d)` averaged over the prompts and, where the basis has them, in single prompts; the place of
    each target among them."""

    texts: tuple[Floats, ...]
    places: tuple[int, ...]

    @staticmethod
    def of(basis: Basis, targets: Floats) -> Answers:
        """The anchors, and the targets `(d, p)` that are none."""
        names, anchors = basis.anchors
        place = {name: i for i, name in enumerate(names)}
        keys = [basis.anchor_names.get(np.ascontiguousarray(column).tobytes(), "") for column in targets.T]
        outside = [i for i, name in enumerate(keys) if name not in place]
        places = [place.get(name, -1) for name in keys]
        for at, i in enumerate(outside):
            places[i] = len(names) + at
        extra = targets[:, outside].T
        sets = [anchors, *(basis.tensors["label_prompts"] if basis.labels and "label_prompts" in basis.tensors else ())]
        return Answers(tuple(np.concatenate([rows, extra]) for rows in sets), tuple(places))

    def mask(self, columns: Sequence[int]) -> Any:
        """Which texts `(m,)` are the targets of these columns."""
        forgotten = np.zeros(len(self.texts[0]), bool)
        forgotten[[self.places[column] for column in columns]] = True
        return forgotten

    def named(self, images: Floats, forgotten: Any, left: Floats, right: Floats) -> int:
        """How many pictures are still named with a forgotten text after an edit, by the worst of the prompts."""
        return max(int(np.count_nonzero(named(images, texts, forgotten, left, right))) for texts in self.texts)


def held_together(pool: PoolFit, everything: Sequence[Levelled], answers: Answers, left: Floats, right: Floats) -> tuple[int, int]:
    """Of the held-out pictures of all forgets together: how many are named with any label that is forgotten where they are, and how many
    there are."""
    everywhere = {column for one in everything if not one.domains for column in one.columns}
    images: list[Floats] = []
    masks: list[Any] = []
    for domains in sorted({one.domains for one in everything}):
        members = [one for one in everything if one.domains == domains]
        rows = [own[pool.held[own]] for one in members for own in one.own]
        held = pool.images[np.unique(np.concatenate(rows))] if rows else pool.images[:0]
        columns = everywhere | {column for one in members for column in one.columns}
        images.append(held)
        masks.append(np.broadcast_to(answers.mask(sorted(columns)), (len(held), len(answers.texts[0]))))
    pictures = np.concatenate(images)
    return answers.named(pictures, np.concatenate(masks), left, right), len(pictures)


def enough(count: int, total: int) -> bool:
    """Whether so few of so many pictures are still named."""
    return count <= int(GOAL * total + 0.5)


def named(images: Floats, texts: Floats, forgotten: Any, left: Floats, right: Floats) -> Any:
    """Which pictures `(n,)` of `images` `(n, d)` score a forgotten text above all others after an edit `(left, right)`.

    `texts` `(m, d)`, `forgotten` a mask `(m,)`, or `(n, m)` where it differs from picture to picture. Normalising changes no order among
    texts. Decided on the exact scores: the machine's own products only where they leave no doubt.
    """
    if not len(images):
        return np.zeros(0, bool)
    scores = images @ texts.T - (images @ left) @ (right.T @ texts.T)
    margin = _margin(scores, forgotten)
    doubt = np.flatnonzero(np.abs(margin - TIE) < UNSURE)
    if len(doubt):
        some = images[doubt]
        spread = exact.matmul(exact.matmul(some, left), exact.matmul(right.T, texts.T))
        margin[doubt] = _margin(exact.matmul(some, texts.T) - spread, forgotten if forgotten.ndim == 1 else forgotten[doubt])
    return margin > TIE


def _margin(scores: Floats, forgotten: Any) -> Floats:
    mask = np.broadcast_to(forgotten, scores.shape)
    best = np.where(mask, scores, -np.inf).max(1)
    rest = np.where(mask, -np.inf, scores).max(1)
    difference: Floats = best - rest
    return difference
