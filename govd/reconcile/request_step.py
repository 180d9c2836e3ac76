"""The step of a request: from `filed` to approved, waiting, denied or failed.

Why a request waits is decided in `_voted_on`, and said in its entry. Proven by
`tests/requests/test_rules.py` and `tests/reconcile/test_reconcile.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from govd.contributions import Contributions
from govd.contributions.naming import phrases_of
from govd.contributions.near import asked_at_filing
from govd.errors import (
    BadFile,
    GovdError,
    MachineFault,
    NotFound,
    PluginFault,
    UnreadableImage,
)
from govd.ledger.entry import Draft
from govd.models.core import Core, Opened
from govd.policies.voting import Voting, verdict
from govd.reconcile.settling import Settling
from govd.records.actors import GOVD, is_automatic
from govd.records.drafts import request_draft
from govd.records.policy import FROZEN
from govd.records.request import Request, spec_of
from govd.types import Contribution, Json, Vote

log = logging.getLogger("govd")


class RequestStep:
    """Decides requests that were filed: the contribution, the policies' votes, the owner's
    approval.
    """

    def __init__(
        self,
        core: Core,
        contributions: Contributions,
        voting: Voting,
        settling: Settling,
    ) -> None:
        self.core = core
        self.contributions = contributions
        self.voting = voting
        self.settling = settling

    def step(self, request: Request) -> bool:
        """Compute what a filed request adds, ask the policies, and record what follows; that
        something was done.

        Raises:
            MachineFault, NotFound, BadFile: something that is stored, or the machine, is at fault;
            the request stays filed. Exception: a bug; the request has failed.
        """
        try:
            drafts, computed = (
                self._contributed(request)
                if request.is_forget
                else ([], self._returned(request))
            )
        except PluginFault as error:
            return self._ended(request, "wait", error.told(request.is_private))
        except UnreadableImage as error:
            return self._ended(request, "fail", error.told(request.is_private))
        except (MachineFault, NotFound, BadFile):
            raise
        except GovdError as error:
            return self._ended(request, "fail", error.told(request.is_private))
        except (
            Exception
        ) as bug:  # raised again; but this request must not be tried for ever
            name = type(bug).__name__
            advice = f"a bug in govd ({name}): `govd request retry ID` tries again"
            self._ended(request, "fail", advice)
            raise
        rules = self.settling.rules()
        drafts += self._voted_on(request, computed)
        return self.settling.record(request, drafts, rules)

    def _contributed(self, request: Request) -> tuple[list[Draft], dict[str, Json]]:
        """Entries of the contribution, and what the decision says of it."""
        opened = self.core.models.opened(request.model)
        contribution = self.contributions.computing.of_request(request, opened)
        drafts = self.contributions.stored.put(
            contribution, request.model, GOVD, opened
        )
        computed = request.with_(contribution=contribution.digest)
        predicted = self.contributions.predicting.predicted(computed, contribution)
        return drafts, {
            "contribution": contribution.digest,
            "predicted": {
                **predicted.as_json(),
                **self._beside(request, contribution, opened),
            },
        }

    def _beside(
        self, request: Request, contribution: Contribution, opened: Opened
    ) -> dict[str, Json]:
        """Other names that mean the same for the model, but those that are forgotten there already;
        nothing of a private request, which they would tell.
        """
        if request.is_private:
            return {}
        spec = spec_of(request)
        record = self.core.desk.model(request.model)
        names = asked_at_filing(opened, spec, contribution, record)
        words = [row for row in names.pop("near", ()) if not self._goes(row, request)]
        return {**names, "near": words} if words else names

    def _goes(self, row: Mapping[str, Json], request: Request) -> bool:
        """Whether a word that is near goes by another forget, wherever this request's names do."""
        return any(
            row["name"] in phrases_of(forget)
            and (
                not forget.domains
                or set(forget.domains) >= set(request.domains) > set()
            )
            for forget in self.core.desk.views.wanted(request.model)
        )

    def _returned(self, revert: Request) -> dict[str, Json]:
        """What the decision on a revert says of what it brings back; nothing where that cannot be
        told: no revert waits for a figure.
        """
        forget = self.core.desk.request(str(revert.reverts))
        if not self.core.desk.model(forget.model).dim:
            return {}  # of a model without a space nothing is predicted
        try:
            return {
                "returns": self.contributions.predicting_reverts.returning(
                    forget
                ).as_json()
            }
        except GovdError as error:
            log.warning(
                "cannot tell what %s would bring back: %s", revert.id, error.message
            )
        except Exception:  # a bug, and no reason to keep a forget that must go
            log.exception("cannot tell what %s would bring back", revert.id)
        return {}

    def _voted_on(self, request: Request, computed: dict[str, Json]) -> list[Draft]:
        """The policies' votes, and what follows from them: people decide what they leave open,
        unless the home approves by itself.
        """
        moment = "filed" if request.is_forget else "revert"
        decided = request.with_(**computed)
        predicted = decided.predicted if request.is_forget else None
        ballot = self.voting.ballot(moment, decided, predicted, request.filed_by)
        event, reason = verdict(
            [*ballot.everything, *_asked_at_filing(request)], "approve"
        )
        actor = GOVD
        payload = dict(computed)
        hold_reason = self.settling.held(request)
        # nothing is undone or ended under a legal hold
        if hold_reason and event != "wait":
            event = "wait"
            reason = hold_reason
        self_approving = self.core.home.settings.approval != "person"
        frozen = self.core.desk.views.frozen
        by_itself = ballot.approver or is_automatic(request.filed_by)
        if event == "approve" and frozen is not None and by_itself:
            event = "wait"
            reason = f"{FROZEN} since {frozen.by} froze it"
        elif event == "approve" and ballot.approver is not None:
            actor = ballot.approver
            reason = f"approved by {actor}"
            payload |= {"by": actor, "automatic": True}
        elif event == "approve" and not self_approving:
            event = "wait"
            reason = "a person must approve (approval = person in govd.toml)"
        elif event == "approve":
            actor = request.filed_by
            reason = f"approved by its filing by {actor} (approval = self in govd.toml)"
            payload |= {"by": actor, "automatic": True}
        return [
            *ballot.drafts(request),
            request_draft(request, event, actor, {**payload, "reason": reason}),
        ]

    def _ended(self, request: Request, event: str, reason: str) -> bool:
        draft = request_draft(request, event, GOVD, {"reason": reason})
        return self.settling.record(request, [draft])


def _asked_at_filing(request: Request) -> list[Vote]:
    """What the policy that filed a request asked of people as it did."""
    return [
        Vote(vote.decision, vote.policy, vote.reason, needs=vote.needs)
        for vote in request.votes
        if vote.moment == "expire" and vote.decision == "wait"
    ]
