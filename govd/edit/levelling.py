"""Detectors fitted on a pool: on its pictures each forgotten label scores what an average retained
one does, on others nothing moves.

With forgotten texts `t_j`, `g_j = t_j − t̄`, and the second moments `C_F = Σ_c C_c` of the
forgotten pictures, each class with the same weight, and `C_R` of the retained ones, a ridge
regression has the closed form

    l_j = (1 − β) (C_F + w C_R + λ τ I)⁻¹ C_F g_j + β g_j

`C_c = (Σ x xᵀ + LEAN y yᵀ)/(n_c + LEAN)` leans on `y`, a guess from the text, where few pictures of
the class are seen. β = 1 is `oblique`, with its theorem; a large w protects the others more. All
forgotten labels are levelled on all forgotten pictures at once: solved one by one, pictures of one
forgotten class are answered with another.

Where a forget names domains, its pictures are those of its cells, and `C_R` is to a large share of
the same classes elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from govd.edit import exact
from govd.edit.algebra import Algebra, Factored, Host
from govd.edit.basis import Basis
from govd.edit.pool import GRID, WEIGHT, PoolFit, on_grid, ridge, weighted_moment
from govd.types import Contribution, Floats

LEAN = 3
"""Pictures that a guess from the text counts as."""
ELSEWHERE = 0.8
"""Share of `C_R` that is of the same classes in other domains, where a forget names domains. Chosen
on `mini`'s calibration drawings.
"""


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
    """What one contribution levels: for each concept its pictures (positions in the thinned pool),
    those of the same concept in other domains, other pictures `(m, d)` that somebody gave, the
    guess `(d,)`; for each target its column among the targets and its step.
    """

    domains: tuple[int, ...]
    own: tuple[Any, ...]
    elsewhere: tuple[Any, ...]
    given: tuple[Floats, ...]
    guess: tuple[Floats, ...]
    columns: tuple[int, ...]
    steps: tuple[int, ...]
    strength: float

    @staticmethod
    def of(
        basis: Basis, contribution: Contribution, columns: Sequence[int]
    ) -> Levelled:
        """Read from a contribution's tensors.

        Args:
            basis: by whose thinning positions are counted.
            columns: the places of its targets among all targets.
        """
        tensors = contribution.tensors
        count = tensors["guess"].shape[1]
        own, elsewhere = (
            tuple(
                tensors[name][tensors[f"{name}_of"] == i].astype(np.int64)
                // basis.thinning
                for i in range(count)
            )
            for name in ("rows", "elsewhere")
        )
        examples = tensors.get("examples", np.zeros((basis.dim, 0))).T
        given = tuple(examples if i == 0 else examples[:0] for i in range(count))
        listed = steps_of(tensors["domains"])
        steps = tuple(
            listed.index(Step(float(beta), float(w)))
            for beta, w in zip(tensors["beta"], tensors["w"], strict=True)
        )
        guess = tuple(np.ascontiguousarray(column) for column in tensors["guess"].T)
        domains = tuple(int(s) for s in tensors["domains"])
        return Levelled(
            domains,
            own,
            elsewhere,
            given,
            guess,
            tuple(columns),
            steps,
            float(tensors["strength"][0]),
        )


def class_rows(
    pool: PoolFit, levelled: Levelled, seen: Any
) -> tuple[Floats, Floats, Floats]:
    """Rows `(m, d)` in units of the grid that `C_F` is made of and their weights `(m,)`; and the
    pool's own among them, `(n, d)`.

    Args:
        levelled: what one contribution levels.
        seen: which pictures of the thinned pool `(n,)` the fit may see.
    """
    rows: list[Floats] = []
    weights: list[Floats] = []
    pictures: list[Floats] = []
    for own, given, guess in zip(
        levelled.own, levelled.given, levelled.guess, strict=True
    ):
        fitted = pool.grid[own[seen[own]]]
        count = len(fitted) + len(given)
        rows += [fitted, on_grid(given), on_grid(np.sqrt(float(LEAN)) * guess[None])]
        pictures.append(fitted)
        weights.append(
            np.full(count + 1, np.rint(np.ldexp(1.0, WEIGHT) / (count + LEAN)))
        )
    return np.concatenate(rows), np.concatenate(weights), np.concatenate(pictures)


@dataclass(frozen=True)
class Fits:
    """Detectors of one set of forgets at every step of the lists; `aims` `(d, p)` are `t_j − t̄`.
    What one step computes, the next keeps: moments are summed once, a system is factored once for
    each distinct w, a column solved once for each w.
    """

    pool: PoolFit
    everything: Sequence[Levelled]
    aims: Floats
    algebra: Algebra
    _groups: dict[tuple[int, ...], Group] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], Floats] = field(default_factory=dict)

    @cached_property
    def levelled(self) -> tuple[int, ...]:
        """The columns that any of the forgets levels."""
        return tuple(
            sorted({column for one in self.everything for column in one.columns})
        )

    def columns(self, extra: int) -> Floats:
        """Detectors `(d, p)`, one for each target, all `extra` steps down the list. They must not
        be changed.
        """
        groups = [
            self._steps(domains, extra)
            for domains in sorted({one.domains for one in self.everything})
        ]
        key = tuple(tuple(step.items()) for _, step, _ in groups)
        # at the end of the lists one step is as the one before
        if key not in self._known:
            self._known.clear()
            total = np.zeros(self.aims.shape)
            for domains, step, strength in groups:
                solved = self._group(domains).columns(self.aims, step)
                for column, fitted in solved.items():
                    aim = None if domains else self.aims[:, column]
                    total[:, column] += _strong(fitted, aim, strength[column])
            self._known[key] = total
        return self._known[key]

    def _steps(
        self, domains: tuple[int, ...], extra: int
    ) -> tuple[tuple[int, ...], dict[int, Step], dict[int, float]]:
        """For each column of one set of domains the step that it takes, and its strength."""
        listed = steps_of(domains)
        place: dict[int, int] = {}
        strength: dict[int, float] = {}
        for one in self.everything:
            if one.domains != domains:
                continue
            for column, own_step in zip(one.columns, one.steps, strict=True):
                place[column] = max(
                    place.get(column, 0), min(own_step + extra, len(listed) - 1)
                )
                strength[column] = max(strength.get(column, 0.0), one.strength)
        return (
            domains,
            {column: listed[place[column]] for column in sorted(place)},
            strength,
        )

    def _group(self, domains: tuple[int, ...]) -> Group:
        if domains not in self._groups:
            members = [one for one in self.everything if one.domains == domains]
            self._groups[domains] = Group.of(
                self.pool, members, self.everything, self.algebra
            )
        return self._groups[domains]


def _strong(fitted: Floats, aim: Floats | None, strength: float) -> Floats:
    """`s L` up to 1; from there towards `oblique`, which is 2, but for cells."""
    if strength <= 1.0 or aim is None:
        return strength * fitted
    return (2.0 - strength) * fitted + (strength - 1.0) * aim


@dataclass(frozen=True)
class Group:
    """One set of domains: moments `(d, d)` of its pictures and of the retained ones, and what was
    solved with them.
    """

    forgotten: Floats
    own: Floats
    retained: Floats
    algebra: Algebra
    _factors: dict[float, Factored] = field(default_factory=dict)
    _solved: dict[tuple[float, int], Floats] = field(default_factory=dict)

    @staticmethod
    def of(
        pool: PoolFit,
        members: Sequence[Levelled],
        everything: Sequence[Levelled],
        algebra: Algebra,
        half: int | None = None,
    ) -> Group:
        """Moments of all pictures that fits may see, or of a half of them.

        Args:
            pool: pictures that fits are made on.
            members: forgets that name the same domains.
            everything: all forgets: those that name no domain are fitted beside each other.
            algebra: where it is computed.
            half: of the pool, 0 or 1; None: all of it.
        """
        everywhere, seen = not members[0].domains, pool.seen(half)
        parts = [
            class_rows(pool, one, seen)
            for one in (everything if everywhere else members)
        ]
        rows, weights, pictures = (
            np.concatenate([part[i] for part in parts]) for i in range(3)
        )
        own = weighted_moment(pictures) / int(np.count_nonzero(seen))
        retained: Floats = pool.moment(half) - own
        if not everywhere:
            retained = _with_elsewhere(pool, members, retained, seen)
        return Group(weighted_moment(rows, weights), own, retained, algebra)

    def columns(self, aims: Floats, steps: Mapping[int, Step]) -> dict[int, Floats]:
        """Columns `(d,)` of `aims` `(d, p)`, the same `aims` in every call, each at its step."""
        for w in sorted({step.w for step in steps.values() if step.beta < 1.0}):
            self._solve(
                aims,
                w,
                [i for i, step in steps.items() if step.w == w and step.beta < 1.0],
            )
        return {
            i: aims[:, i]
            if beta == 1.0
            else (1.0 - beta) * self._solved[w, i] + beta * aims[:, i]
            for i, (beta, w) in steps.items()
        }

    def _solve(self, aims: Floats, w: float, columns: Sequence[int]) -> None:
        """Solve those columns that were not solved with this w before; a column's bytes depend on
        no other column.
        """
        new = [i for i in columns if (w, i) not in self._solved]
        if not new:
            return
        if w not in self._factors:
            system = (
                self.forgotten + w * self.own + w * self.retained + ridge(len(aims), w)
            )
            self._factors[w] = self.algebra.factor(self.algebra.array(system))
        wanted = self.algebra.matmul(
            self.algebra.array(self.forgotten + w * self.own),
            self.algebra.array(aims[:, new]),
        )
        solved = np.asarray(self.algebra.host(self._factors[w].solve(wanted)))
        self._solved.update(
            ((w, i), column) for i, column in zip(new, solved.T, strict=True)
        )


def _with_elsewhere(
    pool: PoolFit, members: Sequence[Levelled], retained: Floats, seen: Any
) -> Floats:
    """`C_R` of cells: to one share the same classes in other domains, each class with the same
    weight.
    """
    rows: list[Floats] = []
    weights: list[Floats] = []
    for one in members:
        for elsewhere in one.elsewhere:
            fitted = pool.grid[elsewhere[seen[elsewhere]]]
            if len(fitted):
                rows.append(fitted)
                weights.append(
                    np.full(len(fitted), np.rint(np.ldexp(1.0, WEIGHT) / len(fitted)))
                )
    if not rows:
        return retained
    same = weighted_moment(np.concatenate(rows), np.concatenate(weights)) / len(rows)
    return (1.0 - ELSEWHERE) * retained + ELSEWHERE * same


def alone(
    pool: PoolFit, levelled: Levelled, aims: Floats, step: Step, half: int
) -> Floats:
    """Columns `(d, p)` of one forget, fitted on a half of the pool; by Woodbury's identity where
    its pictures are fewer than dimensions.

    Args:
        levelled: what the forget levels.
        aims: `(d, p)`, `t_j − t̄` of its targets.
        step: how far it leans to the texts (β), and the weight of what is retained (w).
    """
    if step.beta == 1.0:
        return aims
    own_rows = sum(
        len(own) + len(given) + 1
        for own, given in zip(levelled.own, levelled.given, strict=True)
    )
    if levelled.domains or own_rows > len(aims):
        fitted = Group.of(pool, [levelled], [levelled], Host(), half).columns(
            aims, dict.fromkeys(range(aims.shape[1]), step)
        )
        return np.stack(list(fitted.values()), axis=1)
    seen = pool.seen(half)
    rows, weights, pictures = class_rows(pool, levelled, seen)
    forgotten = weighted_moment(rows, weights)
    wanted = exact.matmul(
        forgotten + step.w * (weighted_moment(pictures) / int(np.count_nonzero(seen))),
        aims,
    )
    # C_F is scaledᵀ scaled
    scaled = np.ldexp(rows, -GRID) * np.sqrt(np.ldexp(weights, -WEIGHT))[:, None]
    inverse = pool.protected_inverse(step.w, half)
    # as each alone: a column's bytes depend on no other
    both = exact.matmul(inverse, np.concatenate([scaled.T, wanted], axis=1))
    lifted, solved = both[:, : len(scaled)], both[:, len(scaled) :]
    inner = exact.matmul(scaled, lifted)
    inner = (inner + inner.T) / 2 + np.eye(len(scaled))
    solved = solved - exact.matmul(
        lifted, exact.Factor(inner).solve(exact.matmul(scaled, solved))
    )
    columns: Floats = (1.0 - step.beta) * solved + step.beta * aims
    return columns
