"""What a revert is predicted to bring back: the figures that its preview shows, and that its entry
keeps for whoever approves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from govd.records.predicted import Effect
from govd.types import Figure, Json

COUNTS: Final = ("forgets", "forgets_after")


@dataclass(frozen=True)
class Returning:
    """What comes back, and what improves.

    `effect`: pictures of what was forgotten that are named so, now and after the revert, by the
    worst prompt; `labelled`: the same on labelled pictures; None where there is nothing to count
    on. `takes_over`: forgets that it covers and that are in force by themselves then, each with
    `id` (None: a private one), `concepts` and `domains`. `covered_by`: what covers it, so that
    nothing comes back. `before`, `after`: what all in force costs other answers, by name, now and
    then; empty without a pool. `disagreement`, `disagreement_after`: the share of other answers
    that differs from the unedited model's. `forgets`, `forgets_after`: how many are in force.
    """

    effect: Effect | None
    labelled: Effect | None
    takes_over: tuple[Mapping[str, Json], ...]
    covered_by: str | None
    before: Mapping[str, Figure]
    after: Mapping[str, Figure]
    disagreement: float
    disagreement_after: float
    forgets: int
    forgets_after: int

    def as_json(self) -> dict[str, Json]:
        """As an entry says it."""
        names = [name for name in self.before if name in self.after]
        return {
            "effect": None if self.effect is None else self.effect.as_json(),
            "labelled": None if self.labelled is None else self.labelled.as_json(),
            "takes_over": [dict(row) for row in self.takes_over],
            "covered_by": self.covered_by,
            "costs": {
                name: {
                    "before": self.before[name].as_json(),
                    "after": self.after[name].as_json(),
                }
                for name in names
            },
            "disagreement": self.disagreement,
            "disagreement_after": self.disagreement_after,
            **{name: getattr(self, name) for name in COUNTS},
        }
