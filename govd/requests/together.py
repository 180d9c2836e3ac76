"""Many forgets filed together: each looked at as if it came alone, all of them appended at once,
with whatever else belongs to them, so that a crash leaves either all or none.

Proven by `tests/automatic/test_feeds.py`, `tests/automatic/test_killed.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from govd.errors import Conflict, GovdError, KeyReused, Usage
from govd.ledger.entry import Draft
from govd.records.lifecycle import RequestState
from govd.records.limits import bounded
from govd.records.request import Request
from govd.requests.filing import Requests
from govd.requests.options import ForgetOptions, understood
from govd.requests.wanted import Wanted
from govd.types import ForgetSpec, Json, RowAnswer

ENDED: Final = frozenset(
    {
        RequestState.REVERTED,
        RequestState.DENIED,
        RequestState.REJECTED,
        RequestState.WITHDRAWN,
    }
)
TIMES: Final = 1000
"""Times that the same row is filed anew at most, after its filer took it back."""


@dataclass(frozen=True)
class Proposed:
    """A forget that is proposed: `row` tells it apart, `source` says where it comes from (as the
    entry records it). `key` is its idempotency key; where the proposer has taken back what he filed
    with it, the same with a number is used.
    """

    row: int
    model: str
    options: ForgetOptions
    key: str
    source: Mapping[str, Json]
    fault: GovdError | None = None


@dataclass(frozen=True)
class Understood:
    """A proposal, and what it means: the spec and the commitment of its scope; or what is wrong
    with it.
    """

    proposed: Proposed
    spec: ForgetSpec | None = None
    scope: str = ""
    fault: GovdError | None = None


@dataclass(frozen=True)
class Outcome:
    """What is to become of a row; `spec` and `body` where it is to be filed, and its scope's
    commitment where it has one.
    """

    proposed: Proposed
    answer: RowAnswer
    request: str = ""
    reason: str = ""
    scope: str = ""
    spec: ForgetSpec | None = None
    key: str = ""

    @property
    def is_new(self) -> bool:
        """Whether it is to be filed."""
        return self.spec is not None


class Together:
    """Files what one actor proposes, together."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.core = requests.core

    def understood(self, proposed: Proposed) -> Understood:
        """What a proposal means. It may read what is large: no lock is held."""
        if proposed.fault is not None:
            return Understood(proposed, fault=proposed.fault)
        try:
            _check_texts(proposed.model, proposed.options)
            spec, _ = understood(self.core, proposed.model, proposed.options)
        except GovdError as fault:
            return Understood(proposed, fault=fault)
        return Understood(proposed, spec, self.requests.privacy.commitment(spec.scope))

    def looked_at(self, proposals: Sequence[Understood], actor: str) -> list[Outcome]:
        """What is to become of each, in their order; nothing is filed. `desk.lock` is held, so that
        what is looked at stays so until `drafts` are appended.

        A proposal that was filed before with its key is `already` there, or `ended`; so is one
        whose scope is wanted, by another's request or by an earlier row.
        """
        scopes: dict[str, Wanted] = {}
        earlier: dict[tuple[str, str], Proposed] = {}
        outcomes = []
        for proposal in proposals:
            proposed = proposal.proposed
            try:
                outcome = self._looked_at(proposal, actor, scopes)
            except GovdError as error:
                reason = error.told(proposed.options.private)
                outcome = Outcome(
                    proposed, "refused", reason=reason, scope=proposal.scope
                )
            place = (proposed.model, outcome.scope)
            first = earlier.get(place) if outcome.is_new else None
            if first is not None:
                reason = f"row {first.row} asks for the same"
                outcome = replace(outcome, answer="already", reason=reason, spec=None)
            elif outcome.is_new:
                earlier[place] = proposed
            outcomes.append(outcome)
        return outcomes

    def _looked_at(
        self, meant: Understood, actor: str, wanted: dict[str, Wanted]
    ) -> Outcome:
        if meant.spec is None:
            raise meant.fault or Usage("this row asks for nothing")
        proposed = meant.proposed
        spec = meant.spec
        scope = meant.scope
        filed, key = self._filed(proposed, actor)
        if filed is not None:
            return replace(self._of_filed(proposed, spec, filed), scope=scope)
        of_model = wanted.get(proposed.model)
        if of_model is None:
            of_model = Wanted(self.core, self.requests.privacy, proposed.model)
            wanted[proposed.model] = of_model
        try:
            of_model.check_overlap(spec)
        except Conflict as taken:
            other = str(taken.details.get("request") or "")
            return Outcome(
                proposed=proposed,
                answer="already",
                request=other,
                reason=taken.what,
                scope=scope,
            )
        of_model.check_possible(spec)
        self.requests.body(proposed.model, spec, proposed.options)  # its dates
        return Outcome(proposed, "filed", scope=scope, spec=spec, key=key)

    def _filed(self, proposed: Proposed, actor: str) -> tuple[Request | None, str]:
        """What was filed for this proposal before, and the key under which it is filed now."""
        privacy = self.requests.privacy
        views = self.core.desk.views
        key = proposed.key
        for time in range(2, TIMES):
            spelled = key
            if proposed.options.private:
                spelled = privacy.keyed(key)
            filed = views.by_key(spelled)
            if filed is None or not self._taken_back(filed, actor):
                return filed, key
            key = f"{proposed.key}:{time}"
        return filed, key

    def _taken_back(self, request: Request, actor: str) -> bool:
        """Whether the actor who filed it also took it back."""
        desk = self.core.desk
        is_going = request.id in desk.views.going()
        if is_going or request.state is RequestState.REVERTED:
            keys = desk.views.records.keys("reverts", request.id, "request")
            reverts = (desk.views.request(key) for key in keys)
            return any(
                revert is not None
                and revert.state in (RequestState.DONE, RequestState.APPROVED)
                and revert.filed_by == actor
                for revert in reverts
            )
        if request.state is RequestState.WITHDRAWN:
            (entry,) = desk.ledger.some([request.entries[-1]])
            return bool(entry["actor"] == actor)
        return False

    def _of_filed(
        self, proposed: Proposed, spec: ForgetSpec, filed: Request
    ) -> Outcome:
        """What a row comes to that was filed before.

        Raises:
            KeyReused: it had its own key, and says something else now.
        """
        if proposed.options.idempotency_key and not self._is_same(
            proposed, spec, filed
        ):
            raise KeyReused(
                "this idempotency key was used for another row",
                where=proposed.options.idempotency_key,
                advice=f"That was filed as {filed.id}. Give the row another key.",
            )
        if filed.state in ENDED:
            why = (
                f": {filed.state_reason}"
                if filed.state_reason and not filed.private
                else ""
            )
            return Outcome(
                proposed, "ended", filed.id, f"{filed.id} is {filed.state}{why}"
            )
        return Outcome(
            proposed, "already", filed.id, f"it is {filed.state} already, as {filed.id}"
        )

    def _is_same(self, proposed: Proposed, spec: ForgetSpec, filed: Request) -> bool:
        # these may be past by now
        options = replace(proposed.options, due=None, expires=None)
        body = self.requests.compared(proposed.model, spec, options)
        body = {
            name: value
            for name, value in body.items()
            if name not in ("due_at", "expires_at")
        }
        return self.requests.privacy.same(filed, body)

    def drafts(
        self, outcomes: Sequence[Outcome], actor: str
    ) -> tuple[list[Draft], dict[int, Outcome]]:
        """Entries that file what is new, and by row what became of it, with ids. `desk.lock` is
        still held.

        Raises:
            MachineFault: a private text cannot be written.
        """
        drafts: list[Draft] = []
        filed: dict[int, Outcome] = {}
        ids: dict[tuple[str, str], str] = {}
        for outcome in outcomes:
            proposed = outcome.proposed
            place = (outcome.proposed.model, outcome.scope)
            if outcome.spec is not None:
                body = self.requests.body(
                    proposed.model, outcome.spec, proposed.options
                )
                body |= {"source": dict(proposed.source)}
                private = proposed.options.private
                draft = self.requests.filed_draft(body, outcome.key, actor, private)
                drafts.append(draft)
                ids[place] = draft.subject
                outcome = replace(outcome, request=draft.subject)
            elif outcome.answer == "already" and not outcome.request:
                outcome = replace(outcome, request=ids.get(place, ""))
            filed[proposed.row] = outcome
        return drafts, filed


@bounded
def _check_texts(model: str, options: ForgetOptions) -> None:
    """Refuse texts that make no sense."""
