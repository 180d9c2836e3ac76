"""Whether what is forgotten is recognised again: each forget that stands, measured on the labelled
pictures of the revision that is served.

New labels, prompts, aliases, another checkpoint or other forgets may bring back what was gone. It
is measured for each published revision, and anew where its model gets another evaluation set; a
breach is an entry about the request, and so is its end.

Proven by `tests/reconcile/test_drift.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from govd.edit.attacks.intervals import share_interval
from govd.edit.criteria import State, named
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.reconcile.criteria import CriteriaJudging, Trial
from govd.records.actors import GOVD
from govd.records.drafts import request_draft
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Json

ALLOWED: Final = 0.01
"""Share of a forget's pictures that may be named with a forgotten label."""


class Drift:
    """Looks for what is recognised again. Nothing is written."""

    def __init__(self, core: Core, judging: CriteriaJudging) -> None:
        self.core = core
        self.judging = judging

    @staticmethod
    def looked_at(revision: Revision) -> str | None:
        """Digest of the evaluation set that a revision was looked at on last; None: on none."""
        digest = revision.metrics.get("recognised_on") or revision.made_for.get(
            "evaluation"
        )
        return None if digest is None else str(digest)

    def recognised(
        self,
        revision: Revision,
        wanted: Sequence[Request],
        evaluation: str | None = None,
    ) -> list[dict[str, Json]]:
        """A row for each forget in a revision whose target is `unnamed` and that its evaluation set
        has pictures of: `request`, `named` (with any forgotten label, by the worst prompt),
        `pictures`, `low` (of the 95 % interval of what is named), `bound` (`ALLOWED`, or what it
        was predicted to leave if that is more) and whether it is `recognised`: `low` over `bound`.

        Args:
            revision: one that is published.
            wanted: the forgets that should be in force.
            evaluation: digest of a set of the same checkpoint; None: that of the revision, and no
                rows where it has none.
        """
        digest = evaluation or revision.made_for.get("evaluation")
        if digest is None:
            return []
        trial = self.judging.trial(revision, wanted)
        sight = self.judging.labelled(trial.opened.basis, str(digest))
        state = trial.seen_by(sight)
        rows = (
            self._row(trial, state, request) for request in wanted if request.stands
        )
        return [row for row in rows if row is not None]

    def _row(
        self, trial: Trial, state: State, request: Request
    ) -> dict[str, Json] | None:
        contribution = trial.contributions.get(request.id)
        if contribution is None or (request.target or "unnamed") != "unnamed":
            return None
        if request.strength < 1:
            return None
        counted = named(state, contribution, self.judging.prompts(trial.opened))
        if counted is None:
            return None
        bound = ALLOWED
        effect = request.predicted.effect
        if effect is not None and effect.named is not None:
            predicted = effect.named
            bound = max(
                bound, predicted.share if predicted.high is None else predicted.high
            )
        low, _ = share_interval(round(counted.any * counted.pictures), counted.pictures)
        return {
            "request": request.id,
            "named": counted.any,
            "pictures": counted.pictures,
            "low": low,
            "bound": bound,
            "recognised": low > bound,
        }

    def drafts(
        self, revision: Revision, rows: Sequence[dict[str, Json]]
    ) -> list[Draft]:
        """Entries about requests that are recognised again, or are no more."""
        drafts = []
        for row in rows:
            request = self.core.desk.request(str(row["request"]))
            if bool(row["recognised"]) == (request.breach is not None):
                continue
            event = "breach" if row["recognised"] else "mend"
            payload = {
                **row,
                "revision": revision.number,
                "reason": _reason(row, revision),
            }
            drafts.append(request_draft(request, event, GOVD, payload))
        return drafts


def _reason(row: dict[str, Json], revision: Revision) -> str:
    count = round(row["named"] * row["pictures"])
    return (
        f"{count} of its {row['pictures']} pictures are named with a forgotten label in revision"
        f" {revision.number}, where {100 * row['bound']:.1f} % may be"
    )
