"""The nouns of `govd revision`: what was published, and what one revision has that another has
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govd.models.core import Core
from govd.reconcile.model_card import CARD
from govd.records.limits import bounded
from govd.records.revision import Revision
from govd.types import Json, Record
from govd.verify.carried import CONDITIONAL, LINEAR

COMPARED: Final = ("forget_acc", "retain_acc", "retain_agreement", "accuracy")
"""Metrics that two revisions are compared by."""
BEFORE: Final = "_before"
"""How figures of the unedited model end, which are the same for each of its revisions."""


class Revisions:
    """The revisions of a home's models."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @bounded
    def all(self, model: str) -> list[Record]:
        """A model's revisions, oldest first. Of one whose edit is conditional `figures_of` says
        that its figures are, and `carries` that its checkpoint has the linear edit.

        Raises:
            NotFound: there is no such model.
        """
        self.core.desk.known_model(model)
        return [_told(revision) for revision in self.core.desk.views.revisions(model)]

    @bounded
    def show(self, model: str, number: int) -> Record:
        """One revision, as `all` has it.

        Raises:
            NotFound: there is none of this number.
        """
        return _told(self.core.desk.revision(model, number))

    @bounded
    def diff(self, model: str, first: int, second: int) -> Record:
        """What the second revision has that the first has not, and the other way round.

        Args:
            model: its name.

        Raises:
            NotFound: there is none of one of these numbers.
        """
        before = self.show(model, first)
        after = self.show(model, second)
        earlier = _compared(before["metrics"])
        later = _compared(after["metrics"])
        metrics = {
            name: {"from": earlier.get(name), "to": later.get(name)}
            for name in dict.fromkeys([*earlier, *later])
        }
        return {
            "model": model,
            "from": first,
            "to": second,
            "added": sorted(set(after["requests"]) - set(before["requests"])),
            "removed": sorted(set(before["requests"]) - set(after["requests"])),
            "same_edit": before["edit_digest"] == after["edit_digest"],
            "rank": {"from": before["rank"], "to": after["rank"]},
            "metrics": metrics,
        }


def _told(revision: Revision) -> Revision:
    """A revision with what its figures are of, and what its checkpoint carries, where that is not
    the same.
    """
    if "conditional" not in revision.facts:
        return revision
    files: Mapping[str, str] = revision.get("files") or {}
    carries = {"carries": LINEAR} if CARD in files else {}
    return revision.with_(figures_of=CONDITIONAL, **carries)


def _compared(metrics: Record) -> dict[str, Json]:
    """The figures of a revision that it is compared by; of a model without a space, those that its
    own evaluation measured.
    """
    figures = {name: metrics[name] for name in COMPARED if name in metrics}
    external = metrics.get("external") or {}
    return figures | {
        name: value
        for name, value in external.items()
        if isinstance(value, int | float) and not name.endswith(BEFORE)
    }
