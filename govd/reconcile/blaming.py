"""Which request is to blame where a revision does not keep a criterion.

Proven by `tests/reconcile/test_criteria.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from govd.models.core import Core
from govd.reconcile.criteria import CriteriaJudging, Trial, all_breaches
from govd.records.criteria import Breach
from govd.records.lifecycle import STANDING, RequestState
from govd.records.request import Request
from govd.records.revision import Revision


class Blaming:
    """Finds the first request with which a criterion breaks. Nothing is written."""

    def __init__(self, core: Core, judging: CriteriaJudging) -> None:
        self.core = core
        self.judging = judging

    def to_blame(
        self, revision: Revision, wanted: Sequence[Request], broken: Sequence[Breach]
    ) -> tuple[Request, Breach] | None:
        """The first request that breaks a criterion when the new ones of a revision are added one
        by one in the order of their filing, and that criterion; None where none of them is to
        blame.
        """
        new = self._newcomers(revision.model, wanted)
        if not new or not broken:
            return None
        trial = self.judging.trial(revision, wanted)
        standing = {breach_key(breach) for breach in self._broken_with(trial, new, 0)}
        fresh = [breach for breach in broken if breach_key(breach) not in standing]
        if not fresh:
            return None
        least = 1
        first = len(new)
        by_count = {first: fresh}
        while least < first:
            middle = (least + first) // 2
            breaches = self._broken_with(trial, new, middle)
            by_count[middle] = [
                breach for breach in breaches if breach_key(breach) not in standing
            ]
            least, first = (least, middle) if by_count[middle] else (middle + 1, first)
        return new[first - 1], by_count[first][0]

    def _newcomers(self, model: str, wanted: Sequence[Request]) -> list[Request]:
        """Forgets and reverts that are approved and not served yet, in the order of filing."""
        forgets = [
            request for request in wanted if request.state is RequestState.APPROVED
        ]
        reverts = [
            request
            for request in list(self.core.desk.views.open.values())
            if request.model == model
            and not request.is_forget
            and request.state is RequestState.APPROVED
        ]
        return sorted([*forgets, *reverts], key=lambda request: request.seq)

    def _broken_with(
        self, trial: Trial, new: Sequence[Request], count: int
    ) -> list[Breach]:
        """The criteria that break with only the first `count` of the new requests."""
        added = {request.id for request in new[:count]}
        views = self.core.desk.views
        later = _reverted_by(new) - _reverted_by(new[:count])
        forgets = [views.request(forget_id) for forget_id in later]
        staying = [forget for forget in forgets if forget and forget.stands]
        standing = [r for r in trial.wanted if r.state in STANDING or r.id in added]
        in_force = sorted([*standing, *staying], key=lambda request: request.seq)
        figures = self.judging.figures(
            self.judging.trial_of(trial.opened, None, in_force, trial.made_for)
        )
        return all_breaches(in_force, figures)


def _reverted_by(requests: Sequence[Request]) -> set[str]:
    """The forgets that some of these requests revert."""
    return {str(request.reverts) for request in requests if not request.is_forget}


def breach_key(breach: Breach) -> tuple[str, str]:
    """What makes two breaches the same."""
    return breach.request, breach.criterion.metric
