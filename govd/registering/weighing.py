"""What must be approved before weights of a conditional model are published for the first time.

Its forgets were approved for an edit that asks each vector; weights get the linear one, which costs
more. So policies are asked what they would have said to each had weights been published, and
criteria are judged by the linear edit.

Proven by `tests/registering/test_weighing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from govd.contributions import Contributions
from govd.contributions.costing import bounds_of, publishes_weights
from govd.errors import Conflict, Denied, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core, Opened
from govd.policies.voting import Voting
from govd.reconcile.criteria import CriteriaJudging, all_breaches
from govd.records.criteria import Breach
from govd.records.drafts import request_draft
from govd.records.lifecycle import RequestState
from govd.records.model import RegisteredModel
from govd.records.request import Request
from govd.requests.approving import TO_COME, Act, weighed
from govd.types import Json, Vote

APPROVED: Final = "weights_approved"
"""The field of a model's entry that says who approved what its weights cost, and why."""
TOLD: Final = 5
"""Objections that are told one by one."""
FILED: Final = "filed"
"""The moment at which policies look at what a forget costs."""


@dataclass(frozen=True)
class Objection:
    """What a policy says to a forget only because weights would have it: its `vote`."""

    request: Request
    vote: Vote

    @property
    def words(self) -> str:
        """Whose word it is, as the reason of a request that waits says it."""
        return f"{self.vote.policy}: {self.vote.reason}"


class Weighing:
    """Weighs what weights of a home's conditional models would cost. Nothing is written."""

    def __init__(
        self,
        core: Core,
        contributions: Contributions,
        voting: Voting,
        judging: CriteriaJudging,
    ) -> None:
        self.core = core
        self.predicting = contributions.predicting
        self.stored = contributions.stored
        self.voting = voting
        self.judging = judging

    def approved(
        self,
        old: RegisteredModel,
        opened: Opened,
        folder: str | None,
        actor: str,
        why: str,
    ) -> dict[str, Json]:
        """What the model's entry says of the approval, as `weights_approved`: `by`, `reason`, and
        `objections` with the `requests` that they are about; nothing where none was needed.

        Args:
            old: the model as it is registered.
            opened: as it will be.
            folder: that it will be published to.
            actor: who would have it so.
            why: his reason; empty: he did not approve what it costs.

        Raises:
            Conflict: a person must approve what it costs, or a criterion would not be kept.
            Denied: a policy forbids it, or needs other people. Usage: forgets in force would have
            to be computed anew in the same step.
        """
        if not _begins(old, opened, folder):
            return {}
        requests = [r for r in self.core.desk.views.wanted(old.name) if r.contribution]
        if not requests:
            return {}
        if opened.basis.digest != old.basis:
            raise _two_steps(old.name)
        _check_kept(old.name, self._broken(old.name, requests, str(folder)))
        objections = list(self._objections(requests, opened))
        if not objections:
            return {}
        self._check_allowed(old.name, objections, actor)
        if not why.strip():
            raise _unapproved(old.name, str(folder), objections)
        approval = {"reason": why.strip(), "objections": _grouped(objections)}
        return {APPROVED: {"by": actor, **approval}}

    def anew(
        self, old: RegisteredModel, opened: Opened, folder: str | None, actor: str
    ) -> list[Draft]:
        """Entries by which forgets that wait to be decided are looked at again, where weights are
        published for the first time: what is predicted of them says that none are.
        """
        if not _begins(old, opened, folder):
            return []
        because = {"reason": "weights of its model are published from now on"}
        return [
            request_draft(request, "retry", actor, because)
            for request in list(self.core.desk.views.open.values())
            if request.model == old.name
            and request.is_forget
            and request.state is RequestState.WAITING
            and not request.served_at
            and not request.shredded_at
            and "checkpoint" in request.predicted.figures
        ]

    def _broken(
        self, name: str, requests: Sequence[Request], folder: str
    ) -> list[Breach]:
        """Criteria that the weights of what is published would not keep."""
        published = self.core.desk.views.published(name)
        if published is None:
            return []
        served = [request for request in requests if request.stands]
        trial = replace(self.judging.trial(published, served), folder=folder)
        breaches = all_breaches(served, self.judging.figures(trial))
        return [breach for breach in breaches if breach.in_weights]

    def _objections(
        self, requests: Sequence[Request], opened: Opened
    ) -> Iterator[Objection]:
        """What policies say to each forget only where weights are published."""
        for number, request in enumerate(requests):
            self.core.progress("weighing", number, len(requests))
            contribution = self.stored.load(str(request.contribution))
            linear = self.predicting.in_weights(request, contribution, opened)
            if linear is None:
                continue
            unpublished = {
                vote_key(vote) for vote in self._votes(request, linear, False)
            }
            for vote in self._votes(request, linear, True):
                is_new = vote_key(vote) not in unpublished
                if is_new and vote.decision in ("wait", "deny"):
                    yield Objection(request, vote)
        self.core.progress("weighing", len(requests), len(requests))

    def _votes(
        self, request: Request, linear: dict[str, Json], published: bool
    ) -> tuple[Vote, ...]:
        """What policies say to a forget as it was predicted, with what weights get of it and the
        bounds that there are now.
        """
        figures = {
            **request.predicted.figures,
            "checkpoint": {**linear, "published": published},
        }
        predicted = replace(
            request.predicted, figures=figures, bounds=bounds_of(self.core)
        )
        return self.voting.ballot(
            FILED, request, predicted, request.filed_by
        ).everything

    def _check_allowed(
        self, name: str, objections: Sequence[Objection], actor: str
    ) -> None:
        """Refuse what a policy forbids, or what one person's approval is not enough for.

        Raises:
            Denied: it is so.
        """
        people = self.core.desk.views.people()
        for objection in objections:
            vote, request = objection.vote, objection.request
            if vote.decision == "wait" and vote.needs is None:
                continue
            act = Act(request, frozenset({FILED}), TO_COME - 1, ())
            outcome = weighed(act, FILED, [vote], actor, people)
            if outcome.event:
                raise Denied(
                    f"what weights would have of {request.id} is more than {actor} may approve:"
                    f" {outcome.objection or objection.words}",
                    where=name,
                    advice="Revert the forget, or change the policy. Nothing was changed.",
                )


def _begins(old: RegisteredModel, opened: Opened, folder: str | None) -> bool:
    """Whether weights of a conditional model would be published for the first time."""
    if old.publish_to or not opened.basis.conditional:
        return False
    return publishes_weights(folder, opened.model.facts, old.side)


def vote_key(vote: Vote) -> tuple[str, str, str]:
    """What makes two votes the same."""
    return vote.policy, vote.decision, vote.reason


def _two_steps(name: str) -> Usage:
    return Usage(
        "weights of a conditional model are published in a step of their own: what they cost is"
        " looked at by the forgets as they are in force",
        where=name,
        advice=f"Do the rest first, then `govd model update {name} --publish-to DIR`.",
    )


def _check_kept(name: str, broken: Sequence[Breach]) -> None:
    """Refuse weights that would not keep a criterion.

    Raises:
        Conflict: they would not.
    """
    if not broken:
        return
    first = broken[0]
    reasons = _listed([breach.reason for breach in broken])
    raise Conflict(
        f"weights get the linear edit, and {reasons}",
        where=name,
        advice=f"`govd request criteria {first.request} --set '{first.criterion.metric}<=…'"
        " --reason …` changes a criterion, `govd revert` takes a forget back. Nothing was changed.",
    )


def _unapproved(name: str, folder: str, objections: Sequence[Objection]) -> Conflict:
    """That somebody must approve what weights cost."""
    groups = _grouped(objections)
    lines = [
        f"{_listed(group['requests'], ', ')}: {group['policy']}: {group['reason']}"
        for group in groups
    ]
    return Conflict(
        "weights get the linear edit, which costs more than was approved of the conditional one:"
        f" {_listed(lines)}",
        where=name,
        advice=f"`govd model update {name} --publish-to {folder} --approve-costs TEXT` approves it;"
        " who did and why stands in the ledger. Nothing was changed.",
        objections=groups,
    )


def _grouped(objections: Sequence[Objection]) -> list[dict[str, Json]]:
    """Objections as entries say them; one that is said to several forgets once."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for objection in objections:
        groups.setdefault(vote_key(objection.vote), []).append(objection.request.id)
    return [
        {"requests": ids, "policy": key[0], "reason": key[2]}
        for key, ids in groups.items()
    ]


def _listed(texts: Sequence[str], separator: str = "; ") -> str:
    """The first few of them, and how many more there are."""
    rest = len(texts) - TOLD
    more = [f"and {rest} more"] if rest > 0 else []
    return separator.join([*texts[:TOLD], *more])
