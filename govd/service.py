"""The one service under both faces: everything that a person or script can ask of a home."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from govd.answers import Answers
from govd.audit import Audit
from govd.core import Core
from govd.edit import Edit, EvaluationData, metrics
from govd.edit.compose import recognised
from govd.edit.confusion import confusion
from govd.errors import Conflict, Denied, GovdError, MachineFault, NotFound, UnreadableImage, Unsupported, Usage
from govd.evidence import Evidence
from govd.home import Home
from govd.ledger.store import Draft
from govd.models import Given, Models, read_images
from govd.reconcile import Reconciler, _plain
from govd.requests import ForgetOptions, Requests
from govd.tokens import Tokens
from govd.types import Bytes, Floats, Json, Progress, Record, silent

log = logging.getLogger("govd")
HONEST = (
    "The edit suppresses the concepts in the shared space and at the model's output. It does not erase training data or traces in "
    "earlier layers; what a stranger with examples can still do is measured beside it."
)


@dataclass(frozen=True)
class Serving:
    """What a model answers with at this moment; swapped as a whole."""

    number: int
    edit: Edit


class Service:
    """A home at work. Close it, or use it as a context."""

    def __init__(self, home: Home, progress: Progress = silent) -> None:
        self.core = Core(home, progress)
        self.models = Models(self.core)
        self.requests = Requests(self.core)
        self.audit = Audit(self.core)
        self.evidence = Evidence(self.core, self.audit)
        self.answers = Answers(home.folder / "answers.db", home.settings.inference_log)
        self.tokens = Tokens(self.core)
        self.reconciler = Reconciler(self.core, self.requests)
        self._serving: dict[str, Serving] = {}

    def __enter__(self) -> Service:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Sign what is not signed yet, and let go of the home."""
        if self.core.closed:
            return
        try:
            self.evidence.sign()
        except GovdError as error:  # a full disk, say: closing must go on
            log.warning("no log checkpoint at the end: %s", error.message)
        finally:
            self.answers.close()
            self.core.close()

    # -- doing ----------------------------------------------------------------------------------------------------------------

    def reconcile(self) -> bool:
        """Bring every model to what is wanted; whether there was something to do."""
        return self.reconciler.run()

    def measure(self) -> bool:
        """Take the slower measurements that are missing; whether there were some."""
        return self.reconciler.measure()

    def vouch(self) -> None:
        """What is done at intervals for those who don't trust us: a log checkpoint where one is due, and witnesses to it."""
        with self.core.lock:
            self.evidence.hourly()
        for said in self.evidence.witness(patient=True):
            if said["fault"]:
                log.warning("witness %s: %s", said["name"], said["fault"])

    def add_model(self, name: str, reference: str, given: Given, actor: str) -> Record:
        """Register a model and serve it unedited."""
        with self.core.lock:
            record = self.models.add(name, reference, given, actor)
            self.reconcile()
            self.evidence.sign()
            return record

    def update_model(self, name: str, given: Given, actor: str, reference: str | None = None) -> Record:
        """Change what a model is registered with, or rebase it on another checkpoint, and publish what follows from that."""
        with self.core.lock:
            self.models.update(name, given, actor, self.requests, reference)
            self._serving.pop(name, None)
            self.reconcile()
            self.evidence.sign()
            return self.models.show(name)

    def forget(self, model: str, options: ForgetOptions, actor: str) -> Record:
        """File a forget; `reconcile` does the rest."""
        return self.requests.forget(model, options, actor)

    def preview(self, model: str, options: ForgetOptions) -> Record:
        """What a forget would do."""
        return self.requests.preview(model, options)

    def revert(self, request_id: str, reason: str, actor: str, idempotency_key: str | None = None) -> Record:
        """File a revert."""
        return self.requests.revert(request_id, reason, actor, idempotency_key)

    # -- reading --------------------------------------------------------------------------------------------------------------

    def status(self) -> Record:
        """Models, what they serve, what waits and why, size and head of the ledger."""
        views, ledger = self.core.views, self.core.ledger
        waiting = [
            {"id": r["id"], "model": r["model"], "state": r["state"], "reason": r["state_reason"]}
            for r in views.open.values()
            if r["state"] in ("filed", "waiting", "approved", "failed")
        ]
        states = Counter((r["model"], r["state"]) for r in views.open.values())
        models = [
            {
                "name": name,
                "revision": (views.published(name) or {}).get("number", 0),
                "rank": (views.published(name) or {}).get("rank", 0),
                "in_force": states[name, "in_force"],
                "subsumed": states[name, "subsumed"],
            }
            for name in sorted(views.models)
        ]
        head = {"origin": ledger.origin, "size": ledger.size(), "root": ledger.root().hex()}
        return {"home": str(self.core.home.folder), "models": models, "waiting": waiting, "ledger": head}

    def revisions(self, model: str) -> list[Record]:
        """A model's revisions, oldest first."""
        self.core.model(model)
        return list(self.core.views.revisions(model))

    def revision(self, model: str, number: int) -> Record:
        """One revision.

        Raises:
            NotFound: there is none of this number.
        """
        self.core.model(model)
        found = self.core.views.revision(model, number)
        if found is None:
            raise NotFound(f"{model} has no revision {number}", advice=f"`govd revision list --model {model}` shows them.")
        return found

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

    # -- answering ------------------------------------------------------------------------------------------------------------

    def serving(self, model: str, revision: int | None = None, base: bool = False) -> Serving:
        """A revision number and its edit, taken together: no answer mixes two."""
        record = self.core.model(model)
        if base or revision == 0:
            return Serving(0, Edit.nothing(int(record["dim"]), record["side"]))
        if revision is not None:
            found: Record | None = self.revision(model, revision)
        else:
            found = self.core.views.published(model)
        number = int(found["number"]) if found else 0
        if found and found["contributions"] and found.get("model_digest", record["digest"]) != record["digest"]:
            what = f"revision {number} was made for another checkpoint of {model} than the one that it was rebased to"
            raise Conflict(what, advice="`govd revision list` shows whether the new revision waits for somebody.")
        now = self._serving.get(model)
        if now is None or now.number != number or revision is not None:
            now = Serving(number, self.reconciler.edit(found, model))
            if revision is None:
                self._serving[model] = now
        return now

    def embeddings(
        self, model: str, *, texts: Sequence[str] = (), images: Sequence[Path | Bytes] = (), revision: int | None = None, base: bool = False
    ) -> tuple[Floats, int]:
        """Unit embeddings `(n, d)` from the published revision, texts first, and its number."""
        with self.core.lock:
            now = self.serving(model, revision, base)
            encoder = self.core.opened(model).encoder
            rows = [encoder.texts(list(texts))] if texts else []
            pictures = encoder.pictures(list(images)) if images else None
        if texts and now.edit.side == "text":
            rows[0] = now.edit.apply(rows[0])
        if pictures is not None:
            rows.append(now.edit.apply(pictures) if now.edit.side == "image" else pictures)
        if not rows:
            raise Usage("nothing to encode", advice="Give texts or images.")
        return np.concatenate(rows), now.number

    def classify(
        self,
        model: str,
        images: Sequence[tuple[str, Path | Bytes]],
        labels: Sequence[str] | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> list[Record]:
        """The best label for each picture `(name, picture)`: `path`, `label`, `scores`, `revision`."""
        with self.core.lock:
            now = self.serving(model, revision, base)
            opened = self.core.opened(model)
            names, texts = self._labels(model, labels)
            rows, failed = [], {}
            for name, image in images:
                try:
                    rows.append((name, opened.encoder.pictures([image])[0]))
                except UnreadableImage as error:
                    failed[name] = error.message
        if not rows:
            raise UnreadableImage("none of the pictures can be read", advice="; ".join(failed.values())[:500])
        found = metrics.scores(now.edit, np.stack([v for _, v in rows]), texts)
        answers: list[Record] = []
        for (name, _), row in zip(rows, found, strict=True):
            order = np.argsort(-row, kind="stable")
            scores = {names[i]: round(float(row[i]), 6) for i in order}
            answers.append({"path": name, "label": names[order[0]], "scores": scores, "revision": now.number})
        answers += [{"path": name, "label": None, "scores": {}, "revision": now.number, "error": text} for name, text in failed.items()]
        return answers

    def _labels(self, model: str, labels: Sequence[str] | None) -> tuple[list[str], Floats]:
        opened = self.core.opened(model)
        basis = opened.basis
        if labels is None:
            if not basis.labels:
                raise Usage(f"{model} has no label set", advice="Say --labels a,b,c.")
            return list(basis.labels), basis.tensors["labels"]
        names = [name.strip() for name in labels if name.strip()]
        if not names:
            raise Usage("no labels", advice="Say --labels a,b,c.")
        return names, opened.encoder.averaged(names, basis.templates)

    def evaluate(self, model: str, images: str | None, revision: int | None = None, base: bool = False) -> Record:
        """The metrics of a revision on a folder of labelled pictures (the model's own where None), with what a stranger can still do."""
        with self.core.lock:
            opened = self.core.opened(model)
            data: EvaluationData | None
            if images is None:
                data = self.reconciler.evaluation(model)
                if data is None:
                    raise Usage(f"{model} has no evaluation set", advice="Say --images DIR.")
            else:
                data = read_images(Path(images), opened.encoder, opened.basis.domains, self.core.progress)
            now = self.serving(model, revision, base)
            digests = [] if not now.number else self.revision(model, now.number)["contributions"]
            contributions = [recognised(opened.basis, self.requests.load(d)) for d in digests]
            found = metrics.on_images(opened.basis, now.edit, contributions, data)
            found["data_free"] = metrics.data_free(opened.basis, now.edit, contributions)
            found["neighbour_agreement"] = metrics.neighbour_agreement(now.edit, data.vectors)
            found["leaks"] = metrics.leaks(now.edit, contributions, data)
            found["base_diff"] = metrics.base_diff(opened.basis, now.edit)
            found |= {"skipped": data.skipped, "confusion": confusion(opened.basis, now.edit, data)}
            return {"model": model, "revision": now.number, "claim": HONEST, "metrics": _plain(found)}

    def export(
        self,
        model: str,
        folder: Path,
        actor: str,
        revision: int | None = None,
        format: str = "hf",
        disclose: bool = False,
        recipient: str = "",
    ) -> Record:
        """Write the edited model (`hf`) or its edit (`edit`) into a folder that is empty or not there yet; the recipient is recorded, so
        that he can be told of later reverts.

        Raises:
            Denied: a private request is in it: beside its public base an edited model names what it forgot. `disclose` allows it.
        """
        with self.core.lock:
            now = self.serving(model, revision)
            private = [
                r for r in (self.revision(model, now.number)["requests"] if now.number else []) if self.core.request(r).get("private")
            ]
            if private and not disclose:
                advice = "Say --disclose --recipient WHO if whoever gets it may know."
                raise Denied(
                    f"an export would disclose what {', '.join(private)} keeps private", where=f"{model}/{now.number}", advice=advice
                )
            try:
                folder.mkdir(parents=True, exist_ok=True)
                filled = any(folder.iterdir())
            except OSError as fault:
                advice = "Choose a folder that can be written; nothing was changed."
                raise MachineFault(f"cannot be written ({fault.strerror})", where=str(folder), advice=advice) from None
            if filled:
                raise Usage("the folder is not empty", where=str(folder), advice="Choose a new one; nothing is overwritten.")
            if format == "edit":
                facts = {"model": model, "revision": now.number, "model_digest": self.core.model(model)["digest"]}
                path = folder / f"{model}.edit.safetensors"
                Edit(now.edit.L, now.edit.B, now.edit.side, facts).save(path)
                from govd.embeddings import file_digest

                files: Json = {path.name: file_digest(path)}
            else:
                opened = self.core.opened(model).model
                files = self.core.first("govd_export", model=opened, edit=now.edit, format=format, folder=folder)
                if files is None:
                    raise Unsupported(f"no plugin writes the format {format!r}", advice="Formats: hf, edit.")
            payload = {
                "revision": now.number,
                "format": format,
                "folder": str(folder),
                "files": dict(files),
                "edit_digest": now.edit.digest,
                "recipient": recipient or actor,
                "disclosed": private,
            }
            self.core.record([Draft("export.write", f"{model}/{now.number}", actor, model, payload)])
            return {"model": model, **payload}

    def wait_for(self, request_id: str, seconds: float = 600.0) -> Record:
        """A request's record once it is decided, or when the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            request = self.requests.show(request_id)
            if request["state"] not in ("filed", "approved"):
                break
            time.sleep(0.02)
        return self.requests.show(request_id)


def open_service(folder: Path, progress: Progress = silent) -> Service:
    """The service on a home, under its lock."""
    home = Home(folder)
    try:
        return Service(home, progress)
    except BaseException:
        home.close()
        raise
