"""What plugins and policies say to a request at one moment, and the entries that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from govd.ledger.entry import Draft
from govd.ledger.times import moment
from govd.policies.deciding import Outcome
from govd.policies.document import Effect
from govd.policies.judging import Judged
from govd.records.actors import GOVD
from govd.records.drafts import request_draft
from govd.records.request import Request
from govd.types import Json, Vote


@dataclass(frozen=True)
class Ballot:
    """What policies say to a request at one `moment` (`filed`, `revert`, `approve`, …)."""

    moment: str
    votes: tuple[Vote, ...] = ()
    judged: Judged | None = None

    @property
    def everything(self) -> tuple[Vote, ...]:
        """What plugins and policies of the ledger say, in the order in which it is told."""
        return (*self.votes, *(vote for _, vote in self._by_policies))

    @property
    def _by_policies(self) -> list[tuple[Outcome, Vote]]:
        return [] if self.judged is None else self.judged.votes()

    @property
    def approver(self) -> str | None:
        """The policy that approves by itself, as it acts; None where none does."""
        allowing = (o for o, vote in self._by_policies if vote.decision == "allow")
        return next((o.actor for o in allowing), None)

    def drafts(self, request: Request, versions: Mapping[str, str]) -> list[Draft]:
        """Every vote as an entry about `request`; `versions`: of the plugins, by their names."""
        drafts = [] if self.judged is None else [self.judged.draft()]
        voted = [(GOVD, {"version": versions.get(v.policy, "")}, v) for v in self.votes]
        voted += [
            (o.actor, {"version": o.version, "digest": o.digest}, v) for o, v in self._by_policies
        ]
        for actor, policy, vote in voted:
            payload: dict[str, Json] = {
                "moment": self.moment,
                "policy": vote.policy,
                **policy,
                "decision": vote.decision,
                "reason": vote.reason,
                "inputs": dict(vote.inputs),
            }
            if vote.needs is not None:
                payload["needs"] = vote.needs.as_json()
            drafts.append(request_draft(request, "vote", actor, payload))
        return [*drafts, *self._set_dates(request)]

    def _set_dates(self, request: Request) -> list[Draft]:
        """Dates that policies set, each the earlier one where there are two."""
        drafts = []
        for outcome in self.judged.outcomes if self.judged else ():
            if outcome.counts and outcome.effect is not None and outcome.effect.kind == "set":
                dates = dates_set(outcome.effect, request)
                payload = {**dates, "policy": outcome.name, "digest": outcome.digest}
                payload["reason"] = outcome.reason
                drafts.append(request_draft(request, "set", outcome.actor, payload))
        return drafts


def dates_set(effect: Effect, request: Request) -> dict[str, Json]:
    """The dates that a policy sets, counted from the filing; what was said and is earlier stays."""
    filed = datetime.fromisoformat(request.filed_at)
    dates: dict[str, Json] = {}
    for field, seconds in (("due_at", effect.due_seconds), ("expires_at", effect.expires_seconds)):
        if seconds is not None:
            until = moment((filed + timedelta(seconds=seconds)).isoformat(), field)
            dates[field] = min(until, str(request.get(field) or until))
    return dates
