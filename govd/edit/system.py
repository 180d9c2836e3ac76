"""Composing of the family `dual`: contributions of several methods as one system (see
`govd.edit.compose`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from govd.edit.algebra import Algebra, Array
from govd.edit.basis import Basis
from govd.edit.constants import ALONE, MANY_JUDGES
from govd.edit.duals import Targets, duals, retained_mean, targets_of
from govd.edit.judging import Answers, Held, Judges, enough
from govd.edit.levelled import Levelled
from govd.edit.levelling import Fits
from govd.edit.pool import PoolFit
from govd.edit.steps import STEPS
from govd.errors import OverCapacity
from govd.types import Contribution, Floats, Json


class Dual:
    """Composing of the family `dual`.

    A contribution has tensors `targets` (d, p), `lifted` (d, p) (`metric_inverse` times those, so
    that composing need not multiply them again), `detectors` (d, m), `incidence` (m, p), for each
    mode (`hard`, `soft`) a `strength_*` (m,), and perhaps `removal` (d, m), directions of its own,
    which are taken off all targets. What pictures show brings `pictured` (d, 1), and for each mode
    a `pictured_*` (d, 1) that it takes away, in named domains a `pictured_inside` (d, 1) that
    conditions have in the place of `pictured`. The fact `minus_mean` says that `t̄` is to be
    subtracted from the detectors, the fact `softly` that no label can be kept as it is beside it.
    """

    family = "dual"

    def compose(
        self, basis: Basis, contributions: Sequence[Contribution], algebra: Algebra
    ) -> tuple[Array, Array, Mapping[str, Json]]:
        """Factors `(d, r)`: hard where the basis allows it and the edit stays under
        `max_edit_norm`, else soft; the fact `anchors` says which.

        Args:
            basis: that the contributions were computed for.
            contributions: of this family, in the order of their digests.
            algebra: where it is computed.
        """
        reason = (
            ""
            if basis.hard
            else str(basis.facts.get("hard_reason") or f"use is {basis.use}")
        )
        system = System.of(basis, contributions, algebra)
        softly = any(contribution.facts.get("softly") for contribution in contributions)
        if softly and basis.hard:
            reason = "the labels see most of what given pictures show"
        if basis.hard and not softly:
            try:
                full, left, right, facts = self._held(
                    system.with_duals(basis, True, algebra), algebra
                )
                norm = algebra.norm(left, right)
                if left is not full:
                    norm = max(norm, algebra.norm(full, right))
                if norm <= basis.max_edit_norm:
                    return left, right, {"anchors": "hard", **facts}
                reason = f"the norm would be {norm:.3g}, over max_edit_norm {basis.max_edit_norm:g}"
            except OverCapacity as error:
                if basis.labels and "no anchor" in error.what:
                    raise
                reason = error.what
        _, left, right, facts = self._held(
            system.with_duals(basis, False, algebra), algebra
        )
        return left, right, {"anchors": "soft", "soft_because": reason, **facts}

    def _held(
        self, system: System, algebra: Algebra
    ) -> tuple[Array, Array, Array, Mapping[str, Json]]:
        """One system for all: detectors at strength 1 and at their own, removals, facts. Columns
        that are fitted on the pool are judged together on pictures that no fit sees: while too many
        of those are named, every such column goes one step down its list; the fact `step` says how
        many (up, below 0). They are judged at strength 1: a weaker forget would go down its list
        for nothing, and cost more than a stronger one. Whether labels are hard is decided at the
        larger norm, for the same reason.
        """
        left, right = system.fixed(algebra)
        fits = system.fits
        if fits is None:
            return left, left, right, {}
        columns = list(fits.levelled)
        right = algebra.concat([right, system.removals[:, columns]])
        judges = system.judges(np.asarray(algebra.host(right)))

        def judged(extra: int, last: bool, scaled: bool) -> tuple[Array, int, int]:
            fitted = fits.columns(extra, scaled)[:, columns]
            both = algebra.concat([left, algebra.array(fitted)])
            return both, *judges.named(np.asarray(algebra.host(both)), last)

        for extra in range(system.first_step, len(STEPS)):
            full, count, total = judged(extra, extra == len(STEPS) - 1, False)
            if enough(count, total):
                break
        scaled = full
        if fits.is_scaled:
            scaled, count, total = judged(extra, True, True)
        facts = {"step": extra, "held_out": total, "held_out_named": count}
        return full, scaled, right, facts


@dataclass(frozen=True)
class System:
    """Contributions of the family as one system: its targets, their duals `(d, p)`, `t̄` `(d,)`,
    and which columns are each one's.
    """

    contributions: Sequence[Contribution]
    targets: Targets
    own: list[list[int]]
    removals: Array
    mean: Floats
    mode: str
    fits: Fits | None
    held: Held | None

    @staticmethod
    def of(
        basis: Basis, contributions: Sequence[Contribution], algebra: Algebra
    ) -> System:
        """What these contributions take away; the duals are yet to come, since they alone depend on
        whether labels are hard.

        Args:
            basis: that the contributions were computed for.
            contributions: in the order of their digests.
            algebra: where it is computed.
        """
        targets, columns_of = targets_of(basis, contributions)
        mean = retained_mean(basis, targets.everywhere)
        levelled = tuple(
            Levelled.of(basis, contribution, columns)
            for contribution, columns in zip(contributions, columns_of, strict=True)
            if "rows" in contribution.tensors
        )
        fits = held_out = None
        if levelled:
            pool = PoolFit.of(basis)
            fits = Fits(pool, levelled, targets.vectors - mean[:, None], algebra)
            held_out = Held.of(pool, levelled, Answers.of(basis, targets.vectors))
        nothing = np.zeros((basis.dim, 0))
        return System(
            contributions,
            targets,
            columns_of,
            algebra.array(nothing),
            mean,
            "",
            fits,
            held_out,
        )

    def with_duals(self, basis: Basis, hard: bool, algebra: Algebra) -> System:
        """The same with removals, hard or soft; what is fitted on the pool does not depend on it
        and is shared.

        Args:
            basis: has the labels.
            hard: no label that stays may change its score.
            algebra: where it is computed.
        """
        return replace(
            self,
            removals=duals(basis, self.targets, hard, algebra),
            mode="hard" if hard else "soft",
        )

    @property
    def first_step(self) -> int:
        """Where the walk down the lists begins. A forget alone is chosen on a few dozens of
        pictures and begins further down than it seems to need (`ALONE`). Many level each other's
        labels on each picture; where enough pictures judge them, they go back by as much.
        """
        assert self.fits is not None
        assert self.held is not None
        weighted = any(forget.powers for forget in self.fits.everything)
        judged = len(self.held.pictures)
        return -ALONE if weighted and judged >= MANY_JUDGES else 0

    def judges(self, right: Floats) -> Judges:
        """Who judges detectors whose removals are `right` `(d, r)`."""
        assert self.held is not None
        return Judges(self.held, right)

    def fixed(self, algebra: Algebra) -> tuple[Array, Array]:
        """Factors `(d, r)` of the contributions that bring detectors and strengths of their own."""
        lefts: list[Floats] = []
        rights: list[Array] = []
        place: dict[bytes, int] = {}
        for contribution, columns in zip(self.contributions, self.own, strict=True):
            for u, right in self._brought(contribution, columns, algebra):
                key = np.ascontiguousarray(u).tobytes()
                if key in place:  # who is affected is the same: one rank for both
                    rights[place[key]] = rights[place[key]] + right
                else:
                    place[key] = len(lefts)
                    lefts.append(u)
                    rights.append(right)
        if not lefts:
            nothing = np.zeros(self.targets.vectors[:, :0].shape)
            return algebra.array(nothing), algebra.array(nothing)
        return algebra.array(np.stack(lefts, axis=1)), algebra.concat(rights)

    def _brought(
        self, contribution: Contribution, columns: list[int], algebra: Algebra
    ) -> Iterator[tuple[Floats, Array]]:
        """Each detector `(d,)` that a contribution brings, and what it takes away `(d, 1)`."""
        tensors = contribution.tensors
        if "pictured" in tensors:
            shown = algebra.array(tensors[f"pictured_{self.mode}"])
            yield tensors["pictured"][:, 0], self._beside(shown, algebra)
        if "rows" in tensors or tensors["detectors"].shape[1] == 0:
            return
        detectors = (
            tensors["detectors"] - self.mean[:, None]
            if contribution.facts.get("minus_mean")
            else tensors["detectors"]
        )
        strength = algebra.array(tensors[f"strength_{self.mode}"][None, :])
        incidence = tensors["incidence"]
        right = self.removals[:, columns]
        # one phrase, one detector: nothing to add up
        if incidence.shape != (1, 1) or incidence[0, 0] != 1:
            right = algebra.matmul(right, algebra.array(incidence.T))
        right = right * strength
        if "removal" in tensors:
            direct = self._beside(algebra.array(tensors["removal"]), algebra)
            right = right + direct * strength
        for j, u in enumerate(detectors.T):
            yield u, right[:, j : j + 1]

    def _beside(self, direct: Array, algebra: Algebra) -> Array:
        """Directions `(d, m)` that a contribution brings, less what the targets see of them: that
        is taken away by their duals alone.
        """
        texts = algebra.array(self.targets.vectors)
        return direct - algebra.matmul(self.removals, algebra.matmul(texts.T, direct))
