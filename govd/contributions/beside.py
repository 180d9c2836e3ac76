"""A contribution beside what is in force: what a prediction compares."""

from __future__ import annotations

from dataclasses import dataclass, replace

from govd.edit import AnyEdit, Basis, Edit
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
    def linear(self) -> Beside | None:
        """The same by linear edits, which weights get; None where the edits are linear."""
        before, after = self.before, self.after
        if not isinstance(before, Edit) or not isinstance(after, Edit):
            return None
        if not (before.conditions or after.conditions):
            return None
        return replace(self, before=before.linear, after=after.linear)

    @property
    def everything(self) -> list[Contribution]:
        """All contributions that are then in force."""
        return [
            self.own,
            *(other for other in self.others if other.digest != self.own.digest),
        ]
