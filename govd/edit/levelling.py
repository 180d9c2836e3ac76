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

A forget of concepts everywhere takes few pictures for all of a class: those nearest to being named
count more, by powers that its contribution brings for each of `LEVELS` (`reweighting`), and its
own pictures in `w C_R` weigh against it as any others do. Without powers, as contributions of
before had none, pictures count alike, and `w` is what makes a column certain.

Where a forget names domains, its pictures are those of its cells, and `C_R` is to a large share of
the same classes elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from govd.edit.algebra import Algebra, Factored, Host
from govd.edit.constants import SAME_CLASSES
from govd.edit.levelled import Levelled, class_rows
from govd.edit.pool import (
    WEIGHT,
    PoolFit,
    repeated_moment,
    ridge,
    weighted_moment,
)
from govd.edit.steps import Step
from govd.types import Floats


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
    _groups: dict[tuple[Any, ...], Group] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], Floats] = field(default_factory=dict)

    @cached_property
    def levelled(self) -> tuple[int, ...]:
        """The columns that any of the forgets levels."""
        return tuple(
            sorted({column for forget in self.everything for column in forget.columns})
        )

    @cached_property
    def is_scaled(self) -> bool:
        """Whether any forget has another strength than 1."""
        return any(forget.strength != 1.0 for forget in self.everything)

    def columns(self, extra: int, scaled: bool = False) -> Floats:
        """Detectors `(d, p)`, one for each target, all `extra` steps down the list, at strength 1,
        or `scaled`, each at its own. They must not be changed.
        """
        groups = [
            self._steps(domains, extra)
            for domains in sorted({forget.domains for forget in self.everything})
        ]
        margins = tuple(self._margins(extra))
        key = (scaled, margins, *(tuple(step.items()) for _, step, _ in groups))
        # at the end of the lists one step is as the one before
        if key not in self._known:
            self._known.clear()
            total = np.zeros(self.aims.shape)
            for domains, step, strength in groups:
                group = self._group(domains, margins, extra)
                solved = group.columns(self.aims, step)
                for column, fitted in solved.items():
                    aim = None if domains else self.aims[:, column]
                    own_strength = strength[column] if scaled else 1.0
                    total[:, column] += _strong(fitted, aim, own_strength)
            self._known[key] = total
        return self._known[key]

    def _margins(self, extra: int) -> Iterator[tuple[int, ...]]:
        """For each forget whose pictures are weighted one by one the margins of its targets."""
        for forget in self.everything:
            if forget.powers:
                yield tuple(step.margin for step in forget.steps_at(extra))

    def _steps(
        self, domains: tuple[int, ...], extra: int
    ) -> tuple[tuple[int, ...], dict[int, Step], dict[int, float]]:
        """For each column of one set of domains the step that it takes, and its strength. Who goes
        back takes no step before the first, and none whose pictures count alike.
        """
        step_of: dict[int, Step] = {}
        strength: dict[int, float] = {}
        for forget in self.everything:
            if forget.domains != domains:
                continue
            own_extra = extra if forget.powers else max(extra, 0)
            own_steps = forget.steps_at(own_extra)
            for column, step in zip(forget.columns, own_steps, strict=True):
                step_of[column] = max(step_of.get(column, step), step, key=_certainty)
                strength[column] = max(strength.get(column, 0.0), forget.strength)
        return (
            domains,
            {column: step_of[column] for column in sorted(step_of)},
            strength,
        )

    def _group(
        self, domains: tuple[int, ...], margins: tuple[Any, ...], extra: int
    ) -> Group:
        key = (domains, margins)
        if key not in self._groups:
            members = [
                forget for forget in self.everything if forget.domains == domains
            ]
            self._groups[key] = Group.of(
                self.pool, members, self.everything, self.algebra, extra=extra
            )
        return self._groups[key]


def _certainty(step: Step) -> tuple[float, bool, int, float]:
    """By which the more certain of two steps for the same column is told."""
    return (step.beta, step.margin < 0, step.margin, -step.w)


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
    _solved: dict[tuple[float, bool, int], Floats] = field(default_factory=dict)

    @staticmethod
    def of(
        pool: PoolFit,
        members: Sequence[Levelled],
        everything: Sequence[Levelled],
        algebra: Algebra,
        half: int | None = None,
        extra: int = 0,
    ) -> Group:
        """Moments of all pictures that fits may see, or of a half of them.

        Args:
            pool: pictures that fits are made on.
            members: forgets that name the same domains.
            everything: all forgets: those that name no domain are fitted beside each other.
            algebra: where it is computed.
            half: of the pool, 0 or 1; None: all of it.
            extra: steps down the list, by which pictures are weighted.
        """
        everywhere = not members[0].domains
        fit_mask = pool.seen(half)
        counted = everything if everywhere else members
        parts = [class_rows(pool, forget, fit_mask) for forget in counted]
        rows, weights, pictures = (
            np.concatenate([part[i] for part in parts]) for i in range(3)
        )
        powers = [
            np.concatenate(
                forget.powers_at(extra) or (np.zeros(len(part[0]), np.int64),)
            )
            for forget, part in zip(counted, parts, strict=True)
        ]
        forgotten_moment = weighted_moment(pictures) / int(np.count_nonzero(fit_mask))
        retained: Floats = pool.moment(half) - forgotten_moment
        if not everywhere:
            retained = _with_elsewhere(pool, members, retained, fit_mask)
        forgotten = repeated_moment(rows, weights, np.concatenate(powers))
        return Group(forgotten, forgotten_moment, retained, algebra)

    def columns(self, aims: Floats, steps: Mapping[int, Step]) -> dict[int, Floats]:
        """Columns `(d,)` of `aims` `(d, p)`, the same `aims` in every call, each at its step."""
        systems = {
            (step.w, step.margin >= 0) for step in steps.values() if step.beta < 1
        }
        for w, weighted in sorted(systems):
            self._solve(
                aims,
                w,
                weighted,
                [
                    i
                    for i, step in steps.items()
                    if (step.w, step.margin >= 0) == (w, weighted) and step.beta < 1.0
                ],
            )
        return {
            i: aims[:, i]
            if beta == 1.0
            else (1.0 - beta) * self._solved[w, margin >= 0, i] + beta * aims[:, i]
            for i, (beta, w, margin) in steps.items()
        }

    def _solve(
        self, aims: Floats, w: float, weighted: bool, columns: Sequence[int]
    ) -> None:
        """Solve those columns that were not solved with this w before; a column's bytes depend on
        no other column. Where pictures are weighted one by one, the forgotten ones among all that
        `w` protects are protected, too; otherwise they are levelled with the rest.
        """
        new = [i for i in columns if (w, weighted, i) not in self._solved]
        if not new:
            return
        if w not in self._factors:
            system = (
                self.forgotten + w * self.own + w * self.retained + ridge(len(aims), w)
            )
            self._factors[w] = self.algebra.factor(self.algebra.array(system))
        levelled = self.forgotten if weighted else self.forgotten + w * self.own
        right_side = self.algebra.matmul(
            self.algebra.array(levelled), self.algebra.array(aims[:, new])
        )
        solved = np.asarray(self.algebra.host(self._factors[w].solve(right_side)))
        self._solved.update(
            ((w, weighted, i), column) for i, column in zip(new, solved.T, strict=True)
        )


def _with_elsewhere(
    pool: PoolFit, members: Sequence[Levelled], retained: Floats, seen: Any
) -> Floats:
    """`C_R` of cells: to one share the same classes in other domains, each class with the same
    weight.
    """
    rows: list[Floats] = []
    weights: list[Floats] = []
    for forget in members:
        for elsewhere in forget.elsewhere:
            fitted = pool.grid[elsewhere[seen[elsewhere]]]
            if len(fitted):
                rows.append(fitted)
                weights.append(
                    np.full(len(fitted), np.rint(np.ldexp(1.0, WEIGHT) / len(fitted)))
                )
    if not rows:
        return retained
    same = weighted_moment(np.concatenate(rows), np.concatenate(weights)) / len(rows)
    return (1.0 - SAME_CLASSES) * retained + SAME_CLASSES * same


def alone(
    pool: PoolFit, levelled: Levelled, aims: Floats, step: Step, half: int
) -> Floats:
    """Columns `(d, p)` of one forget whose pictures count alike, fitted on a half of the pool.

    Args:
        pool: pictures that fits are made on.
        levelled: what the forget levels.
        aims: `(d, p)`, `t_j − t̄` of its targets.
        step: how far it leans to the texts (β), and the weight of what is retained (w).
        half: of the pool, 0 or 1.
    """
    group = Group.of(pool, [levelled], [levelled], Host(), half)
    fitted = group.columns(aims, dict.fromkeys(range(aims.shape[1]), step))
    return np.stack(list(fitted.values()), axis=1)
