"""Measuring how far predictions are off on a registered model, and keeping that beside its
basis.

Proven by `tests/requests/test_preview.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govd.contributions.computing import Computing
from govd.contributions.defaults import method_for, target_for
from govd.edit import Basis
from govd.edit.cache import Cache
from govd.edit.calibration import Calibration
from govd.edit.capacity import curve
from govd.edit.trials import calibrated
from govd.errors import BadFile, NotFound
from govd.models.core import Core, Opened
from govd.types import Contribution, ForgetSpec, Json, Scope

KEPT: Final = 16
"""Models whose errors are kept in memory."""
MEASURED: Final[Cache[tuple[str, str, str, str], bytes]] = Cache(KEPT)
"""What was measured in this process, by basis, method, its plugin and target: it depends on nothing
else.
"""


class Calibrating:
    """Errors of predictions of a home's models."""

    def __init__(self, core: Core, computing: Computing) -> None:
        self.core = core
        self.computing = computing
        self._kept: Cache[str, Calibration] = Cache(KEPT)

    def measured(self, opened: Opened, record: Mapping[str, Json]) -> str | None:
        """Measure them for a model as its entry describes it, with the method and target that
        requests have by default; the artifact.

        None where there is no pool, or too small a one.
        """
        if not opened.basis.has_pool:
            return None
        core = self.core
        method = method_for(record)
        target: Any = target_for(core, record, method)

        key = (
            opened.basis.digest,
            method,
            core.plugins.brought_by.get(method, ""),
            str(target),
        )
        measured = MEASURED.get(key)
        if measured is not None:
            return core.artifacts.put(measured)

        def make(basis: Basis, scope: Scope) -> Contribution:
            spec = ForgetSpec(scope, method, target, 1.0)
            return self.computing.compute(
                spec, Opened(opened.model, opened.encoder, basis), keep=False
            )

        calibration = calibrated(
            opened.basis, make, core.plugins.methods, progress=core.progress
        )
        if calibration is None:
            return None
        document = calibration.to_bytes()
        if calibration.is_enough:  # else with more time
            MEASURED.put(key, document)
        return core.artifacts.put(document)

    def kept_or_measured(
        self, opened: Opened, record: Mapping[str, Json], before: Mapping[str, Json]
    ) -> str | None:
        """The errors of the model as it was `before`, where they are of the same basis, at hand,
        enough for intervals and as this version measures them; else they are measured. None where
        there is no pool, or too small a one.
        """
        try:
            calibration = self.of(before)
        except (NotFound, BadFile):
            calibration = None
        same = before["basis"] == record["basis"]
        if (
            same
            and calibration is not None
            and calibration.is_current
            and calibration.is_enough
        ):
            return str(before["calibration"])
        return self.measured(opened, record)

    def of(self, record: Mapping[str, Json]) -> Calibration | None:
        """A model's, None where they were not measured: models that were registered by older
        versions have none.
        """
        digest = record.get("calibration")
        if not digest:
            return None
        return self._kept.get(digest) or self._kept.put(
            digest, Calibration.from_bytes(self.core.artifacts.get(digest), digest)
        )

    def capacity(
        self, record: Mapping[str, Json], forgets: int, changed: float | None
    ) -> dict[str, Json] | None:
        """A model's capacity curve, of all other answers or of those to pictures that show a label
        (`shown`), and where on it `forgets` in force are that change this share of them. None where
        it was not measured, or what was measured cannot be read: `govd audit verify` tells that.

        Args:
            record: of the model.
            changed: the share; None: it is not known.
        """
        try:
            calibration = self.of(record)
        except (NotFound, BadFile):
            return None
        points = [] if calibration is None else curve(calibration.loads)
        if calibration is None or not points:
            return None
        return {
            "of": calibration.facts.get("loads_of", "all"),
            "points": points,
            "here": {"forgets": forgets, "changed": changed},
        }
