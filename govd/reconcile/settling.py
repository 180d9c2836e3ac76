"""Requests as the reconciler sees them: what they want of a model, what their states become once it
is so, and the entries about them, appended unless somebody decided meanwhile.

Proven by `tests/reconcile/test_meanwhile.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from govd.contributions.stored import Stored
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.records.actors import GOVD
from govd.records.drafts import request_draft
from govd.records.lifecycle import STANDING, RequestState
from govd.records.request import Request
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


@dataclass(frozen=True)
class Rules:
    """What may change while a request is decided: the modes of policies, by their keys, and whether
    what acts by itself is frozen.
    """

    modes: frozenset[tuple[str, str]]
    frozen: bool


class Settling:
    """Compares requests with what is published, and records what became of them."""

    def __init__(self, core: Core, stored: Stored) -> None:
        self.core = core
        self.stored = stored

    def desired(self, model: str) -> Desired:
        """What is wanted of a model now."""
        forgets = self.core.desk.views.wanted(model)
        covered = self.stored.covered(forgets)
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

    # -- entries about a request

    def rules(self) -> Rules:
        """What a request is decided by beside what it is itself, as it is now."""
        views = self.core.desk.views
        modes = frozenset(
            (policy.key, policy.mode) for policy in list(views.policies.values())
        )
        return Rules(modes, views.frozen is not None)

    def record(
        self,
        request: Request,
        drafts: Sequence[Draft],
        rules: Rules | None = None,
    ) -> bool:
        """Append entries about a request, unless somebody decided it or changed its model
        meanwhile; that it was dealt with. `rules`: what it was decided by; where they are others
        by now, it is looked at once more.
        """
        core = self.core
        with core.desk.lock:
            now = core.desk.views.request(request.id)
            ends = any(
                draft.kind in ("request.approve", "request.deny") for draft in drafts
            )
            is_late = rules is not None and rules != self.rules()
            if is_late or (ends and self.held(request)):
                return True  # changed, or held, meanwhile: it is looked at once more
            if now is not None and now.state is request.state:
                core.desk.append(drafts)
        return True

    def held(self, request: Request) -> str:
        """The legal hold that forbids that a request is approved or denied by itself, in words."""
        subjects = (
            [request.id] if request.is_forget else [request.id, str(request.reverts)]
        )
        for subject in subjects:
            if self.core.desk.request(subject).hold is not None:
                return f"{subject} is under a legal hold: a person decides once it is released"
        return ""
