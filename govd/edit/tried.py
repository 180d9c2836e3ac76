"""What random cells lost elsewhere, on pictures that nothing was fitted on: a Beta distribution.

Kept with a model's errors of predictions: what a new cell is expected to lose starts from it
(`elsewhere`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from govd.types import Json


@dataclass(frozen=True)
class Tried:
    """The mean `share` that a label lost in other domains, and as how many pictures of a label's
    own that counts (`weight`). `beyond`: by how much the log odds of having lost it were higher on
    those pictures than on the ones that fits may have seen.
    """

    share: float
    weight: float
    beyond: float = 0.0

    @staticmethod
    def of(row: Sequence[float]) -> Tried:
        """Read a row as it is kept."""
        share, weight, beyond = row
        return Tried(float(share), float(weight), float(beyond))

    def as_row(self) -> list[Json]:
        """As it is kept."""
        return [round(x, 6) for x in (self.share, self.weight, self.beyond)]
