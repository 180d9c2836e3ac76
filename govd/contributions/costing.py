"""What a forget costs beside those in force, and what it does in a checkpoint, whose weights ask no
picture: of a conditional edit they get the linear one.

Proven by `tests/requests/test_preview.py`, `tests/serve/test_conditional.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from govd.contributions.beside import Beside
from govd.contributions.composing import discreet
from govd.edit.calibration import ELSEWHERE, Calibration
from govd.edit.costs import Costs, costs
from govd.edit.elsewhere import expected_elsewhere
from govd.edit.extent import in_scope
from govd.edit.own_labels import cells_in
from govd.edit.prediction import Watch
from govd.edit.tensors import factors_of
from govd.edit.worst import expected_worst
from govd.models.core import Core
from govd.records.predicted import BOUNDS
from govd.types import Contribution, Figure, Json, ModelFacts

NO_WEIGHTS = ("map", "edit")
"""Where a model's facts say so of what carries an edit, its weights do not."""


def named_by_all(costs_by_name: Costs, beside: Beside) -> Costs:
    """Costs as they may be told: what loses most tells what is near to it, so beside a private
    forget without their labels and domains.
    """
    if "costs" in discreet({"costs": costs_by_name}, beside.everything):
        return costs_by_name
    return {name: nameless(cost) for name, cost in costs_by_name.items()}


def costs_of_checkpoint(watch: Watch | None, linear: Beside) -> dict[str, Json]:
    """What a forget costs by itself in a checkpoint, without intervals: errors of predictions were
    measured of edits that ask. Nothing without pictures.

    Args:
        watch: the pictures that are counted; None: there is no pool.
        linear: the forget beside what is in force, by linear edits.
    """
    if watch is None:
        return {}
    figures = {} if linear.covered_by else counted(watch, linear, None)
    public = named_by_all(figures, linear)
    return {"costs": {name: figure.as_json() for name, figure in public.items()}}


def publishes_weights(folder: str | None, facts: ModelFacts, side: str) -> bool:
    """Whether weights of a model are published, which ask no picture anything: of a conditional
    edit they get the linear one.

    Args:
        folder: that its revisions are published to; None: none are.
        facts: what its backend says of it; some models have no weight that carries an edit.
        side: which tower carries the edit.
    """
    return bool(folder) and facts.card.get(f"{side}:carries") not in NO_WEIGHTS


def nameless(figure: Figure) -> Figure:
    """A cost without its label and its domain."""
    return replace(figure, label="", domain="")


def counted(watch: Watch, beside: Beside, calibration: Calibration | None) -> Costs:
    """What a contribution costs beside those in force, on pictures that none of them is about.

    `calibration`: knows what random cells lost elsewhere.
    """
    scope = in_scope(beside.basis, beside.everything)
    mask = np.zeros(len(watch.at), bool) if scope is None else scope[watch.at]
    cells = cells_in(beside.basis, [beside.own])
    before, after = factors_of(beside.before), factors_of(beside.after)
    counted = costs(watch, watch.answers(before), watch.answers(after), mask, cells)
    if not counted:
        return {}
    of_cells = calibration.tried.get(ELSEWHERE) if calibration else None
    return (
        counted
        | expected_worst(beside.basis, before, after, scope)
        | expected_elsewhere(beside.basis, before, after, scope, cells, of_cells)
    )


def bounds_of(core: Core) -> dict[str, float | None]:
    """The home's own bounds on what is predicted; None where it has none of its own."""
    return {bound: getattr(core.home.settings, bound) for bound in BOUNDS}


def with_all(beside: Beside, of_all: Figure, calibration: Calibration | None) -> Costs:
    """The share of other answers that differ from the unedited model's with all in force, with
    intervals where errors of predictions were measured: of all pictures, and of those that show a
    label, where that is known.
    """
    figures = {"all": of_all}
    share = beside.figures.get("shown_disagreement")
    if share is not None:
        figures["shown"] = Figure(float(share), int(beside.figures["shown"]))
    if calibration is None:
        return figures
    whole = has_whole(beside.everything)
    return {
        name: calibration.around(name, figure, whole=whole)
        for name, figure in figures.items()
    }


def has_whole(contributions: Iterable[Contribution]) -> bool:
    """Whether everything in some domains is to go."""
    return any(
        contribution.spec.scope.paradigm == "domains" for contribution in contributions
    )
