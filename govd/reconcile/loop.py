"""Desired state against actual state: what is wanted by the ledger, what is published, and the next
step between them.

Level-triggered: each step looks at the views anew and does what is missing, so a crash at any
moment costs time and nothing else. The steps of a request are `contribute` and `vote`; of a
revision `compose`, `evaluate`, `gate`, `publish`; then `deliver` to `--publish-to`. What computes
holds no lock that filing or answering needs; before anything is appended the views are looked at
again.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from govd.asking.limited import Call
from govd.edit import Basis, Edit
from govd.errors import BadFile, GovdError, MachineFault, NotFound, PluginFault, UnreadableImage
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.reconcile.deliveries import Deliveries
from govd.reconcile.measuring import Measuring
from govd.records.lifecycle import PENDING, STANDING, UNSERVED
from govd.records.request import Request
from govd.requests import Requests
from govd.requests.computing import computed_with
from govd.requests.decisions import GOVD, verdict, vote_drafts
from govd.types import Contribution, Gate, Json, Record

log = logging.getLogger("govd")


Outcome = tuple[bool, list[Exception]]
"""Whether something was done for a model, and what went wrong."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 600.0
MOMENT_SECONDS: Final = 1.0
"""For which a look that is not patient waits for all models together."""
REST_SECONDS: Final = 20.0
"""For which the steps at hand are waited for when a home is let go."""


class Pauses:
    """After what a plugin failed in is tried again: a second, two, four, and so on; nothing else
    waits for it meanwhile.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], tuple[float, float]] = {}

    def over(self, step: str, about: str) -> bool:
        """Whether it may be tried."""
        return time.monotonic() >= self._failed.get((step, about), (0.0, -math.inf))[1]

    def note(self, step: str, about: str, failed: bool) -> None:
        """It was tried."""
        if not failed:
            self._failed.pop((step, about), None)
            return
        seconds = min(
            2 * self._failed.get((step, about), (FIRST_PAUSE_SECONDS / 2, 0.0))[0],
            LONGEST_PAUSE_SECONDS,
        )
        self._failed[step, about] = (seconds, time.monotonic() + seconds)


class Reconciler:
    """Brings every model to what its ledger wants."""

    def __init__(self, core: Core, requests: Requests, measuring: Measuring) -> None:
        self.core, self.requests, self.measuring = core, requests, measuring
        self.deliveries = Deliveries(core, measuring)
        self.pauses = Pauses()
        self._running: dict[tuple[str, str], Call] = {}

    def run(self, only: str | None = None, patient: bool = True) -> bool:
        """Do everything that can be done now, for every model or `only` one; whether anything was.
        One request's or model's fault does not hold up the others. Not `patient`: models that are
        still busy after a moment go on in the background; their faults are raised when they are
        looked at next.

        Raises:
            GovdError: the first fault, when the rest is done.
        """
        self.core.desk.refresh()
        self.core.desk.sign_published()
        filed = [
            str(r["model"])
            for r in list(self.core.desk.views.open.values())
            if r["state"] == "filed"
        ]
        models = (
            list(dict.fromkeys([*self.core.desk.views.models, *filed])) if only is None else [only]
        )
        if did := self._sweep(self._model, models, patient):
            self.core.models.let_go()
        return did

    def measure(self, patient: bool = True) -> bool:
        """Figures that take longer, for published revisions that have none yet: what strangers can
        still do; whether there was one.
        """
        return self._sweep(self._measured, list(self.core.desk.views.models), patient)

    def rest(self) -> None:
        """Begin no further step, and wait for those at hand, for a while."""
        self.core.ending = True
        last = time.monotonic() + REST_SECONDS
        for call in list(self._running.values()):
            call.wait(max(0.0, last - time.monotonic()))

    def _sweep(self, task: Callable[[str], Outcome], models: list[str], patient: bool) -> bool:
        """The task for each model; whether something was done.

        Raises:
            GovdError: the first fault.
        """
        outcomes = [task(model) for model in models] if patient else self._beside(task, models)
        faults = [fault for _, of_model in outcomes for fault in of_model]
        for fault in faults[1:]:
            log.error("%s", fault)
        if faults:
            raise faults[0]
        return any(did for did, _ in outcomes)

    def _beside(self, task: Callable[[str], Outcome], models: list[str]) -> list[Outcome]:
        """Each model in a thread of its own, unless it is busy still; what has come back after a
        moment.
        """
        for model in models:
            key = (task.__name__, model)
            if key not in self._running:
                self._running[key] = Call(partial(task, model))
                self._running[key].begin(f"reconciling {model}")
        last = time.monotonic() + MOMENT_SECONDS
        outcomes: list[Outcome] = []
        for key, call in list(self._running.items()):
            if key[0] == task.__name__ and call.wait(max(0.0, last - time.monotonic())):
                del self._running[key]
                if call.error is not None:
                    raise call.error
                outcomes.append(call.answer)
        return outcomes

    def _model(self, model: str) -> Outcome:
        """Everything for one model: whether something was done, and what went wrong."""
        did, faults = False, list[Exception]()
        with self.core.working(model):
            for request in list(self.core.desk.views.open.values()):
                if request["state"] == "filed" and request["model"] == model:
                    did |= self._one(faults, self._decide, request)
            if model in self.core.desk.views.models:
                while self._one(faults, self._step, model):
                    did = True
                did |= self._one(faults, self.deliveries.deliver, model)
        return did, faults

    def _measured(self, model: str) -> Outcome:
        faults = list[Exception]()
        with self.core.working(model):
            return self._one(faults, self._measure, model), faults

    def _one(self, faults: list[Exception], step: Callable[[Any], bool], of: Any) -> bool:
        name, about = step.__name__, of if isinstance(of, str) else str(of["id"])
        if self.core.ending or not self.pauses.over(name, about):
            return False
        try:
            did = step(of)
            self.pauses.note(name, about, False)
            return did
        except Exception as fault:  # noqa: BLE001 - raised again when the others are done
            self.pauses.note(name, about, isinstance(fault, PluginFault))
            if faults:
                log.error("%s: %s", about, fault)
            faults.append(fault)
            return False

    def _measure(self, model: str) -> bool:
        published = self.core.desk.views.published(model)
        if published is None or published["measured"]:
            return False
        data = self.measuring.evaluation(model, published)
        if data is None:
            return False
        opened = self.core.models.opened_for(model, published)
        found = self.measuring.slow(
            opened, self.measuring.edit(published, model), self.measuring.filed(published), data
        )
        self._revise(published, "measure", {"metrics": found})
        return True

    # -- requests

    def _decide(self, request: Record) -> bool:
        """From `filed` to approved, waiting, denied or failed: the contribution, the policies'
        votes, the owner's approval.
        """
        core, said, drafts = self.core, dict[str, Json](), list[Draft]()
        bug: Exception | None = None
        if request["kind"] == "forget":
            try:
                drafts, said = self._contribute(request)
            except PluginFault as error:
                return self._record(
                    request, [self._draft(request, "wait", _spoken(request, error))]
                )
            except GovdError as error:
                if isinstance(error, MachineFault | NotFound | BadFile) and not isinstance(
                    error, UnreadableImage
                ):
                    raise  # the machine's fault, or something that is stored: not this request's
                return self._record(
                    request, [self._draft(request, "fail", _spoken(request, error))]
                )
            except Exception as error:  # noqa: BLE001 - raised again; but this request must not be tried for ever
                bug, what = (
                    error,
                    f"a bug in govd ({type(error).__name__}): `govd request retry ID` tries again",
                )
                self._record(request, [self._draft(request, "fail", what)])
        if bug is not None:
            raise bug
        moment = "revert" if request["kind"] == "revert" else "filed"
        decisions = self.requests.decisions
        votes = decisions.votes(
            moment, {**request, **said}, said.get("predicted", {}), str(request["filed_by"])
        )
        drafts += vote_drafts(request, moment, votes, decisions.versions())
        event, reason = verdict(votes, "approve")
        by = GOVD
        if event == "approve" and core.home.settings.approval == "person":
            event, reason = "wait", "a person must approve (approval = person in govd.toml)"
        elif event == "approve":
            by = str(request["filed_by"])
            reason, said = (
                f"approved by its filing by {by} (approval = self in govd.toml)",
                {**said, "by": by, "automatic": True},
            )
        drafts.append(
            Draft(
                f"request.{event}",
                str(request["id"]),
                by,
                str(request["model"]),
                {**said, "reason": reason},
            )
        )
        return self._record(request, drafts)

    def _contribute(self, request: Record) -> tuple[list[Draft], dict[str, Json]]:
        """Entries of the contribution, and what the decision says of it."""
        model, contributions = str(request["model"]), self.requests.contributions
        opened = self.core.models.opened(model)
        contribution = contributions.of_request(request, opened)
        drafts = contributions.made(contribution, model, GOVD, opened)
        said: dict[str, Json] = {"contribution": contribution.digest}
        return drafts, said | {
            "predicted": self.requests.predicting.predicted({**request, **said}, contribution)
        }

    def _draft(self, request: Record, event: str, reason: str) -> Draft:
        return Draft(
            f"request.{event}", str(request["id"]), GOVD, str(request["model"]), {"reason": reason}
        )

    def _record(self, request: Record, drafts: list[Draft]) -> bool:
        """Append what was found out about a request, unless somebody decided it or changed its
        model meanwhile.
        """
        core = self.core
        with core.desk.lock:
            now = core.desk.views.request(str(request["id"]))
            if now is None or now["state"] != request["state"]:
                return True
            core.desk.append(drafts)
        return True

    # -- revisions

    def _desired(self, model: str) -> tuple[list[Request], dict[str, str], list[str]]:
        """Wanted requests, which of them are covered by which, and the contributions of the rest,
        sorted.
        """
        wanted = self.core.desk.views.wanted(model)
        above = self.requests.contributions.covered(wanted)
        return wanted, above, sorted(str(r.contribution) for r in wanted if r["id"] not in above)

    def _step(self, model: str) -> bool:
        """One step for one model; whether there was one."""
        views = self.core.desk.views
        if model not in views.models:
            return False
        wanted, above, desired = self._desired(model)
        published, last = views.published(model), views.last(model)
        pending = last if last and last["state"] in PENDING else None
        if pending and (
            list(pending.contributions) != desired
            or pending["basis"] != self.core.desk.model(model)["basis"]
        ):
            self._revise(pending, "supersede", {"reason": "what is wanted has changed meanwhile"})
            return True
        if desired == (published["contributions"] if published else []):
            return self._settle(model, published)
        if pending is None:
            if last and last["state"] == "refused" and last["contributions"] == desired:
                return False  # a gate said no to exactly this; something must change first
            return self._compose(model, wanted, above, desired)
        if pending["state"] == "composed":
            return self._evaluate(model, pending)
        return self._gate(model, pending)

    def _revise(self, revision: Record, event: str, payload: Json) -> None:
        subject = f"{revision['model']}/{revision['number']}"
        self.core.desk.append(
            [Draft(f"revision.{event}", subject, GOVD, revision["model"], payload)]
        )

    def _compose(
        self, model: str, wanted: list[Request], above: dict[str, str], desired: list[str]
    ) -> bool:
        core = self.core
        record = core.desk.model(model)
        basis = core.models.opened(model).basis if desired else core.models.basis(record)
        try:
            contributions = [self.requests.contributions.load(d) for d in desired]
            edit = self._composed(basis, contributions)
        except (MachineFault, BadFile):
            raise
        except GovdError as error:
            return self._hold_newest(wanted, error)
        artifact = core.artifacts.put(edit.to_bytes())
        self.measuring.remember(artifact, edit)
        payload: dict[str, Json] = {
            "edit_digest": edit.digest,
            "edit": artifact,
            "rank": edit.rank,
            "side": edit.side,
            "facts": dict(edit.facts),
            "requests": [r["id"] for r in wanted if r["id"] not in above],
            "subsumed": {
                inner: outer if self._may_tell(inner, outer) else ""
                for inner, outer in above.items()
            },
            "contributions": desired,
            "basis": record["basis"],
            "made_for": {
                name: record[name]
                for name in ("reference", "hf_revision", "digest", "from_scratch", "evaluation")
            },
            "plugins": core.plugins.versions(),
            **computed_with(),
        }
        with core.desk.lock:
            number = int(core.desk.views.heads[model]["last"]) + 1
            core.desk.append([Draft("revision.compose", f"{model}/{number}", GOVD, model, payload)])
        return True

    def _composed(self, basis: Basis, contributions: list[Contribution]) -> Edit:
        """By the host, or by a backend on its device where the owner says so (`compose_on` in
        `govd.toml`).
        """
        core, where = self.core, self.core.home.settings.compose_on
        edit: Edit | None = core.plugins.first(
            "govd_compose_edit",
            basis=basis,
            contributions=contributions,
            methods=core.plugins.methods,
            where=where,
        )
        if edit is None and where == "device":
            advice = (
                'Set compose_on = "host" in govd.toml, or install a backend that composes on its'
                " device."
            )
            raise PluginFault(
                "no plugin composes on a device", where="govd_compose_edit", advice=advice
            )
        return (
            self.requests.contributions.figures(basis, contributions)[0] if edit is None else edit
        )

    def _hold_newest(self, wanted: list[Request], error: GovdError) -> bool:
        """The system has no solution: the newest request that is not in force yet fails with the
        reason (a plugin's fault: waits).
        """
        new = [r for r in wanted if r["state"] == "approved"]
        if not new:
            raise error
        return self._record(
            new[-1],
            [
                self._draft(
                    new[-1],
                    "wait" if isinstance(error, PluginFault) else "fail",
                    _spoken(new[-1], error),
                )
            ],
        )

    def _evaluate(self, model: str, revision: Record) -> bool:
        opened = self.core.models.opened_for(model, revision)
        edit, data = (
            self.measuring.edit(revision, model),
            self.measuring.evaluation(model, revision),
        )
        found, by = self.measuring.fast(opened, edit, self.measuring.filed(revision), data)
        self._revise(revision, "evaluate", {"metrics": found, "evaluated_by": by or "govd"})
        return True

    def _gate(self, model: str, revision: Record) -> bool:
        """Ask the gates, each time anew while one of them lets it wait."""
        subject = f"{model}/{revision['number']}"
        if not self.pauses.over("gate", subject):
            return False
        gates, failed = self.requests.decisions.gates(revision)
        self.pauses.note("gate", subject, failed)
        gates += self._unresolved(model)
        for decision, event in (("deny", "refuse"), ("wait", "wait")):
            for gate in gates:
                if gate.decision == decision:
                    reason = f"{gate.gate}: {gate.reason}"
                    if (
                        event == "refuse"
                        or revision["state_reason"] != reason
                        or revision["state"] != "waiting"
                    ):
                        self._revise(revision, event, {"reason": reason})
                    return event == "refuse"
        return self._publish(model, revision)

    def _unresolved(self, model: str) -> list[Gate]:
        """Forgets that were served and wait now, since nobody can compute them for what the model
        is: nothing may come back unseen.
        """
        mine = [
            r
            for r in list(self.core.desk.views.open.values())
            if r["model"] == model and r["kind"] == "forget"
        ]
        waiting = [r for r in mine if r["served_at"] and r["state"] in UNSERVED]
        return [
            Gate("wait", GOVD, f"{r['id']} was in force and waits: {r['state_reason']}")
            for r in waiting
        ]

    def _publish(self, model: str, revision: Record) -> bool:
        """The revision and everything that it makes true, in one append; then the log checkpoint
        that vouches for it.
        """
        core = self.core
        with core.desk.lock:
            if self._desired(model)[2] != revision["contributions"]:
                return True  # looked at again
            subject = f"{model}/{revision['number']}"
            drafts = [
                Draft(
                    "revision.publish",
                    subject,
                    GOVD,
                    model,
                    {"edit_digest": revision["edit_digest"]},
                )
            ]
            core.desk.append([*drafts, *self._transitions(model, int(revision["number"]))])
            # under the lock: whoever verifies sees a publish with its checkpoint
            core.desk.ledger.checkpoint()
        log.info("model %s serves revision %d", model, revision["number"])
        return True

    def _settle(self, model: str, published: Record | None) -> bool:
        """Requests whose state changes though the edit does not: a subsumed one reverted, one that
        another covers now.
        """
        with self.core.desk.lock:
            drafts = self._transitions(model, published["number"] if published else None)
            if not drafts:
                return False
            self.core.desk.append(drafts)
        self.core.desk.ledger.checkpoint()
        return True

    def _may_tell(self, inner: str, outer: str) -> bool:
        """Whether the ledger may say that two requests are about the same: neither is private."""
        views = self.core.desk.views
        requests = (views.request(request_id) for request_id in (inner, outer))
        return not any(request is not None and request.private for request in requests)

    def _transitions(self, model: str, number: int | None) -> list[Draft]:
        """What each request's state becomes once the wanted contributions are the published
        ones.
        """
        views = self.core.desk.views
        wanted, above, _ = self._desired(model)
        drafts = []
        for request in wanted:
            covered = above.get(request["id"])
            if covered and request["state"] != "subsumed":
                by = (
                    covered if self._may_tell(request["id"], covered) else "another forget"
                )  # which would say what is private
                payload = {
                    "reason": (
                        f"covered by {by}: adds nothing while that stands, takes over when it is"
                        " reverted"
                    )
                }
                drafts.append(Draft("request.subsume", request["id"], GOVD, model, payload))
            elif not covered and request["state"] in ("approved", "subsumed"):
                drafts.append(
                    Draft(
                        "request.publish",
                        request["id"],
                        GOVD,
                        model,
                        {"revision": number, "reason": f"revision {number}"},
                    )
                )
        for request in list(views.open.values()):
            if (
                request["model"] == model
                and request["kind"] == "revert"
                and request["state"] == "approved"
            ):
                target = self.core.desk.request(request["reverts"])
                if target["state"] in STANDING:
                    reason = f"reverted by {request['id']}"
                    drafts.append(
                        Draft(
                            "request.revert",
                            target["id"],
                            GOVD,
                            model,
                            {"reason": reason, "by": request["id"]},
                        )
                    )
                drafts.append(
                    Draft(
                        "request.publish",
                        request["id"],
                        GOVD,
                        model,
                        {"revision": number, "reason": "reverted"},
                    )
                )
        return drafts


def _spoken(request: Record, error: GovdError) -> str:
    """What was wrong, without what a private request hides."""
    return (
        error.message
        if not request.get("private")
        else f"{error.title} (what was wrong would say what is private)"
    )
