"""What policies propose: the decision, the filing and the policy's word on it, in one append."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from govd.automatic.clock import spelled
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.policies import gathering
from govd.policies.judging import Judged, Judging
from govd.policies.outcomes import Asked, Outcome, outcomes_of
from govd.records.lifecycle import OPEN
from govd.records.request import Request
from govd.requests import Requests
from govd.requests.reverting import copied_from, revert_of
from govd.types import Json

NEVER: Final = ""
"""The last answer of a text that was not asked yet."""


def answer_of(result: str, mode: str) -> str:
    """An answer as it is compared: what was true in shadow is another one once it counts."""
    return f"{result} {mode}"


class PolicyProposals:
    """Asks policies what they propose about forgets in force, and files it in their names.

    A policy's answer about a forget is recorded when it is another one than that text's last
    answer about it, so that what is asked every second or day is not an entry each time.
    """

    def __init__(self, core: Core, requests: Requests, moment: str) -> None:
        self.core = core
        self.requests = requests
        self.moment = moment
        self.judging = Judging(core)
        self._answers: dict[tuple[str, str], str] = {}

    def about(self, request: Request, asked: Sequence[Asked], now: datetime) -> bool:
        """Ask `asked` about one forget and do what they say; whether something was.

        Raises:
            GovdError: it cannot be filed now; nothing was recorded.
        """
        inputs = self._seen(request, now)
        outcomes = outcomes_of(asked, self.moment, inputs)
        fresh = [outcome for outcome in outcomes if self.is_fresh(request.id, outcome)]
        if not fresh:
            return False
        judged = Judged(
            moment=self.moment,
            subject=request.id,
            model=request.model,
            seen=inputs,
            outcomes=tuple(fresh),
        )
        counting = [o for o in fresh if o.counts and self._files(o)]
        # what lets it go overrules nobody
        asking = [o for o in counting if o.decision == "wait"]
        acting = next(iter([*asking, *counting]), None)
        denied = any(o.counts and o.decision == "deny" for o in outcomes)
        with self.core.desk.lock:
            drafts = [judged.draft()]
            if acting is not None and not denied:
                drafts += self._revert(request, acting)
            self.core.desk.append(drafts)
        for outcome in fresh:
            self.note(request.id, outcome)
        return True

    def note(self, subject: str, outcome: Outcome) -> None:
        """That an answer about `subject` was recorded."""
        self._answers[subject, outcome.digest] = answer_of(outcome.result, outcome.mode)

    def candidates(self) -> list[Request]:
        """The forgets that a policy may propose to revert: they stand, of a model that is served,
        under no legal hold, and no revert of them is on its way.
        """
        requests = list(self.core.desk.views.open.values())
        leaving = {request.reverts for request in requests if request.state in OPEN}
        return [
            request
            for request in requests
            if request.stands
            and request.hold is None
            and not request.model_retired
            and request.id not in leaving
        ]

    def _seen(self, request: Request, now: datetime) -> dict[str, Json]:
        at = spelled(now)
        if self.moment == "propose":
            model = gathering.model_seen(self.core, request.model)
            return {
                "request": gathering.request_seen(self.core, request),
                "model": model,
                "now": at,
            }
        return gathering.of_request(
            self.core,
            request,
            request.predicted,
            "govd",
            (),
            request.get("approvals", ()),
            at,
        )

    @staticmethod
    def _files(outcome: Outcome) -> bool:
        """Whether what a policy came to is a revert: it proposes one, or lets an expired forget go
        (`allow`) or asks people to (`wait`).
        """
        return outcome.effect is not None and outcome.effect.kind in (
            "propose",
            "allow",
            "wait",
        )

    def is_fresh(self, request_id: str, outcome: Outcome) -> bool:
        """Whether this is another answer than the last that is recorded; that nothing follows is no
        answer where none was.
        """
        last = self.last(request_id, outcome.digest)
        if outcome.result == "false":
            return last != NEVER and not last.startswith("false")
        return last != answer_of(outcome.result, outcome.mode)

    def last(self, subject: str, digest: str) -> str:
        """The last recorded answer of a policy's text about `subject`; `NEVER` where there is
        none.
        """
        place = (subject, digest)
        if place not in self._answers:
            self._answers[place] = self._recorded(subject, digest)
        return self._answers[place]

    def _recorded(self, subject: str, digest: str) -> str:
        records = self.core.desk.views.records
        seqs = records.seqs(limit=10_000, kind="policy.decide", subject=subject)
        for entry in reversed(self.core.desk.ledger.some(seqs)):
            payload = entry["payload"]
            if payload["moment"] != self.moment:
                continue
            for outcome in payload["outcomes"]:
                if outcome["digest"] == digest:
                    return answer_of(outcome["result"], outcome["mode"])
        return NEVER

    def _revert(self, request: Request, outcome: Outcome) -> list[Draft]:
        """The filing of a revert by a policy; where it asks, its word that people must approve.

        Raises:
            Conflict: it is not in force, or its revert is filed already. Denied: a legal hold.
        """
        self.requests.check_revert(request)
        reason = f"{outcome.name}: {outcome.reason}"
        body = {**revert_of(request, reason), **copied_from(request)}
        body["source"] = {
            "policy": outcome.name,
            "digest": outcome.digest,
            "of": request.id,
        }
        private = request.is_private
        draft = self.requests.filed_draft(body, None, outcome.actor, private)
        if outcome.effect is None or outcome.effect.kind != "wait":
            return [draft]
        vote: dict[str, Json] = {
            "moment": self.moment,
            "policy": outcome.name,
            "version": outcome.version,
            "digest": outcome.digest,
            "decision": "wait",
            "reason": outcome.reason,
            "inputs": {},
        }
        return [
            draft,
            Draft(
                kind="request.vote",
                subject=draft.subject,
                actor=outcome.actor,
                model=request.model,
                payload=vote,
            ),
        ]
