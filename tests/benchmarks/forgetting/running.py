"""A row on a case: the edit, its figures, and what a preview would have predicted."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from govd.edit import Basis, compose
from govd.edit.calibration import Calibration
from govd.edit.prediction import watch_for
from govd.edit.trials import calibrated, figures
from govd.errors import GovdError
from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Figures, Map, measure
from tests.benchmarks.forgetting.foreign import LIBRARIES, Foreign
from tests.benchmarks.forgetting.pairs import WITHOUT, retrained
from tests.benchmarks.forgetting.results import Result, Store, source
from tests.benchmarks.forgetting.rows import (
    DEFAULT,
    DELETED,
    LOCAL,
    METHODS,
    OWN,
    ROWS,
    contributions,
)
from tests.benchmarks.forgetting.sets import Split
from tests.benchmarks.predicted import made

RETRAINED_ROW = "retrained without"
ALONE = (
    "named_right",
    "named",
    "mistakes",
    "worst_prompt",
    "text_auc",
    "example_auc_1",
    "example_auc_8",
)
"""Columns of a model that was trained anew: the others compare answers with those of the model
before.
"""
CONDITIONAL = "fitted, conditional"


def rows_of(kind: str) -> list[str]:
    """Names of the rows."""
    return [*ROWS, *LIBRARIES, RETRAINED_ROW] if kind == "labels" else list(LOCAL)


def calibrated_on(split: Split) -> bool:
    """Whether errors of predictions are measured on a split: they take a minute for each basis, so
    only once for each set.
    """
    return split.seed == 0 or split.pool_label is None


@dataclass(frozen=True)
class Runner:
    """Runs rows, and keeps what it computed. `calibration_seconds`: time by the clock for the
    errors of predictions of one basis. `foreign`: other people's libraries, where they are wanted.
    """

    store: Store
    calibration_seconds: float
    foreign: Foreign | None = None

    def run(self, row: str, case: Case, predict: bool = True) -> Result | None:
        """None where a row does not apply. `predict`: the product's own prediction beside it, where
        there is one.
        """
        if row == RETRAINED_ROW and (
            self.retrained is None or not self.comparable(case)
        ):
            return None
        if row in LIBRARIES and self.foreign is None and not self.store.frozen:
            return None
        result = self.store.result(
            case, row, source() if row in OWN else "", lambda: self._figures(row, case)
        )
        if (
            result is None
            or row not in (DEFAULT, CONDITIONAL)
            or not predict
            or not calibrated_on(case.split)
        ):
            return result
        key: list[str | int] = [
            "predicted",
            case.split.name,
            case.kind,
            row,
            case.count,
            case.split.seed,
            case.draw,
            source(),
        ]
        predicted = self.store.get(key, lambda: self._predicted(row, case))
        return replace(result, figures=replace(result.figures, **predicted))

    @cached_property
    def retrained(self) -> Split | None:
        """`mini` without three of its concepts."""
        return retrained()

    @staticmethod
    def comparable(case: Case) -> bool:
        """Whether the retrained model saw nothing of what is forgotten."""
        names = {case.split.labels.names[at] for at in case.forgotten}
        return (
            case.split.name.startswith("mini")
            and case.kind == "labels"
            and names <= set(WITHOUT)
        )

    def _figures(self, row: str, case: Case) -> Figures:
        if row == RETRAINED_ROW:
            assert self.retrained is not None
            place = {name: i for i, name in enumerate(self.retrained.labels.names)}
            forgotten = np.array(
                [place[case.split.labels.names[at]] for at in case.forgotten]
            )
            figures = measure(Case(self.retrained, "labels", forgotten), lambda x: x)
            return Figures(**{name: figures[name] for name in ALONE})
        began = time.perf_counter()
        try:
            edited = self._edited(row, case)
        except GovdError:  # there is no such edit
            return Figures()
        seconds = time.perf_counter() - began
        if edited is None:
            return Figures()
        return Figures(**measure(case, edited, without=row == DELETED), seconds=seconds)

    def _edited(self, row: str, case: Case) -> Map | None:
        if row in LIBRARIES:
            assert self.foreign is not None
            return self.foreign.move(row, case)
        return (ROWS if case.kind == "labels" else LOCAL)[row](case)

    def _predicted(self, row: str, case: Case) -> dict[str, float]:
        """The cost of these forgets before they are filed, of pictures as far as they show a label,
        where that is known (bounds look at that), and its interval's upper end.
        """
        conditional = row == CONDITIONAL
        basis = case.split.conditional_basis if conditional else case.split.basis
        method = METHODS["fitted"]
        parts = contributions(case, row, method, "unnamed", 1.0, basis)
        watch, calibration = (
            watch_for(basis, parts),
            self._calibration(case.split, basis),
        )
        if watch is None:
            return {}
        edits = (
            compose(basis, chosen, {method.name: method}) for chosen in ([], parts)
        )
        found = figures(basis, watch, parts, [], *edits)
        name = "shown" if "shown" in found else "all"
        figure = found.get(name)
        if figure is None:
            return {}
        around = (
            calibration.around(name, figure, whole=case.kind == "domains")
            if calibration
            else figure
        )
        return {"predicted": figure.share} | (
            {} if around.high is None else {"predicted_high": around.high}
        )

    def _calibration(self, split: Split, basis: Basis) -> Calibration | None:
        kept, key = split.kept, f"calibration {basis.conditional}"
        if key not in kept:

            def compute() -> dict[str, str]:
                calibration = calibrated(basis, made, METHODS, self.calibration_seconds)
                return {"bytes": calibration.to_bytes().decode() if calibration else ""}

            known = self.store.get([split.name, key, source()], compute)["bytes"]
            kept[key] = Calibration.from_bytes(known.encode()) if known else None
        calibration: Calibration | None = kept[key]
        return calibration
