"""What a model's requests want of it, and what their states become once it is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.records.drafts import request_draft
from govd.records.lifecycle import STANDING, RequestState
from govd.records.request import Request
from govd.requests import Requests
from govd.requests.decisions import GOVD
from govd.types import Json


@dataclass(frozen=True)
class Desired:
    """What the ledger wants of a model. `wanted`: the forgets that should be in force, oldest
    first. `covered`: those of them that add nothing: id → id of the one that covers it.
    `contributions`: digests of what the rest add, sorted.
    """

    wanted: list[Request]
    covered: dict[str, str]
    contributions: list[str]

    @property
    def requests(self) -> list[str]:
        """Ids of the forgets that a revision is made of."""
        return [request.id for request in self.wanted if request.id not in self.covered]

    def is_as(self, before: Desired) -> bool:
        """Whether nothing was decided since `before`."""
        states, states_before = (
            [(r.id, r.state) for r in d.wanted] for d in (self, before)
        )
        return states == states_before and self.contributions == before.contributions


class Settling:
    """Compares requests with what is published."""

    def __init__(self, core: Core, requests: Requests) -> None:
        self.core = core
        self.requests = requests

    def desired(self, model: str) -> Desired:
        """What is wanted of a model now."""
        forgets = self.core.desk.views.wanted(model)
        covered = self.requests.contributions.covered(forgets)
        adding = [request for request in forgets if request.id not in covered]
        return Desired(
            forgets, covered, sorted(str(request.contribution) for request in adding)
        )

    def standing(self, model: str) -> list[Request]:
        """The forgets that are wanted of a model and stand already."""
        return [request for request in self.desired(model).wanted if request.stands]

    def may_tell(self, inner: str, outer: str) -> bool:
        """Whether the ledger may say that two requests are about the same: neither is private."""
        views = self.core.desk.views
        requests = (views.request(request_id) for request_id in (inner, outer))
        return not any(request is not None and request.private for request in requests)

    def transitions(
        self, model: str, number: int | None, judged: Mapping[str, Json] | None = None
    ) -> list[Draft]:
        """What each request's state becomes once the wanted contributions are the published
        ones. `number`: of the revision that has them, None for the base. `judged`: what the
        criteria of covered forgets were judged by that are in no metrics of that revision.
        """
        desired = self.desired(model)
        drafts = []
        for request in desired.wanted:
            outer = desired.covered.get(request.id)
            if outer and request.state is not RequestState.SUBSUMED:
                drafts.append(
                    self._subsumed(request, outer, (judged or {}).get(request.id))
                )
            elif not outer and request.state is not RequestState.IN_FORCE:
                published = {"revision": number, "reason": f"revision {number}"}
                drafts.append(request_draft(request, "publish", GOVD, published))
        for request in list(self.core.desk.views.open.values()):
            is_approved = request.state is RequestState.APPROVED
            if request.model == model and not request.is_forget and is_approved:
                drafts += self._reverted(request, number)
        return drafts

    def _subsumed(self, request: Request, outer: str, judged: Json) -> Draft:
        outer_name = "another forget"
        if self.may_tell(request.id, outer):
            outer_name = outer
        reason = (
            f"covered by {outer_name}: adds nothing while that "
            f"stands, takes over when it is reverted"
        )
        judgement = {} if judged is None else {"judged": judged}
        return request_draft(request, "subsume", GOVD, {"reason": reason, **judgement})

    def _reverted(self, revert: Request, number: int | None) -> list[Draft]:
        drafts = []
        forget = self.core.desk.request(str(revert.reverts))
        if forget.state in STANDING:
            because = {"reason": f"reverted by {revert.id}", "by": revert.id}
            drafts.append(request_draft(forget, "revert", GOVD, because))
        payload = {"revision": number, "reason": "reverted"}
        return [*drafts, request_draft(revert, "publish", GOVD, payload)]
