"""What random forgets left, or random cells lost elsewhere, on pictures that nothing was fitted on:
a Beta distribution.

Kept with a model's errors of predictions: what is expected of a new forget starts from it (`left`,
`elsewhere`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from govd.types import Json


@dataclass(frozen=True)
class Tried:
    """The mean `share`, and as how many pictures of a label's own that counts (`weight`). `beyond`:
    by how much its log odds were higher on those pictures than on the ones that fits may have seen,
    where both were counted.
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
