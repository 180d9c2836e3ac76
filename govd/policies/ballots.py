"""What plugins and policies say to a request at one moment, and the entries that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from govd.ledger.entry import Draft
from govd.ledger.times import moment
from govd.policies.effects import Effect
from govd.policies.judging import Judged
from govd.policies.outcomes import Outcome
from govd.records.actors import GOVD
from govd.records.drafts import request_draft
from govd.records.request import Request
from govd.types import Json, Vote


@dataclass(frozen=True)
class Ballot:
    """What plugins (`votes`) and policies (`judged`) say to a request at one `moment` (`filed`,
    `revert`, `approve`, …). `late`: of an approval, what policies say to the filing that were
    enforced after it. `versions`: of the plugins, by their names.
    """

    moment: str
    votes: tuple[Vote, ...] = ()
    judged: Judged | None = None
    late: Judged | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def everything(self) -> tuple[Vote, ...]:
        """What plugins and policies of the ledger say, in the order in which it is told."""
        return (*self.votes, *(vote for _, vote in self._by_policies), *self._late)

    @property
    def _late(self) -> list[Vote]:
        """Of policies that are asked late; one that waits for any person has him now."""
        votes = [] if self.late is None else [vote for _, vote in self.late.votes()]
        return [
            vote for vote in votes if vote.decision == "deny" or vote.needs is not None
        ]

    @property
    def _by_policies(self) -> list[tuple[Outcome, Vote]]:
        return [] if self.judged is None else self.judged.votes()

    @property
    def approver(self) -> str | None:
        """The policy that approves by itself, as it acts; None where none does."""
        allowing = (o for o, vote in self._by_policies if vote.decision == "allow")
        return next((o.actor for o in allowing), None)

    def drafts(self, request: Request) -> list[Draft]:
        """Every vote as an entry about `request`."""
        judgements = [
            judged for judged in (self.judged, self.late) if judged is not None
        ]
        drafts = [judged.draft() for judged in judgements]
        voted: list[tuple[str, dict[str, Json], Vote]] = [
            (
                GOVD,
                {"moment": self.moment, "version": self.versions.get(v.policy, "")},
                v,
            )
            for v in self.votes
        ]
        for judged in judgements:
            for outcome, vote in judged.votes():
                policy = {"version": outcome.version, "digest": outcome.digest}
                voted.append((outcome.actor, {"moment": judged.moment, **policy}, vote))
        for actor, policy, vote in voted:
            payload: dict[str, Json] = {
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
        judgements = [
            judged for judged in (self.judged, self.late) if judged is not None
        ]
        for outcome in (
            outcome for judged in judgements for outcome in judged.outcomes
        ):
            if (
                outcome.counts
                and outcome.effect is not None
                and outcome.effect.kind == "set"
            ):
                dates = dates_set(outcome.effect, request)
                payload = {**dates, "policy": outcome.name, "digest": outcome.digest}
                payload["reason"] = outcome.reason
                drafts.append(request_draft(request, "set", outcome.actor, payload))
        return drafts


def dates_set(effect: Effect, request: Request) -> dict[str, Json]:
    """The dates that a policy sets, counted from the filing; what was said and is earlier stays."""
    filed = datetime.fromisoformat(request.filed_at)
    dates: dict[str, Json] = {}
    for date, seconds in (
        ("due_at", effect.due_seconds),
        ("expires_at", effect.expires_seconds),
    ):
        if seconds is not None:
            until = moment((filed + timedelta(seconds=seconds)).isoformat(), date)
            dates[date] = min(until, str(request.get(date) or until))
    return dates
