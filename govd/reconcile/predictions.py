"""What new forgets were predicted to do, against what a revision measures of them.

Proven by `tests/reconcile/test_predictions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govd.edit.criteria import State, changed, named
from govd.errors import GovdError
from govd.reconcile.criteria import CriteriaJudging, Trial
from govd.records.lifecycle import RequestState
from govd.records.predicted import COSTS
from govd.records.request import Request
from govd.types import Figure, Json

TAKEN_APART: Final = 8
"""At most so many new forgets of one revision have their own costs measured: for each, an edit is
composed without it.
"""
SAMPLED: Final = 2
"""Of so many it is done where more are new."""


class Predictions:
    """Compares predictions of a home's forgets with revisions. Nothing is written."""

    def __init__(self, judging: CriteriaJudging) -> None:
        self.judging = judging

    def compared(self, trial: Trial) -> list[dict[str, Json]]:
        """A row for each forget that is new in a revision: `request`, `on` (what was measured on,
        None where there are no labelled pictures, and `why`), and `figures`, each with `metric`,
        `predicted`, `low`, `high` (ends of its interval; None: not known), `measured`, `pictures`,
        `error` (measured less predicted) and `held` (whether the interval holds what was measured).
        """
        new = [
            request
            for request in trial.wanted
            if request.state is RequestState.APPROVED
        ]
        new = [request for request in new if not request.served_at]
        state, why = self._pictures(trial) if new else (None, "")
        total = None if state is None else changed(state, state.sight.before).get("all")
        alone = new if len(new) <= TAKEN_APART else new[:SAMPLED]
        rows = []
        for request in new:
            figures = request.predicted.by_metric
            measured: dict[str, Figure] = {}
            if total is not None and request is new[-1]:
                measured["cost"] = total
            else:  # it was predicted without those that were filed later
                figures.pop("cost", None)
            rows.append(
                self._row(
                    trial, request, figures, measured, state, why, request in alone
                )
            )
        return rows

    def _pictures(self, trial: Trial) -> tuple[State | None, str]:
        """What is measured on, or why nothing is."""
        digest = trial.made_for.get("evaluation")
        if digest is None:
            return (
                None,
                "there are no labelled pictures: the model has no evaluation set",
            )
        try:
            sight = self.judging.labelled(trial.opened.basis, str(digest))
        except GovdError as error:
            return (
                None,
                f"the evaluation set {str(digest)[:16]}… cannot be used: {error.what}",
            )
        return trial.seen_by(sight), ""

    def _row(
        self,
        trial: Trial,
        request: Request,
        figures: Mapping[str, Figure],
        measured: Mapping[str, Figure],
        state: State | None,
        why: str,
        alone: bool,
    ) -> dict[str, Json]:
        """`figures`: predicted; `measured`: already; `alone`: measure what it costs by itself."""
        row: dict[str, Json] = {"request": request.id, "on": None}
        if state is None:
            rows = [
                _compared(metric, figure, None) for metric, figure in figures.items()
            ]
            return row | {"why": why, "figures": rows}
        row["on"] = state.sight.on
        by_metric = dict(measured)
        counted = named(
            state, trial.contributions[request.id], self.judging.prompts(trial.opened)
        )
        if counted is not None:
            by_metric["named"] = Figure(counted.own, counted.pictures)
        elif "named" in figures:
            row["why"] = f"none of {state.sight.on} is of it"
        if alone:
            costs = self.judging.own_costs(trial, request, state)
            by_metric |= {COSTS[name]: figure for name, figure in costs.items()}
        else:
            row["why"] = (
                f"more than {TAKEN_APART} are new in this revision: what this one costs by itself"
                " was not measured"
            )
        rows = [
            _compared(metric, figure, by_metric.get(metric))
            for metric, figure in figures.items()
        ]
        return row | {"figures": rows}


def _compared(
    metric: str, predicted: Figure, measured: Figure | None
) -> dict[str, Json]:
    row: dict[str, Json] = {
        "metric": metric,
        "predicted": predicted.share,
        "low": predicted.low,
        "high": predicted.high,
        "measured": None,
        "pictures": None,
        "error": None,
        "held": None,
    }
    if measured is None:
        return row
    row |= {
        "measured": measured.share,
        "pictures": measured.pictures,
        "error": measured.share - predicted.share,
    }
    if predicted.high is not None:
        row["held"] = (predicted.low or 0.0) <= measured.share <= predicted.high
    return row
