"""What a forget is predicted to do beside what is in force: the figures that votes and bounds see,
and that its entry keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from govd.edit import Basis, Edit
from govd.edit.calibration import Calibration, cell_of
from govd.edit.extent import in_scope
from govd.edit.prediction import Costs, Figure, Watch, costs, watch_for
from govd.models.core import Core, Opened
from govd.records.request import Request
from govd.requests.calibrating import Calibrating
from govd.requests.composing import Composing, discreet
from govd.requests.computing import phrase_embedding
from govd.requests.contributions import Contributions
from govd.requests.extent import Extents
from govd.requests.naming import Names
from govd.requests.privacy import Privacy
from govd.types import Contribution, Json

BOUNDS: Final = (
    "max_predicted_disagreement",
    "max_total_disagreement",
    "max_scope_share",
    "max_lost_elsewhere",
)
NAMING: Final = ("label", "domain")


@dataclass(frozen=True)
class Beside:
    """A contribution beside those in force: the edits without and with it and the figures of both,
    what each is of, and what covers it (then it adds nothing).
    """

    basis: Basis
    own: Contribution
    others: tuple[Contribution, ...]
    before: Edit
    after: Edit
    figures_before: dict[str, Json]
    figures: dict[str, Json]
    covered_by: str | None

    @property
    def everything(self) -> list[Contribution]:
        """All contributions that are then in force."""
        return [self.own, *(other for other in self.others if other.digest != self.own.digest)]


class Predicting:
    """Predictions for a home's requests. Nothing is written; what is the same for several requests
    is computed once.
    """

    def __init__(
        self,
        core: Core,
        privacy: Privacy,
        contributions: Contributions,
        composing: Composing,
        calibrating: Calibrating,
    ) -> None:
        self.core, self.calibrating = core, calibrating
        self.contributions, self.composing = contributions, composing
        self.extents, self._names = Extents(core), Names(core, privacy)

    def predicted(
        self, request: Request, contribution: Contribution, without: str = ""
    ) -> dict[str, Json]:
        """What the model would be with this contribution beside those in force, without a labelled
        picture.

        `total_disagreement` is the share of other answers that differ from the base, `disagreement`
        the share that differs by this request; `costs` has the latter by label, cell and domain.
        `scope_share` is the share of pictures that it is about, `total_scope_share` that of all in
        force with it; `subsumed_by` names what covers it, if something does: then it adds nothing.
        `without`: a request that is taken for not there.
        """
        core, model = self.core, request.model
        opened = core.models.opened(model)
        beside = self.beside(request, contribution, opened, without)
        predicted = dict(beside.figures)
        predicted |= self._disagreement(beside, self.calibrating.of(core.desk.model(model)))
        predicted["scope_share"] = self.extents.share(model, opened.basis, [contribution])
        others = [c for c in beside.others if c.digest != contribution.digest]
        predicted["total_scope_share"] = self.extents.share(model, opened.basis, beside.everything)
        predicted["scope_share_added"] = predicted["total_scope_share"] - self.extents.share(
            model, opened.basis, others
        )
        for bound in BOUNDS:
            predicted[bound] = getattr(core.home.settings, bound)
        predicted["targets"] = contribution.facts.get("terms", [])
        predicted |= self._names.doubted(
            request, opened.basis, lambda phrase: phrase_embedding(opened, phrase)
        )
        covered = beside.covered_by
        outer = core.desk.views.request(covered) if covered else None
        private = outer is not None and (request.private or outer.private)
        predicted["subsumed_by"] = (
            "another forget" if private else covered
        )  # its id would say what the private one is about
        return predicted

    def beside(
        self, request: Request, contribution: Contribution, opened: Opened, without: str = ""
    ) -> Beside:
        """A contribution beside what is in force, composed.

        Raises:
            OverCapacity, Unsupported: there is no such edit.
        """
        self.contributions.compare(contribution)
        own = request.with_(contribution=contribution.digest)
        away = {request.id, without}
        wanted = self.core.desk.views.wanted(request.model)
        others = [other for other in wanted if other.id not in away]
        # once each: it goes through everything in force
        above = self.contributions.covered([*others, own])
        above_before = self.contributions.covered(others)
        stored = {
            other.id: self.contributions.load(other.contribution)
            for other in others
            if other.contribution
        }
        standing = [c for name, c in stored.items() if name not in above_before]
        before, figures_before = self.composing.figures(opened.basis, standing)
        covered = above.get(request.id)
        joint = [
            c for name, c in stored.items() if name not in above and c.digest != contribution.digest
        ]
        if not covered:
            joint = [contribution, *joint]
        after, figures = self.composing.figures(opened.basis, joint)
        anchors = {
            "anchors": after.facts.get("anchors", ""),
            "soft_because": after.facts.get("soft_because", ""),
        }
        figures = discreet(figures, joint) | anchors
        return Beside(
            opened.basis,
            contribution,
            tuple(stored.values()),
            before,
            after,
            figures_before,
            figures,
            covered,
        )

    def _disagreement(self, beside: Beside, calibration: Calibration | None) -> dict[str, Json]:
        """How many other answers change, in all and by this request; by label, cell and domain
        where there is a pool, with the ends of their intervals where errors of predictions were
        measured on this model.
        """
        total = float(beside.figures["predicted_disagreement"])
        watch = watch_for(beside.basis, beside.everything)
        if watch is None:
            standing = float(beside.figures_before["predicted_disagreement"])
            added = 0.0 if beside.covered_by else max(0.0, total - standing)
            exact = (
                beside.own.spec.scope.paradigm == "concepts"
                and beside.figures.get("anchors") == "hard"
            )
            return {
                "disagreement": added,
                "total_disagreement": total,
                "measured": False,
                "by_theorem": exact,
            }
        own = self.around(own_costs(watch, beside), calibration)
        shown: dict[str, Json] = {name: figure.as_json() for name, figure in own.items()}
        if "costs" not in discreet(
            {"costs": shown}, beside.everything
        ):  # what loses most tells what is near
            shown = {
                name: {k: v for k, v in figure.items() if k not in NAMING}
                for name, figure in shown.items()
            }
        by_it = own.get("all", Figure(0.0, 0))
        figures: dict[str, Json] = {
            "disagreement": by_it.share,
            "total_disagreement": total,
            "measured": True,
            "costs": shown,
        }
        if by_it.high is not None and calibration is not None:
            by_all = calibration.around("all", Figure(total, by_it.pictures))
            figures |= {
                "disagreement_high": 0.0 if beside.covered_by else by_it.high,
                "total_disagreement_high": by_all.high,
            }
        return figures

    @staticmethod
    def around(own: Costs, calibration: Calibration | None) -> Costs:
        """Figures with their intervals, where errors of predictions were measured."""
        return (
            own
            if calibration is None
            else {name: calibration.around(name, figure) for name, figure in own.items()}
        )


def own_costs(watch: Watch, beside: Beside) -> Costs:
    """What a contribution costs beside those in force, on pictures that none of them is about."""
    inside = in_scope(beside.basis, beside.everything)
    mask = np.zeros(len(watch.at), bool) if inside is None else inside[watch.at]
    cell = cell_of(beside.basis, beside.own)
    return costs(
        watch,
        watch.answers(beside.before),
        watch.answers(beside.after),
        mask,
        [cell] if cell else [],
    )
