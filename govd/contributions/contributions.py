"""The parts of this room, put together once for a home."""

from __future__ import annotations

from govd.contributions.calibrating import Calibrating
from govd.contributions.composing import Composing
from govd.contributions.computing import Computing
from govd.contributions.predicting import Predicting
from govd.contributions.predicting_reverts import PredictingReverts
from govd.contributions.stored import Stored
from govd.models.core import Core


class Contributions:
    """What a home's forgets add to its models.

    `computing`: one forget's contribution. `stored`: those that were computed. `composing`: the
    edit of several. `predicting`, `predicting_reverts`: what filing a forget or a revert would do.
    `calibrating`: how far such predictions are off.
    """

    def __init__(self, core: Core) -> None:
        self.computing = Computing(core)
        self.stored = Stored(core)
        self.composing = Composing(core)
        self.calibrating = Calibrating(core, self.computing)
        self.predicting = Predicting(
            core, self.stored, self.composing, self.calibrating
        )
        self.predicting_reverts = PredictingReverts(
            core, self.stored, self.composing, self.predicting
        )
