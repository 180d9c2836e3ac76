"""Asking the policies of a home: what they say to a request or revision now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from govd.ledger.entry import Draft
from govd.ledger.times import now
from govd.models.core import Core
from govd.policies import gathering
from govd.policies.outcomes import Asked, Outcome, outcomes_of
from govd.records.actors import GOVD
from govd.records.policy import Mode
from govd.records.predicted import Predicted
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Json, Record, Vote

KEPT = 100
"""Revisions whose last decision at the gate is remembered."""


@dataclass(frozen=True)
class Judged:
    """What policies said at one moment: the whole input, and what each of them came to.

    `subject`: the id of the request, or `model/number` of the revision.
    """

    moment: str
    subject: str
    model: str
    seen: Mapping[str, Json]
    outcomes: tuple[Outcome, ...]

    @staticmethod
    def by(
        policies: Sequence[Asked],
        moment: str,
        subject: str,
        model: str,
        seen: Mapping[str, Json],
    ) -> Judged:
        """What these policies say to an input; `subject`, `model`: whose it is."""
        outcomes = tuple(outcomes_of(policies, moment, seen))
        return Judged(moment, subject, model, seen, outcomes)

    def votes(self) -> list[tuple[Outcome, Vote]]:
        """Votes of policies that are enforced, each with what it was made of."""
        voted = ((outcome, outcome.as_vote()) for outcome in self.outcomes)
        return [(outcome, vote) for outcome, vote in voted if vote is not None]

    def draft(self) -> Draft:
        """The entry of the decision."""
        payload: dict[str, Json] = {
            "moment": self.moment,
            "input": dict(self.seen),
            "outcomes": [outcome.as_json() for outcome in self.outcomes],
        }
        return Draft(
            kind="policy.decide",
            subject=self.subject,
            actor=GOVD,
            model=self.model,
            payload=payload,
        )


class Judging:
    """Asks the policies of a home."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._gated: dict[str, tuple[str, ...]] = {}

    def asked(self, moment: str) -> list[Asked]:
        """Those that are asked at a moment, in the order of their names."""
        policies = sorted(self.core.desk.views.policies.values(), key=lambda p: p.key)
        return [
            Asked(policy.name, policy.text, policy.digest, policy.mode)
            for policy in policies
            if policy.mode is not Mode.OFF and moment in policy.moments
        ]

    def judged(
        self,
        moment: str,
        request: Request,
        predicted: Predicted | None,
        actor: str,
        roles: Sequence[str],
        approvals: Sequence[Record],
    ) -> Judged | None:
        """What policies say to a request; None where none is policies. Nothing is written.

        Args:
            moment: one of `inputs.MOMENTS` that is about a request.
            request: as it is then.
            predicted: what it is predicted to do; None for a revert.
            actor: who files, approves or asks now; `roles`: those that he has.
            approvals: those so far, as JSON.
        """
        policies = self.asked(moment)
        if not policies:
            return None
        inputs = gathering.of_request(
            self.core, request, predicted, actor, roles, approvals, now()
        )
        return Judged.by(policies, moment, request.id, request.model, inputs)

    def late(
        self,
        request: Request,
        predicted: Predicted | None,
        filer_roles: Sequence[str],
    ) -> Judged | None:
        """What policies say to the filing of a request that were enforced after it was looked at;
        None where there are none. Nothing is written.

        Args:
            request: as it is when somebody approves it.
            predicted: what it is predicted to do; None for a revert.
            filer_roles: the roles of who filed it.
        """
        moment = "filed" if request.is_forget else "revert"
        policies = [p for p in self.asked(moment) if p.mode is Mode.ENFORCE]
        if policies:
            seen_digests = self._asked_since(request, moment)
            policies = [
                policy for policy in policies if policy.digest not in seen_digests
            ]
        if not policies:
            return None
        inputs = gathering.of_request(
            self.core, request, predicted, request.filed_by, filer_roles, (), now()
        )
        return Judged.by(policies, moment, request.id, request.model, inputs)

    def _asked_since(self, request: Request, moment: str) -> set[str]:
        """Digests of the texts that were asked about it, and counted, since it was looked at."""
        records = self.core.desk.views.records
        seqs = records.seqs(
            after=request.asked_from,
            limit=10_000,
            kind="policy.decide",
            subject=request.id,
        )
        return {
            str(outcome["digest"])
            for entry in self.core.desk.ledger.some(seqs)
            if entry["payload"]["moment"] == moment
            for outcome in entry["payload"]["outcomes"]
            if outcome["mode"] == Mode.ENFORCE.value
        }

    def gated(self, revision: Revision) -> list[tuple[Outcome, Vote]]:
        """What policies say to a revision that is about to be published. The decision is an entry
        when it is another one than the last.
        """
        policies = self.asked("gate")
        if not policies:
            return []
        inputs = gathering.revision_seen(self.core, revision, now())
        judged = Judged.by(policies, "gate", revision.subject, revision.model, inputs)
        answers = tuple(
            f"{o.name} {o.digest} {o.mode} {o.result}" for o in judged.outcomes
        )
        if self._gated.get(revision.subject) != answers:
            self._gated = {
                revision.subject: answers,
                **dict(list(self._gated.items())[: KEPT - 1]),
            }
            self.core.desk.append([judged.draft()])
        return judged.votes()
