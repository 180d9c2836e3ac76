"""What one contribution levels, read from its tensors, and the rows that its fit is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit.basis import Basis
from govd.edit.constants import LEAN
from govd.edit.pool import (
    WEIGHT,
    PoolFit,
    on_grid,
)
from govd.edit.steps import Step, steps_of
from govd.types import Contribution, Floats


@dataclass(frozen=True)
class Levelled:
    """What one contribution levels: for each concept its pictures (positions in the thinned pool),
    those of the same concept in other domains, other pictures `(m, d)` that somebody gave, the
    guess `(d,)`; for each target its column among the targets and its step. `powers`: for each
    concept those `(n, levels)` of its rows, pictures of the pool that fits see first, then given
    ones, the guess last; none where pictures count alike. `concept_of`: the concept of each target.
    """

    domains: tuple[int, ...]
    own: tuple[Any, ...]
    elsewhere: tuple[Any, ...]
    given: tuple[Floats, ...]
    guess: tuple[Floats, ...]
    columns: tuple[int, ...]
    steps: tuple[int, ...]
    strength: float
    powers: tuple[Any, ...] = ()
    concept_of: tuple[int, ...] = ()

    @property
    def listed(self) -> tuple[Step, ...]:
        """The list that `steps` are places of."""
        return steps_of(self.domains, bool(self.powers))

    def steps_at(self, extra: int) -> tuple[Step, ...]:
        """The step of each target, so many down the list (up, below 0), which ends at its ends."""
        last = len(self.listed) - 1
        return tuple(
            self.listed[min(max(step + extra, 0), last)] for step in self.steps
        )

    def powers_at(self, extra: int) -> tuple[Any, ...]:
        """For each concept the powers `(n,)` of its rows, so many steps down the list; nothing
        where pictures count alike.
        """
        if not self.powers:
            return ()
        places = dict.fromkeys(range(len(self.own)), -1)
        for concept, step in zip(self.concept_of, self.steps_at(extra), strict=True):
            places[concept] = max(places[concept], step.margin)
        return tuple(
            powers[:, places[concept]] if places[concept] >= 0 else 0 * powers[:, 0]
            for concept, powers in enumerate(self.powers)
        )

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
        pictures, elsewhere = (
            tuple(
                tensors[name][tensors[f"{name}_of"] == i].astype(np.int64)
                // basis.thinning
                for i in range(count)
            )
            for name in ("rows", "elsewhere")
        )
        examples = tensors.get("examples", np.zeros((basis.dim, 0))).T
        examples_of = tuple(examples if i == 0 else examples[:0] for i in range(count))
        powers: tuple[Any, ...] = ()
        if "powers" in tensors:
            rows_of = tensors["powers_of"]
            table = tensors["powers"].astype(np.int64).reshape(len(rows_of), -1)
            powers = tuple(table[rows_of == i] for i in range(count))
        steps = _places(tensors, bool(powers))
        guess = tuple(np.ascontiguousarray(column) for column in tensors["guess"].T)
        domains = tuple(int(s) for s in tensors["domains"])
        return Levelled(
            domains,
            pictures,
            elsewhere,
            examples_of,
            guess,
            tuple(columns),
            steps,
            float(tensors["strength"][0]),
            powers,
            tuple(int(i) for i in tensors["concept_of"]) if powers else (),
        )


def _places(tensors: Mapping[str, Any], weighted: bool) -> tuple[int, ...]:
    """The steps of a contribution's targets, as places of their list."""
    listed = steps_of(tensors["domains"], weighted)
    margins = (
        tensors["margin"].astype(np.int64) - 1
        if weighted
        else np.full(len(tensors["beta"]), -1)
    )
    return tuple(
        listed.index(Step(float(beta), float(w), int(margin)))
        for beta, w, margin in zip(tensors["beta"], tensors["w"], margins, strict=True)
    )


def class_rows(
    pool: PoolFit, levelled: Levelled, seen: Any
) -> tuple[Floats, Floats, Floats]:
    """Rows `(m, d)` in units of the grid that `C_F` is made of, concept after concept: the pool's
    own, given ones, the guess; their weights `(m,)`; and the pool's own among them, `(n, d)`.

    Args:
        levelled: what one contribution levels.
        seen: which pictures of the thinned pool `(n,)` the fit may see.
    """
    rows: list[Floats] = []
    weights: list[Floats] = []
    pictures: list[Floats] = []
    for positions, examples, guess in zip(
        levelled.own, levelled.given, levelled.guess, strict=True
    ):
        fitted = pool.grid[positions[seen[positions]]]
        count = len(fitted) + len(examples)
        rows += [fitted, on_grid(examples), on_grid(np.sqrt(float(LEAN)) * guess[None])]
        pictures.append(fitted)
        weights.append(
            np.full(count + 1, np.rint(np.ldexp(1.0, WEIGHT) / (count + LEAN)))
        )
    return np.concatenate(rows), np.concatenate(weights), np.concatenate(pictures)
