"""What a forget is predicted to do beside what is in force: the figures that votes and bounds see,
and that its entry keeps.

Proven by `tests/requests/test_preview.py`, against measurements by
`tests/reconcile/test_predictions.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from govd.contributions.beside import Beside
from govd.contributions.calibrating import Calibrating
from govd.contributions.composing import Composing, discreet
from govd.contributions.costing import (
    bounds_of,
    costs_of_checkpoint,
    counted,
    has_whole,
    named_by_all,
    publishes_weights,
    with_all,
)
from govd.contributions.effects import Effects
from govd.contributions.extent import Extents
from govd.contributions.naming import Names
from govd.contributions.stored import Stored
from govd.contributions.texts import phrase_embedding
from govd.edit import AnyEdit
from govd.edit.calibration import Calibration
from govd.edit.costs import Costs
from govd.edit.prediction import Watch, watch_for
from govd.edit.tensors import summed
from govd.models.core import Core, Opened
from govd.records.predicted import Effect, Predicted
from govd.records.request import Request, spec_of
from govd.types import Contribution, Figure, Floats, Json


class Predicting:
    """Predictions for a home's requests. Nothing is written; what is the same for several requests
    is computed once.
    """

    def __init__(
        self,
        core: Core,
        stored: Stored,
        composing: Composing,
        calibrating: Calibrating,
    ) -> None:
        self.core = core
        self.calibrating = calibrating
        self.stored = stored
        self.composing = composing
        self.extents = Extents(core)
        self._names = Names(core)
        self.effects = Effects(core, calibrating, self.extents)

    def predicted(
        self, request: Request, contribution: Contribution, without: str = ""
    ) -> Predicted:
        """What the model would be with this contribution beside those in force, without a labelled
        picture.

        `without`: a request to ignore.

        Raises:
            OverCapacity, Unsupported: there is no such edit.
        """
        core = self.core
        model = request.model
        opened = core.models.opened(model)
        basis = opened.basis
        beside = self.beside(request, contribution, opened, without)
        if not basis.has_space:
            return self._by_extent(request, beside)
        disagreement = self._disagreement(
            beside, self.calibrating.of(core.desk.model(model))
        )
        contributions = [c for c in beside.others if c.digest != contribution.digest]
        total_share = self.extents.share(model, basis, beside.everything)
        doubted = self._doubted(request, opened, beside)
        return replace(
            disagreement,
            effect=self._effect(request, opened, beside),
            scope_share=self.extents.share(model, basis, [contribution]),
            total_scope_share=total_share,
            scope_share_added=total_share
            - self.extents.share(model, basis, contributions),
            bounds=bounds_of(core),
            targets=tuple(contribution.facts.get("terms", [])),
            doubted_names=doubted,
            subsumed_by=self._covering(request, beside.covered_by),
            covers=tuple(self._covered_id(request, name) for name in beside.covers),
            total_disagreement_before=float(
                beside.figures_before["predicted_disagreement"]
            ),
            forgets=beside.adding_before,
            forgets_after=beside.adding,
            figures=self._figures(request, opened, beside),
        )

    def _figures(
        self, request: Request, opened: Opened, beside: Beside
    ) -> dict[str, Json]:
        """What else is said of the edit, and of the linear one that a checkpoint gets instead."""
        figures = {
            name: figure
            for name, figure in beside.figures.items()
            if name not in ("targets", "costs")
        }
        if beside.linear is not None:
            in_weights = self._of_checkpoint(request, opened, beside.linear)
            figures["checkpoint"] = {**figures.get("checkpoint", {}), **in_weights}
        return figures

    def _by_extent(self, request: Request, beside: Beside) -> Predicted:
        """What can be said of a forget on a model without a space: how much it changes. Its cost is
        unknown until the model's own evaluation.
        """
        return Predicted(
            subsumed_by=self._covering(request, beside.covered_by),
            covers=tuple(self._covered_id(request, name) for name in beside.covers),
            forgets=beside.adding_before,
            forgets_after=beside.adding,
            figures=summed([beside.own]).extent() | {"on": "its deltas alone"},
        )

    def _covering(self, request: Request, covered_by: str | None) -> str | None:
        """The request that covers it, as it may be told: the id of a private one would say what
        that is about.
        """
        outer = self.core.desk.views.request(covered_by) if covered_by else None
        private = outer is not None and (request.private or outer.private)
        return "another forget" if private else covered_by

    def _covered_id(self, request: Request, name: str) -> str:
        inner = self.core.desk.views.request(name)
        private = request.private or inner is None or inner.private
        return "" if private else name

    def _doubted(
        self, request: Request, opened: Opened, beside: Beside
    ) -> tuple[dict[str, Json], ...] | None:
        """What it names that may be a mistake: names, and where all are known, names in domains
        that show nothing of them, unless it adds nothing.
        """

        def embedded(phrase: str) -> Floats:
            return phrase_embedding(opened, phrase)

        basis = opened.basis
        doubted = self._names.doubted(request, basis, embedded)
        if doubted is None or doubted or beside.covered_by:
            return doubted
        watch = watch_for(basis, beside.everything)
        return self._names.unseen(request, basis, beside.own, embedded, watch)

    def _effect(
        self, request: Request, opened: Opened, beside: Beside, sure: bool = True
    ) -> Effect | None:
        """Whether it works, by the prompts that the basis has; nothing is encoded for it but the
        request's own phrases. `sure`: with its interval.
        """
        spec = spec_of(self.core.private.revealed(request))
        watch = watch_for(opened.basis, beside.everything)
        prompted = None if "label_prompts" in opened.basis.tensors else ()
        return self.effects.on_pool(
            request.model, opened, spec, beside, watch, prompted, sure
        )

    def _of_checkpoint(
        self, request: Request, opened: Opened, linear: Beside
    ) -> dict[str, Json]:
        """What it costs and leaves named in a checkpoint, which gets the linear edit, and whether
        one is published.
        """
        watch = watch_for(opened.basis, linear.everything)
        effect = None
        if not request.shredded_at:  # else nobody knows its words any more
            effect = self._effect(request, opened, linear, sure=False)
        folder = self.core.desk.model(request.model).publish_to
        facts = opened.model.facts
        return {
            **costs_of_checkpoint(watch, linear),
            "effect": None if effect is None else effect.as_json(),
            "published": publishes_weights(folder, facts, opened.basis.side),
        }

    def in_weights(
        self, request: Request, contribution: Contribution, opened: Opened
    ) -> dict[str, Json] | None:
        """What weights get of a forget beside those in force, as a prediction has it as
        `checkpoint`; None where its edit is linear anyway.

        Raises:
            OverCapacity, Unsupported: there is no such edit.
        """
        beside = self.beside(request, contribution, opened)
        if beside.linear is None:
            return None
        in_weights = self._of_checkpoint(request, opened, beside.linear)
        return {**beside.figures.get("checkpoint", {}), **in_weights}

    def beside(
        self,
        request: Request,
        contribution: Contribution,
        opened: Opened,
        without: str = "",
    ) -> Beside:
        """A contribution beside what is in force, composed.

        Raises:
            OverCapacity, Unsupported: there is no such edit.
        """
        self.stored.compare(contribution)
        computed = request.with_(contribution=contribution.digest)
        in_force = self._in_force(request, without)
        # once each: it goes through everything in force
        covers = self.stored.covered([*in_force, computed])
        covers_before = self.stored.covered(in_force)
        stored = self._stored(in_force)
        standing = [c for name, c in stored.items() if name not in covers_before]
        before, figures_before = self.composing.figures(opened.basis, standing)
        covered_by = covers.get(request.id)
        joint = [
            c
            for name, c in stored.items()
            if name not in covers and c.digest != contribution.digest
        ]
        if not covered_by:
            joint = [contribution, *joint]
        after, figures = self.composing.figures(opened.basis, joint)
        covered_anew = (
            name
            for name, outer in covers.items()
            if outer == request.id and name not in covers_before
        )
        return Beside(
            basis=opened.basis,
            own=contribution,
            others=tuple(stored.values()),
            before=before,
            after=after,
            figures_before=figures_before,
            figures=discreet(figures, joint) | _anchors(after),
            covered_by=covered_by,
            adding_before=len(standing),
            adding=len(joint),
            covers=tuple(covered_anew),
        )

    def _in_force(self, request: Request, without: str) -> list[Request]:
        """The forgets of a request's model, except itself and one to ignore."""
        return [
            forget
            for forget in self.core.desk.views.wanted(request.model)
            if forget.id not in (request.id, without)
        ]

    def _stored(self, forgets: Iterable[Request]) -> dict[str, Contribution]:
        """The contributions of forgets that have one, by the forgets' ids."""
        return {
            forget.id: self.stored.load(forget.contribution)
            for forget in forgets
            if forget.contribution
        }

    def _disagreement(
        self, beside: Beside, calibration: Calibration | None
    ) -> Predicted:
        """How many other answers change, in all and by this request; by label, cell and domain
        where there is a pool, with the ends of their intervals where errors of predictions were
        measured on this model.
        """
        total = float(beside.figures["predicted_disagreement"])
        watch = watch_for(beside.basis, beside.everything)
        if watch is None:
            standing = float(beside.figures_before["predicted_disagreement"])
            is_hard = beside.figures.get("anchors") == "hard"
            return Predicted(
                disagreement=0.0 if beside.covered_by else max(0.0, total - standing),
                total_disagreement=total,
                measured=False,
                by_theorem=is_hard and beside.own.spec.scope.paradigm == "concepts",
            )
        costs_by_name = self.own_costs(watch, beside, calibration)
        costs_by_name = named_by_all(costs_by_name, beside)
        by_it = costs_by_name.get("all", Figure(0.0, 0))
        together = with_all(beside, Figure(total, by_it.pictures), calibration)
        of_labels = together.get("shown")
        return Predicted(
            disagreement=by_it.share,
            total_disagreement=total,
            measured=True,
            disagreement_high=by_it.high,
            total_disagreement_high=together["all"].high,
            total_shown_disagreement=None if of_labels is None else of_labels.share,
            total_shown_disagreement_high=None if of_labels is None else of_labels.high,
            costs=costs_by_name,
        )

    @staticmethod
    def own_costs(
        watch: Watch, beside: Beside, calibration: Calibration | None
    ) -> Costs:
        """What a contribution costs beside those in force, with intervals, where errors of
        predictions were measured; exactly nothing while one of them covers it.
        """
        figures = counted(watch, beside, calibration)
        if beside.covered_by:
            return {
                name: Figure(0.0, figure.pictures, low=0.0, high=0.0)
                for name, figure in figures.items()
            }
        if calibration is None:
            return figures
        whole = has_whole([beside.own])
        return {
            name: calibration.around(name, figure, whole=whole)
            for name, figure in figures.items()
        }


def _anchors(edit: AnyEdit) -> dict[str, Json]:
    """How an edit holds the anchors, and why not exactly."""
    facts = edit.facts
    return {
        "anchors": facts.get("anchors", ""),
        "soft_because": facts.get("soft_because", ""),
    }
