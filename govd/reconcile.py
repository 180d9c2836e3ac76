"""Desired state against actual state: what is wanted by the ledger, what is published, and the next step between them.

Level-triggered: each step looks at the views anew and does what is missing, so a crash at any moment costs time and nothing else. The
steps of a request are `contribute` and `vote`; of a revision `compose`, `evaluate`, `gate`, `publish`; then `deliver` to `--publish-to`.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
from importlib.metadata import version
from pathlib import Path

from govd.core import Core
from govd.edit import Edit, EvaluationData, compose, metrics
from govd.edit.compose import recognised
from govd.errors import GovdError, MachineFault, PluginFault
from govd.ledger.entry import Draft
from govd.models import evaluation_from
from govd.plugins import ask_each
from govd.requests import Requests, discreet
from govd.types import Contribution, Gate, Json, Record
from govd.views import subsumed_by

ACTOR = "govd"


class Reconciler:
    """Brings every model to what its ledger wants."""

    def __init__(self, core: Core, requests: Requests) -> None:
        self.core, self.requests = core, requests
        self._edits: dict[str, Edit] = {}
        self._data: dict[str, EvaluationData] = {}

    def run(self) -> bool:
        """Do everything that can be done now; whether anything was."""
        did = False
        with self.core.lock:
            self.core.refresh()
            for request in list(self.core.views.open.values()):
                if request["state"] == "filed":
                    self._decide(request)
                    did = True
            for model in list(self.core.views.models):
                while self._step(model):
                    did = True
        return did

    def measure(self) -> bool:
        """Figures that take longer, for published revisions that have none yet: what strangers can still do; whether there was one."""
        did = False
        with self.core.lock:
            for model in list(self.core.views.models):
                published, data = self.core.views.published(model), self.evaluation(model)
                if published is None or published["measured"] or data is None:
                    continue
                filed, edit = self._contributions(published["contributions"]), self.edit(published, model)
                basis = self.core.basis(self.core.model(model))
                contributions = [recognised(basis, c) for c in filed]
                found = {
                    "leaks": metrics.leaks(edit, contributions, data),
                    "neighbour_agreement": metrics.neighbour_agreement(edit, data.vectors),
                    "base_diff": metrics.base_diff(basis, edit),
                }
                self._revise(published, "measure", {"metrics": discreet(_plain(found), filed)})
                did = True
        return did

    # -- requests -------------------------------------------------------------------------------------------------------------

    def _decide(self, request: Record) -> None:
        """From `filed` to approved, waiting, denied or failed: the contribution, the policies' votes, the owner's approval."""
        core, model = self.core, request["model"]
        said: dict[str, Json] = {}
        drafts: list[Draft] = []
        if request["kind"] == "forget":
            try:
                contribution = self.requests.contribute_for(request)
                artifact = self.requests.store(contribution)
                predicted = self.requests.predicted(model, contribution)
            except MachineFault:
                raise
            except GovdError as error:
                reason = error.message if not request.get("private") else f"{error.title} (what was wrong would say what is private)"
                core.record([Draft("request.fail", request["id"], ACTOR, model, {"reason": reason})])
                return
            if core.views.contribution(contribution.digest) is None:
                made = {"artifact": artifact, "method": contribution.spec.method, "facts": dict(contribution.facts)}
                made |= {"plugins": {p.name: p.version for p in core.plugins if not p.fault}, "device": core.model(model)["device"]}
                drafts.append(Draft("contribution.make", contribution.digest, ACTOR, model, made))
            said = {"contribution": contribution.digest, "predicted": predicted}
        moment = "revert" if request["kind"] == "revert" else "filed"
        votes = self.requests.vote(moment, {**request, **said}, said.get("predicted", {}))
        versions = {p.name: p.version for p in core.plugins}
        for vote in votes:
            payload = {
                "policy": vote.policy,
                "version": versions.get(vote.policy, ""),
                "decision": vote.decision,
                "reason": vote.reason,
                "inputs": dict(vote.inputs),
            }
            drafts.append(Draft("request.vote", request["id"], ACTOR, model, {"moment": moment, **payload}))
        denied = next((v for v in votes if v.decision == "deny"), None)
        waits = next((v for v in votes if v.decision == "wait"), None)
        if denied:
            drafts.append(Draft("request.deny", request["id"], ACTOR, model, {**said, "reason": f"{denied.policy}: {denied.reason}"}))
        elif waits:
            drafts.append(Draft("request.wait", request["id"], ACTOR, model, {**said, "reason": f"{waits.policy}: {waits.reason}"}))
        elif core.home.settings.approval == "person":
            reason = "a person must approve (approval = person in govd.toml)"
            drafts.append(Draft("request.wait", request["id"], ACTOR, model, {**said, "reason": reason}))
        else:
            by = request["filed_by"]
            reason = f"approved by its filing: this home belongs to one user, and {by} filed it"
            drafts.append(Draft("request.approve", request["id"], by, model, {**said, "reason": reason, "by": by}))
        core.record(drafts)

    # -- revisions ------------------------------------------------------------------------------------------------------------

    def _desired(self, model: str) -> tuple[list[dict[str, Json]], dict[str, str], list[str]]:
        """Wanted requests, which of them are covered by which, and the contributions of the rest, sorted."""
        wanted = self.core.views.wanted(model)
        above = subsumed_by(wanted)
        return wanted, above, sorted(r["contribution"] for r in wanted if r["id"] not in above)

    def _step(self, model: str) -> bool:
        """One step for one model; whether there was one."""
        views = self.core.views
        _, _, desired = self._desired(model)
        published = views.published(model)
        actual = published["contributions"] if published else []
        last = views.last(model)
        pending = last if last and last["state"] in ("composed", "evaluated", "waiting") else None
        if pending and pending["contributions"] != desired:
            event = "refuse" if pending["state"] == "composed" else "supersede"
            self._revise(pending, event, {"reason": "what is wanted has changed meanwhile"})
            return True
        if desired == actual:
            return self._settle(model, published) or self._deliver(model, published)
        if pending is None:
            if last and last["state"] == "refused" and last["contributions"] == desired:
                return False  # a gate said no to exactly this; something must change first
            return self._compose(model, desired)
        if pending["state"] == "composed":
            return self._evaluate(model, pending)
        if pending["state"] == "evaluated":
            return self._gate(model, pending)
        return False

    def _revise(self, revision: Record, event: str, payload: Json) -> None:
        subject = f"{revision['model']}/{revision['number']}"
        self.core.record([Draft(f"revision.{event}", subject, ACTOR, revision["model"], payload)])

    def _contributions(self, digests: list[str]) -> list[Contribution]:
        return [self.requests.load(d) for d in digests]

    def _compose(self, model: str, desired: list[str]) -> bool:
        core = self.core
        record = core.model(model)
        basis = core.opened(model).basis if desired else core.basis(record)
        wanted, above, _ = self._desired(model)
        try:
            contributions = self._contributions(desired)
            edit: Edit | None = core.first(
                "govd_compose_edit", basis=basis, contributions=contributions, methods=core.methods, where="host"
            )
            edit = compose(basis, contributions, core.methods) if edit is None else edit
        except MachineFault:
            raise
        except GovdError as error:
            return self._hold_newest(wanted, model, error)
        artifact = core.artifacts.put(edit.to_bytes())
        self._edits[artifact] = edit
        number = int(core.views.heads[model]["last"]) + 1
        payload: dict[str, Json] = {
            "edit_digest": edit.digest,
            "edit": artifact,
            "rank": edit.rank,
            "side": edit.side,
            "facts": dict(edit.facts),
            "requests": [r["id"] for r in wanted if r["id"] not in above],
            "subsumed": above,
            "contributions": desired,
            "basis": record["basis"],
            "model_digest": record["digest"],
            "plugins": {p.name: p.version for p in core.plugins if not p.fault},
            "software": {name: version(name) for name in ("govd", "numpy")} | {"python": platform.python_version()},
            "machine": platform.machine(),
        }
        core.record([Draft("revision.compose", f"{model}/{number}", ACTOR, model, payload)])
        return True

    def _hold_newest(self, wanted: list[dict[str, Json]], model: str, error: GovdError) -> bool:
        """The system has no solution: the newest request that is not in force yet fails, with the reason."""
        new = [r for r in wanted if r["state"] == "approved"]
        if not new:
            raise error
        self.core.record([Draft("request.fail", new[-1]["id"], ACTOR, model, {"reason": error.message})])
        return True

    def edit(self, revision: Record | None, model: str) -> Edit:
        """The edit of a revision (None: the base)."""
        if revision is None:
            record = self.core.model(model)
            return Edit.nothing(int(record["dim"]), record["side"])
        artifact = str(revision["edit"])
        if artifact not in self._edits:
            self._edits[artifact] = Edit.from_bytes(self.core.artifacts.get(artifact), artifact)
        return self._edits[artifact]

    def evaluation(self, model: str) -> EvaluationData | None:
        """The model's evaluation set, if it has one."""
        digest = self.core.model(model)["evaluation"]
        if digest is None:
            return None
        if digest not in self._data:
            self._data[digest] = evaluation_from(self.core.artifacts.get(digest))
        return self._data[digest]

    def _evaluate(self, model: str, revision: Record) -> bool:
        core = self.core
        record = core.model(model)
        filed = self._contributions(revision["contributions"])
        opened = core.opened(model) if filed else None
        basis = opened.basis if opened else core.basis(record)
        contributions = [recognised(basis, c) for c in filed]
        edit, data = self.edit(revision, model), self.evaluation(model)
        if edit.digest != revision["edit_digest"]:
            raise PluginFault("the stored edit is not the one that was composed", where=f"{model}/{revision['number']}")
        found: Json = None
        if opened:
            found = core.first("govd_evaluate", model=opened.model, basis=basis, edit=edit, contributions=contributions, data=data)
        if found is None:
            found = {"data_free": metrics.data_free(basis, edit, contributions)}
            if data is not None:
                found |= metrics.on_images(basis, edit, contributions, data)
        self._revise(revision, "evaluate", {"metrics": discreet(_plain(found), filed)})
        return True

    def _gate(self, model: str, revision: Record) -> bool:
        gates = []
        for plugin, answer in ask_each(self.core.manager, "govd_gate", revision=revision):
            if isinstance(answer, Gate):
                gates.append(answer)
            else:
                gates.append(Gate("wait", plugin, answer.message if isinstance(answer, PluginFault) else f"answered nonsense: {answer!r}"))
        for decision, event in (("deny", "refuse"), ("wait", "wait")):
            for gate in gates:
                if gate.decision == decision:
                    self._revise(revision, event, {"reason": f"{gate.gate}: {gate.reason}"})
                    return event == "refuse"
        return self._publish(model, revision)

    def _publish(self, model: str, revision: Record) -> bool:
        """The revision and everything that it makes true, in one append; then the log checkpoint that vouches for it."""
        size = self.core.views.size
        subject = f"{model}/{revision['number']}"
        drafts = [Draft("revision.publish", subject, ACTOR, model, {"edit_digest": revision["edit_digest"]})]
        drafts += self._transitions(model, int(revision["number"]))
        self.core.record(drafts, expect=size)
        self.core.ledger.checkpoint()
        return True

    def _settle(self, model: str, published: Record | None) -> bool:
        """Requests whose state changes though the edit does not: a subsumed one reverted, one that another covers now."""
        drafts = self._transitions(model, published["number"] if published else None)
        if not drafts:
            return False
        self.core.record(drafts)
        self.core.ledger.checkpoint()
        return True

    def _transitions(self, model: str, number: int | None) -> list[Draft]:
        """What each request's state becomes once the wanted contributions are the published ones."""
        views = self.core.views
        wanted, above, _ = self._desired(model)
        drafts = []
        for request in wanted:
            covered = above.get(request["id"])
            if covered and request["state"] != "subsumed":
                payload = {"reason": f"covered by {covered}: adds nothing while that stands, takes over when it is reverted", "by": covered}
                drafts.append(Draft("request.subsume", request["id"], ACTOR, model, payload))
            elif not covered and request["state"] in ("approved", "subsumed"):
                drafts.append(Draft("request.publish", request["id"], ACTOR, model, {"revision": number, "reason": f"revision {number}"}))
        for request in views.open.values():
            if request["model"] == model and request["kind"] == "revert" and request["state"] == "approved":
                target = self.core.request(request["reverts"])
                if target["state"] in ("in_force", "subsumed"):
                    reason = f"reverted by {request['id']}"
                    drafts.append(Draft("request.revert", target["id"], ACTOR, model, {"reason": reason, "by": request["id"]}))
                drafts.append(Draft("request.publish", request["id"], ACTOR, model, {"revision": number, "reason": "reverted"}))
        return drafts

    # -- delivery -------------------------------------------------------------------------------------------------------------

    def _deliver(self, model: str, published: Record | None) -> bool:
        """Keep `--publish-to` on the published revision (the base is 0); whether there was something to do."""
        record = self.core.model(model)
        if not record["publish_to"]:
            return False
        folder, number = Path(record["publish_to"]), published["number"] if published else 0
        current = folder / "current"
        try:
            said = json.loads((current / "revision.json").read_text(encoding="utf-8"))
            if said["number"] == number and said["model_digest"] == record["digest"]:
                return False
        except (OSError, ValueError, KeyError):
            pass
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / f".{number}.{secrets.token_hex(4)}"
            part.mkdir()
            files = self.core.opened(model).model.write_checkpoint(self.edit(published, model), part)
            digest = published["edit_digest"] if published else None
            what = {"model": model, "number": number, "edit_digest": digest, "model_digest": record["digest"], "files": dict(files)}
            (part / "revision.json").write_text(json.dumps(what, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            if (folder / str(number)).exists():
                shutil.rmtree(folder / str(number))
            os.replace(part, folder / str(number))
            if published and published["files"] != files:
                self._revise(published, "deliver", {"files": dict(files)})
            link = folder / f".current.{secrets.token_hex(4)}"
            link.symlink_to(str(number), target_is_directory=True)
            os.replace(link, current)
        except OSError as fault:
            advice = "Free some space or correct its permissions; the revision is published, and delivery is tried again."
            raise MachineFault(f"cannot deliver the checkpoint ({fault.strerror})", where=str(folder), advice=advice) from fault
        return True


def _plain(value: Json) -> Json:
    """NumPy's numbers as Python's, so that canonical JSON takes them."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        return value.item()
    return value
