"""A contribution beside what is in force: what a prediction compares."""

from __future__ import annotations

from dataclasses import dataclass

from govd.edit import AnyEdit, Basis
from govd.types import Contribution, Json


@dataclass(frozen=True)
class Beside:
    """A contribution beside those in force: the edits without and with it and the figures of both,
    what each is of, and what covers it (then it adds nothing). `adding_before`, `adding`: how many
    forgets each edit is made of; `covers`: ids of those that add nothing beside it alone.
    """

    basis: Basis
    own: Contribution
    others: tuple[Contribution, ...]
    before: AnyEdit
    after: AnyEdit
    figures_before: dict[str, Json]
    figures: dict[str, Json]
    covered_by: str | None
    adding_before: int = 0
    adding: int = 0
    covers: tuple[str, ...] = ()

    @property
    def everything(self) -> list[Contribution]:
        """All contributions that are then in force."""
        return [
            self.own,
            *(other for other in self.others if other.digest != self.own.digest),
        ]
