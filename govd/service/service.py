"""The one service under both faces: everything that a person or script can ask of a home."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from types import TracebackType

from govd.audit.bundles import Bundles
from govd.audit.checkpoints import LogCheckpoints
from govd.audit.proofs import Proofs
from govd.audit.questions import Audit
from govd.audit.verification import Verification
from govd.edit import EvaluationData, metrics
from govd.edit.compose import recognised
from govd.edit.confusion import confusion
from govd.errors import Denied, GovdError, Usage
from govd.home.home import Home
from govd.models.core import Core
from govd.models.evaluation_set import read_images
from govd.models.given import Given
from govd.models.registry import Models
from govd.reconcile.attacking import OtherWords, checked
from govd.reconcile.loop import Reconciler
from govd.reconcile.measuring import Measuring, by_cell, plain
from govd.records.lifecycle import OPEN, PENDING, has_expired
from govd.records.limits import bounded
from govd.records.revision import Revision
from govd.requests import ForgetOptions, Requests
from govd.serve.answers import Answers
from govd.serve.exports import Exports
from govd.serve.interference import Interference
from govd.serve.serving import Serving
from govd.service.reporting import Reports
from govd.service.tokens import Tokens
from govd.types import Json, Progress, Record, silent

log = logging.getLogger("govd")
HONEST = (
    "The edit suppresses the concepts in the shared space and at the model's output. It does not"
    " erase training data or traces in earlier layers; what a stranger with examples can still do"
    " is measured beside it."
)


class Service:
    """A home at work. Close it, or use it as a context."""

    def __init__(self, home: Home, progress: Progress = silent) -> None:
        self.core = Core(home, progress)
        self.requests = Requests(self.core)
        self.models = Models(self.core, self.requests.contributions, self.requests.calibrating)
        self.measuring = Measuring(self.core, self.requests.contributions)
        self.audit = Audit(self.core)
        self.checkpoints = LogCheckpoints(self.core)
        self.proofs = Proofs(self.core, self.audit, self.checkpoints)
        self.verification = Verification(self.core)
        self.bundles = Bundles(self.core, self.audit, self.checkpoints)
        self.answers = Answers(home.folder / "answers.db", home.settings.inference_log)
        self.tokens = Tokens(self.core)
        self.reconciler = Reconciler(self.core, self.requests, self.measuring)
        answering = Serving(self.core, self.measuring)
        self.serving, self.embeddings, self.classify = (
            answering.now,
            answering.embeddings,
            answering.classify,
        )
        self.export = Exports(self.core, answering).write
        self.reports = Reports(self.core, self.requests.contributions, answering)
        self.interference = Interference(
            self.core, self.requests.contributions, self.measuring, answering
        ).of
        self._resume_signing()

    def _resume_signing(self) -> None:
        """Sign what a crash left published and unsigned. Where nothing beside the key says yet what
        was signed, that is kept from now on; and a publish without its checkpoint is there for
        verification to look at first.
        """
        ledger = self.core.desk.ledger
        try:
            if ledger.fault is not None:
                return
            if ledger.signed.note() is not None:
                self.core.desk.sign_published()
            elif not self.core.desk.is_bare():
                ledger.pin()
        except GovdError as error:  # reading goes on
            log.warning("what was published is not signed: %s", error.message)

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Sign what is not signed yet, and let go of the home."""
        if self.core.closed:
            return
        self.reconciler.rest()
        try:
            self.checkpoints.sign()
        except GovdError as error:  # a full disk, say: closing must go on
            log.warning("no log checkpoint at the end: %s", error.message)
        finally:
            self.answers.close()
            self.core.close()

    # -- doing

    def reconcile(self, only: str | None = None, patient: bool = True) -> bool:
        """Bring every model, or `only` that one, to what is wanted; whether there was something to
        do. Not `patient`: what takes longer goes on in the background, and one model waits for no
        other.
        """
        return self.reconciler.run(only, patient)

    def measure(self, patient: bool = True) -> bool:
        """Take the slower measurements that are missing; whether there were some."""
        return self.reconciler.measure(patient)

    def vouch(self) -> None:
        """What is done at intervals for those who don't trust us: a log checkpoint where one is
        due, and witnesses to it.
        """
        if self.core.ending:
            return
        with self.core.desk.lock:
            self.checkpoints.hourly()
        for said in self.checkpoints.witness(patient=True):
            if said["fault"]:
                log.warning("witness %s: %s", said["name"], said["fault"])

    @bounded
    def add_model(self, name: str, reference: str, given: Given, actor: str) -> Record:
        """Register a model and serve it unedited."""
        self.models.add(name, reference, given, actor)
        self.reconcile(name)
        self.checkpoints.sign()
        return self.models.show(name)

    @bounded
    def update_model(
        self, name: str, given: Given, actor: str, reference: str | None = None
    ) -> Record:
        """Change what a model is registered with, or rebase it on another checkpoint, and publish
        what follows from that.
        """
        with self.core.working(name):
            self.models.update(name, given, actor, reference)
        self.reconcile(name)
        self.checkpoints.sign()
        return self.models.show(name)

    def forget(self, model: str, options: ForgetOptions, actor: str) -> Record:
        """File a forget; `reconcile` does the rest."""
        return self.requests.forget(model, options, actor)

    def preview(self, model: str, options: ForgetOptions, actor: str = "") -> Record:
        """What a forget would do if this actor filed it."""
        return self.requests.preview(model, options, actor)

    def revert(
        self, request_id: str, reason: str, actor: str, idempotency_key: str | None = None
    ) -> Record:
        """File a revert."""
        return self.requests.revert(request_id, reason, actor, idempotency_key)

    # -- reading

    def status(self) -> Record:
        """Models, what they serve, what waits and why, size and head of the ledger."""
        views, ledger = self.core.desk.views, self.core.desk.ledger
        waiting = [
            {"id": r["id"], "model": r["model"], "state": r["state"], "reason": r["state_reason"]}
            for r in list(views.open.values())
            if r["state"] in OPEN and not r.get("model_retired")
        ]
        states = Counter((r["model"], r["state"]) for r in list(views.open.values()))
        models = [
            {
                "name": name,
                **_served(views.published(name)),
                "in_force": states[name, "in_force"],
                "subsumed": states[name, "subsumed"],
                "pending": self._pending(name),
                "undelivered": self.reconciler.deliveries.undelivered(name),
                "capacity": self._capacity(name),
            }
            for name in sorted(views.models)
        ]
        retired = [
            {
                "name": r["name"],
                **r["retired"],
                "in_force": states[r["name"], "in_force"],
                "subsumed": states[r["name"], "subsumed"],
            }
            for r in views.retired()
        ]
        head = {"origin": ledger.origin, "size": ledger.size(), "root": ledger.root().hex()}
        head["fault"] = ledger.fault.message if ledger.fault is not None else ""
        expired = [
            {"id": r["id"], "model": r["model"], "expires_at": r["expires_at"]}
            for r in list(views.open.values())
            if has_expired(r) and not r.get("model_retired")
        ]
        found = {
            "home": str(self.core.home.folder),
            "models": models,
            "retired": retired,
            "waiting": waiting,
            "expired": expired,
        }
        return {**found, "ledger": head}

    def _capacity(self, model: str) -> dict[str, Json] | None:
        """The model's capacity curve and where the published revision is on it."""
        published = self.core.desk.views.published(model)
        changed: float | None = 0.0
        standing = 0
        if published is not None:
            figures = published.metrics.get("data_free") or {}
            changed = figures.get("predicted_disagreement")
            standing = len(published.contributions)
        return self.requests.calibrating.capacity(self.core.desk.model(model), standing, changed)

    def _pending(self, model: str) -> dict[str, Json] | None:
        """The revision that is on its way or was refused last, and what it waits for."""
        last = self.core.desk.views.last(model)
        if last is None or last["state"] not in (*PENDING, "refused"):
            return None
        return {"number": last["number"], "state": last["state"], "reason": last["state_reason"]}

    @bounded
    def revisions(self, model: str) -> list[Record]:
        """A model's revisions, oldest first."""
        self.core.desk.known_model(model)
        return list(self.core.desk.views.revisions(model))

    @bounded
    def revision(self, model: str, number: int) -> Record:
        """One revision.

        Raises:
            NotFound: there is none of this number.
        """
        return self.core.desk.revision(model, number)

    @bounded
    def diff(self, model: str, first: int, second: int) -> Record:
        """What the second revision has that the first has not, and the other way round."""
        a, b = self.revision(model, first), self.revision(model, second)
        changed = {
            k: {"from": a["metrics"].get(k), "to": b["metrics"].get(k)}
            for k in ("forget_acc", "retain_acc", "retain_agreement", "accuracy")
            if k in a["metrics"] or k in b["metrics"]
        }
        return {
            "model": model,
            "from": first,
            "to": second,
            "added": sorted(set(b["requests"]) - set(a["requests"])),
            "removed": sorted(set(a["requests"]) - set(b["requests"])),
            "same_edit": a["edit_digest"] == b["edit_digest"],
            "rank": {"from": a["rank"], "to": b["rank"]},
            "metrics": changed,
        }

    # -- answering

    @bounded
    def evaluate(
        self,
        model: str,
        images: str | None,
        revision: int | None = None,
        base: bool = False,
        report: bool = False,
        disclose: bool = False,
        words: OtherWords | None = None,
    ) -> Record:
        """The metrics of a revision on a folder of labelled pictures (the model's own where None),
        with what a stranger can still do. `report`: also what a report shows beside them, which
        takes longer; `words`: other words for labels, which are tried as well.

        Raises:
            Usage: the model has no evaluation set and no folder is given. BadFile: there is no
            picture in it. Denied: a report would name what a private request is about, unless
            `disclose`.
        """
        now = self.serving(model, revision, base)
        made = self.core.desk.revision(model, now.number) if now.number else None
        if report and made is not None and not disclose:
            self._check_private(made)
        data: EvaluationData | None
        left_out: Counter[str] = Counter()
        if images is None:
            data = self.measuring.evaluation(model)
            if data is None:
                raise Usage(f"{model} has no evaluation set", advice="Say --images DIR.")
        else:
            labels, others = now.opened.basis.labels, self.models.spellings(model)
            data, left_out = read_images(
                Path(images),
                now.opened.encoder,
                now.opened.basis.domains,
                self.core.progress,
                labels,
                others,
            )
        checked(words or {}, now.opened.basis.anchors[0])
        filed = self.measuring.filed(made)
        contributions = [recognised(now.opened.basis, c) for c in filed]
        found = metrics.on_images(now.opened.basis, now.edit, contributions, data)
        found["data_free"] = metrics.data_free(now.opened.basis, now.edit, contributions)
        found |= self.measuring.slow(now.opened, now.edit, contributions, data, words)
        by_cell(now.opened, now.edit, contributions, data, found)
        found |= {
            "skipped": data.skipped,
            "left_out": dict(left_out),
            "confusion": confusion(now.opened.basis, now.edit, data),
        }
        answer = {"model": model, "revision": now.number, "claim": HONEST, "metrics": plain(found)}
        if report:
            folder = images or self.core.desk.model(model).get("images")
            shown = self.reports.figures(
                model, now, filed, data, Path(folder) if folder and Path(folder).is_dir() else None
            )
            answer["report"] = plain(shown)
        return answer

    def _check_private(self, made: Record) -> None:
        """Refuse to show what a private request is about.

        Raises:
            Denied: one of them is private.
        """
        private = [r for r in made["requests"] if self.core.desk.request(r).get("private")]
        if private:
            what = f"a report would name what {', '.join(private)} keeps private"
            raise Denied(
                what,
                where=f"{made['model']}/{made['number']}",
                advice="Say --disclose if whoever reads it may know.",
            )


def _served(published: Revision | None) -> dict[str, Json]:
    """Number and rank of what a model serves, 0 for the base."""
    if published is None:
        return {"revision": 0, "rank": 0}
    return {"revision": published.number, "rank": published.rank}


def open_service(folder: Path, progress: Progress = silent) -> Service:
    """The service on a home, under its lock."""
    home = Home(folder)
    try:
        return Service(home, progress)
    except BaseException:
        home.close()
        raise
