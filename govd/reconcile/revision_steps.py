"""The steps of a revision: compose, evaluate, gate, publish.

Each step is one entry, so that whatever dies between two of them goes on from the last:
`tests/e2e/test_crash.py`. Proven by `tests/reconcile/test_reconcile.py`,
`tests/reconcile/test_criteria.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from govd.contributions import Contributions
from govd.contributions.composing import computed_with
from govd.edit import AnyEdit
from govd.errors import BadFile, GovdError, JobFailed, MachineFault, PluginFault
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.models.spaceless import SIDE
from govd.policies.voting import Voting
from govd.reconcile.blaming import Blaming
from govd.reconcile.criteria import CriteriaJudging, all_breaches
from govd.reconcile.measuring import Measuring, plain
from govd.reconcile.pauses import Pauses
from govd.reconcile.predictions import Predictions
from govd.reconcile.settling import Desired, Settling
from govd.reconcile.slow_figures import SlowFigures
from govd.records.actors import GOVD
from govd.records.criteria import Breach, unjudged
from govd.records.drafts import request_draft, revision_draft
from govd.records.lifecycle import UNSERVED, RequestState, RevisionState
from govd.records.model import RegisteredModel
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Gate, Json

log = logging.getLogger("govd")
MADE_FOR = (
    "reference",
    "hf_revision",
    "digest",
    "from_scratch",
    "evaluation",
    "precision",
)
"""What a revision keeps of the model that it was composed for."""
CRITERIA = "criteria"
"""Whose word it is where an acceptance criterion would not be kept."""


class RevisionSteps:
    """Brings a model's revisions on. `pauses`: when gates that failed are asked again.
    `before_swap`: what is done before a revision is published.
    """

    def __init__(
        self,
        core: Core,
        contributions: Contributions,
        voting: Voting,
        measuring: Measuring,
        settling: Settling,
        pauses: Pauses,
    ) -> None:
        self.core = core
        self.contributions = contributions
        self.voting = voting
        self.measuring = measuring
        self._settling = settling
        self._pauses = pauses
        self._judging = CriteriaJudging(core, contributions, measuring)
        self._blaming = Blaming(core, self._judging)
        self._predictions = Predictions(self._judging)
        self.slow = SlowFigures(core, measuring, self._settling, self._judging)
        self.before_swap: Callable[[Revision], None] = lambda revision: None

    def step(self, model: str) -> bool:
        """One step for one model; whether there was one.

        Raises:
            GovdError: it cannot be done now.
        """
        views = self.core.desk.views
        if model not in views.models:
            return False
        desired = self._settling.desired(model)
        published = views.published(model)
        last = views.last(model)
        pending = last if last is not None and last.is_pending else None
        if pending is not None and not self._is_current(pending, desired):
            self._revise(
                pending,
                "supersede",
                reason="the forgets to publish changed in the meantime",
            )
            return True
        served = [] if published is None else list(published.contributions)
        if desired.contributions == served:
            return self._settle(model, published, desired)
        if pending is None:
            refused = last if last and last.state is RevisionState.REFUSED else None
            if refused and list(refused.contributions) == desired.contributions:
                # a gate said no to exactly this; something must change first
                return False
            return self._compose(model, desired)
        if pending.state is RevisionState.COMPOSED:
            return self._evaluate(pending)
        return self._gate(pending)

    def _is_current(self, pending: Revision, desired: Desired) -> bool:
        """Whether it is of what is wanted now, for the model as it is now."""
        return (
            list(pending.contributions) == desired.contributions
            and pending.basis == self.core.desk.model(pending.model).basis
        )

    def _revise(self, revision: Revision, event: str, **payload: Json) -> None:
        self.core.desk.append([revision_draft(revision, event, GOVD, payload)])

    def _compose(self, model: str, desired: Desired) -> bool:
        """A revision of what is wanted; of a set that one had before neither the model is opened
        for that nor a contribution read.
        """
        registered = self.core.desk.model(model)
        composing = self.contributions.composing
        edit = composing.seen_for_revision(registered, desired.contributions)
        if edit is not None:
            return self._composed(registered, desired, edit)
        if desired.contributions:
            basis = self.core.models.opened(model).basis
        else:
            basis = self.core.models.basis(registered)
        try:
            load = self.contributions.stored.load
            filed = [load(digest) for digest in desired.contributions]
            edit = composing.for_revision(basis, filed)
        except (MachineFault, BadFile):
            raise
        except GovdError as error:
            return self._hold_newest(desired.wanted, error)
        return self._composed(registered, desired, edit)

    def _composed(
        self, registered: RegisteredModel, desired: Desired, edit: AnyEdit
    ) -> bool:
        """Keep an edit, and the entry that a revision is composed of it."""
        core, model = self.core, registered.name
        artifact = core.artifacts.put(edit.to_bytes())
        self.measuring.remember(artifact, edit)
        may_tell = self._settling.may_tell
        payload: dict[str, Json] = {
            "edit_digest": edit.digest,
            "edit": artifact,
            "rank": edit.rank,
            "side": edit.side,
            "facts": dict(edit.facts),
            "requests": desired.requests,
            "subsumed": {
                inner: outer if may_tell(inner, outer) else ""
                for inner, outer in desired.covered.items()
            },
            "contributions": desired.contributions,
            "basis": registered.basis,
            "made_for": {f: registered[f] for f in MADE_FOR if f in registered},
            "plugins": core.plugins.versions(),
            **computed_with(),
        }
        with core.desk.lock:
            number = core.desk.views.heads[model].last + 1
            core.desk.append(
                [
                    Draft(
                        kind="revision.compose",
                        subject=f"{model}/{number}",
                        actor=GOVD,
                        model=model,
                        payload=payload,
                    )
                ]
            )
        return True

    def _hold_newest(self, wanted: list[Request], error: GovdError) -> bool:
        """The system has no solution: the newest request that is not in force yet fails with the
        reason (a plugin's fault: waits).

        Raises:
            GovdError: all are in force.
        """
        approved = [
            request for request in wanted if request.state is RequestState.APPROVED
        ]
        if not approved:
            raise error
        newest = approved[-1]
        event = "wait" if isinstance(error, PluginFault) else "fail"
        reason = {"reason": error.told(newest.is_private)}
        return self._settling.record(
            newest, [request_draft(newest, event, GOVD, reason)]
        )

    def _evaluate(self, revision: Revision) -> bool:
        model = revision.model
        measuring = self.measuring
        opened = self.core.models.opened_for(model, revision)
        edit = measuring.edit(revision, model)
        filed = measuring.filed(revision)
        evaluation = measuring.evaluation(model, revision)
        try:
            figures, by = measuring.fast(opened, edit, filed, evaluation)
        except GovdError as error:
            if opened.basis.has_space or isinstance(error, MachineFault | BadFile):
                raise
            return self._hold_newest(self._settling.desired(model).wanted, error)
        if not opened.basis.has_space:
            self._revise(
                revision, "evaluate", metrics=figures, evaluated_by=by or "govd"
            )
            return True
        trial = self._judging.trial(revision, self._settling.desired(model).wanted)
        judged = self._judging.figures(trial)
        if judged:
            figures["criteria"] = plain(judged)
        if not all_breaches(trial.wanted, judged):  # else it is not published as it is
            compared = self._predictions.compared(trial)
            if compared:
                figures["predictions"] = plain(compared)
        self._revise(revision, "evaluate", metrics=figures, evaluated_by=by or "govd")
        return True

    def _gate(self, revision: Revision) -> bool:
        """Ask the gates, each time anew while one of them lets it wait."""
        if not self._pauses.over("gate", revision.subject):
            return False
        forgets = self._settling.desired(revision.model).wanted
        broken = all_breaches(forgets, revision.criteria)
        if self._is_stale(revision, forgets, broken):
            self._revise(
                revision, "supersede", reason="the criteria changed in the meantime"
            )
            return True
        blamed = self._blaming.to_blame(revision, forgets, broken)
        if blamed is not None:
            return self._hold(*blamed)
        gates, failed = self.voting.gates(revision)
        self._pauses.note("gate", revision.subject, failed)
        gates += self._unresolved(revision.model)
        gates += [Gate("wait", CRITERIA, breach.reason) for breach in broken]
        denial = next((gate for gate in gates if gate.decision == "deny"), None)
        newcomers = [r for r in forgets if r.state is RequestState.APPROVED]
        if denial is not None and newcomers and revision.side == SIDE:
            return self._hold_newest(newcomers, JobFailed(denial.reason))
        if denial is not None:
            self._revise(revision, "refuse", reason=f"{denial.gate}: {denial.reason}")
            return True
        doubt = next((gate for gate in gates if gate.decision == "wait"), None)
        if doubt is None:
            return self._publish(revision)
        reason = f"{doubt.gate}: {doubt.reason}"
        if (
            revision.state is not RevisionState.WAITING
            or revision.state_reason != reason
        ):
            self._revise(revision, "wait", reason=reason)
        return False

    def _is_stale(
        self, revision: Revision, wanted: Sequence[Request], broken: Sequence[Breach]
    ) -> bool:
        """Whether it was evaluated for other criteria than there are now."""
        judged = revision.criteria
        if any(unjudged(r.criteria, r.criteria_set, judged.get(r.id)) for r in wanted):
            return True
        waited = revision.state is RevisionState.WAITING
        return (
            waited and not broken and revision.state_reason.startswith(f"{CRITERIA}: ")
        )

    def _hold(self, request: Request, breach: Breach) -> bool:
        """A request that is new waits: what it breaks is kept without it."""
        payload: dict[str, Json] = {
            "reason": f"{CRITERIA}: {breach.reason_for(request.id)}",
            "criterion": breach.as_json(),
        }
        return self._settling.record(
            request, [request_draft(request, "wait", GOVD, payload)]
        )

    def _unresolved(self, model: str) -> list[Gate]:
        """Forgets that were served and wait now, since nobody can compute them for what the model
        is: nothing may come back unseen.
        """
        gates = []
        for request in list(self.core.desk.views.open.values()):
            was_served = request.is_forget and request.served_at
            if request.model == model and was_served and request.state in UNSERVED:
                reason = f"{request.id} was in force and waits: {request.state_reason}"
                gates.append(Gate("wait", GOVD, reason))
        return gates

    def _publish(self, revision: Revision) -> bool:
        """The revision and everything that it makes true, in one append; then the log checkpoint
        that vouches for it.
        """
        core = self.core
        model = revision.model
        self.before_swap(revision)
        with core.desk.lock:
            desired = self._settling.desired(model)
            if desired.contributions != list(revision.contributions):
                return True  # looked at again
            if all_breaches(desired.wanted, revision.criteria):
                return True  # the criteria changed in the meantime
            publish = revision_draft(
                revision, "publish", GOVD, {"edit_digest": revision.edit_digest}
            )
            core.desk.append(
                [publish, *self._settling.transitions(model, revision.number)]
            )
            # under the lock: whoever verifies sees a publish with its checkpoint
            core.desk.ledger.checkpoint()
        log.info("model %s serves revision %d", model, revision.number)
        return True

    def _settle(self, model: str, published: Revision | None, desired: Desired) -> bool:
        """Requests whose state changes though the edit does not: a subsumed one reverted, one that
        another covers now.
        """
        approved = [
            r for r in desired.wanted if r.state is RequestState.APPROVED and r.criteria
        ]
        judged: dict[str, Json] = {}
        # it adds nothing, and has criteria all the same
        if approved and published is not None:
            trial = self._judging.trial(published, desired.wanted)
            judged = plain(self._judging.figures(trial, approved))
            broken = all_breaches(approved, judged)
            if broken:
                request = next(r for r in approved if r.id == broken[0].request)
                return self._hold(request, broken[0])
        with self.core.desk.lock:
            if not self._settling.desired(model).is_as(desired):
                return True  # decided meanwhile: looked at again
            number = published.number if published else None
            drafts = self._settling.transitions(model, number, judged)
            if not drafts:
                return False
            self.core.desk.append(drafts)
        self.core.desk.ledger.checkpoint()
        return True
