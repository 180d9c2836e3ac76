"""What a revert would bring back: counted by the edits with and without its forget.

Proven by `tests/requests/test_revert_preview.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from govd.contributions.beside import Beside
from govd.contributions.composing import Composing, discreet
from govd.contributions.costing import nameless
from govd.contributions.predicting import Predicting
from govd.contributions.stored import Stored
from govd.edit import AnyEdit
from govd.edit.costs import Costs, costs
from govd.edit.extent import in_scope
from govd.edit.prediction import Watch, watch_for
from govd.edit.tensors import factors_of, unedited
from govd.errors import Unsupported
from govd.models.core import Core, Opened
from govd.records.predicted import Effect
from govd.records.request import Request, spec_of
from govd.records.returning import Returning
from govd.types import Contribution, Figure, Json

SHOWN: Final = ("concepts", "domains")


class PredictingReverts:
    """Predictions of reverts. Nothing is written."""

    def __init__(
        self,
        core: Core,
        stored: Stored,
        composing: Composing,
        predicting: Predicting,
    ) -> None:
        self.core = core
        self.stored = stored
        self.composing = composing
        self.predicting = predicting

    def returning(self, forget: Request, encode: bool = False) -> Returning:
        """What reverting a forget brings back. `encode`: ask in single prompts that the basis does
        not have, too, which takes longer.

        Raises:
            OverCapacity, Unsupported: there is no edit without it. NotFound, BadFile: a
            contribution is lost.
        """
        opened = self.core.models.opened(forget.model)
        if not opened.basis.has_space:
            raise Unsupported(
                "what a revert brings back is not predicted of a model without a joint space",
                advice="Its evaluation measures it once the revision without it is composed.",
            )
        in_force = self.core.desk.views.wanted(forget.model)
        remaining = [request for request in in_force if request.id != forget.id]
        above = self.stored.covered([*remaining, forget])
        above_then = self.stored.covered(remaining)
        contribution = self.stored.load(str(forget.contribution))
        now = [
            *self._adding(remaining, above),
            *([] if forget.id in above else [contribution]),
        ]
        then = self._adding(remaining, above_then)
        beside = self._beside(opened, contribution, now, then, above.get(forget.id))
        before, after = self._costs(opened, beside, now, then)
        effect, labelled = self._effects(forget, opened, beside, encode)
        taking_over = [
            r for r in remaining if above.get(r.id) and r.id not in above_then
        ]
        return Returning(
            effect=effect,
            labelled=labelled,
            takes_over=tuple(_shown(request) for request in taking_over),
            covered_by=self._covering(forget, above.get(forget.id)),
            before=before,
            after=after,
            disagreement=float(beside.figures_before["predicted_disagreement"]),
            disagreement_after=float(beside.figures["predicted_disagreement"]),
            forgets=len(now),
            forgets_after=len(then),
        )

    def capacity(self, forget: Request, returning: Returning) -> dict[str, Json] | None:
        """The model's capacity curve, where it is now, and where it would be after the revert."""
        curve = self.predicting.calibrating.capacity(
            self.core.desk.model(forget.model),
            returning.forgets,
            _changed(returning.before, returning.disagreement),
        )
        if curve is None:
            return None
        then = {
            "forgets": returning.forgets_after,
            "changed": _changed(returning.after, returning.disagreement_after),
        }
        return {**curve, "then": then}

    def _adding(
        self, requests: Sequence[Request], covered: dict[str, str]
    ) -> list[Contribution]:
        return [
            self.stored.load(request.contribution)
            for request in requests
            if request.contribution and request.id not in covered
        ]

    def _beside(
        self,
        opened: Opened,
        own: Contribution,
        now: Sequence[Contribution],
        then: Sequence[Contribution],
        covered_by: str | None,
    ) -> Beside:
        """The edits with the forget (`before`) and without it (`after`)."""
        before, figures_before = self._figures(opened, now)
        after, figures = self._figures(opened, then)
        return Beside(
            basis=opened.basis,
            own=own,
            others=tuple(now),
            before=before,
            after=after,
            figures_before=figures_before,
            figures=figures,
            covered_by=covered_by,
        )

    def _figures(
        self, opened: Opened, contributions: Sequence[Contribution]
    ) -> tuple[AnyEdit, dict[str, Json]]:
        basis = opened.basis
        if not contributions:
            return unedited(basis.dim, basis.side), {"predicted_disagreement": 0.0}
        return self.composing.figures(basis, contributions)

    def _costs(
        self,
        opened: Opened,
        beside: Beside,
        now: Sequence[Contribution],
        then: Sequence[Contribution],
    ) -> tuple[Costs, Costs]:
        """What all in force costs answers to pictures that none of them is about: with the forget,
        and without it; both of the same pictures.
        """
        watch = watch_for(opened.basis, beside.everything)
        if watch is None:
            return {}, {}
        scope = in_scope(opened.basis, beside.everything)
        mask = np.zeros(len(watch.at), bool) if scope is None else scope[watch.at]
        before = costs(watch, watch.top, watch.answers(factors_of(beside.before)), mask)
        after = costs(watch, watch.top, watch.answers(factors_of(beside.after)), mask)
        if "costs" in discreet({"costs": before}, [*now, *then]):
            return before, after
        return (
            {name: nameless(figure) for name, figure in before.items()},
            {name: nameless(figure) for name, figure in after.items()},
        )

    def _effects(
        self, forget: Request, opened: Opened, beside: Beside, encode: bool
    ) -> tuple[Effect | None, Effect | None]:
        """On the pool, and on labelled pictures; without intervals, which were measured of
        forgetting. None where the text was destroyed.
        """
        if forget.shredded_at:
            return None, None
        watch: Watch | None = watch_for(opened.basis, beside.everything)
        spec = spec_of(self.core.private.revealed(forget))
        effects = self.predicting.effects
        by_prompts = encode or "label_prompts" in opened.basis.tensors
        prompted = None if by_prompts else ()
        on_pool = effects.on_pool(forget.model, opened, spec, beside, watch, prompted)
        labelled = None
        if by_prompts:
            labelled = effects.on_labelled(forget.model, opened, spec, beside)
        if on_pool is not None:
            on_pool = replace(on_pool, after_low=None, after_high=None)
        return on_pool, labelled

    def _covering(self, forget: Request, covered_by: str | None) -> str | None:
        outer = self.core.desk.views.request(covered_by) if covered_by else None
        private = outer is not None and (forget.private or outer.private)
        return "another forget" if private else covered_by


def _shown(request: Request) -> dict[str, Json]:
    """A forget that takes over, as it may be told."""
    if request.private:
        return {"id": None, "concepts": [], "domains": []}
    return {"id": request.id, **{name: request[name] for name in SHOWN}}


def _changed(costs: Mapping[str, Figure], of_all: float) -> float:
    """The share of other answers that change of pictures that show a label, where that is known."""
    of_labels = costs.get("shown")
    return of_all if of_labels is None else of_labels.share
