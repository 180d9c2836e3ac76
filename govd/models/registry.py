"""The nouns of `govd model`: registering, changing and removing; each is one append."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from govd.errors import Conflict, GovdError, MachineFault, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core, Opened
from govd.models.given import Given, prepared
from govd.models.phrases import spelled
from govd.models.pool import Pool
from govd.models.publish_folder import check_place, folder_of, is_early, real, same
from govd.models.words import spellings
from govd.records.lifecycle import OPEN, STANDING, UNSERVED, WANTED
from govd.records.limits import bounded
from govd.records.request import Request
from govd.types import Contribution, Json, Record

if TYPE_CHECKING:
    from govd.edit import Basis

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Computes(Protocol):
    """What computes contributions anew where a model changes (`govd.requests`)."""

    def of_request(self, request: Request, opened: Opened | None = None) -> Contribution:
        """The contribution of a request on a model that may not be registered yet."""
        ...


class Keeps(Protocol):
    """What keeps contributions (`govd.requests`)."""

    def put(
        self, contribution: Contribution, model: str, actor: str, opened: Opened
    ) -> list[Draft]:
        """Keep a contribution; the entry that says so, where none does yet."""
        ...


class Calibrates(Protocol):
    """What measures how far predictions are off (`govd.requests`)."""

    def measured(self, opened: Opened, record: Mapping[str, Json]) -> str | None:
        """The artifact with the errors of a model as its entry describes it; None where they cannot
        be measured.
        """
        ...


class Models:
    """Registered models of a home."""

    def __init__(
        self, core: Core, computing: Computes, contributions: Keeps, calibrating: Calibrates
    ) -> None:
        self.core, self.computing = core, computing
        self.contributions, self.calibrating = contributions, calibrating

    def all(self) -> list[Record]:
        """All registered models and those that were retired, by name; `state` says which."""
        retired = {str(record["name"]): record for record in self.core.desk.views.retired()}
        return [
            self._shown(record)
            for _, record in sorted({**retired, **self.core.desk.views.models}.items())
        ]

    @bounded
    def show(self, name: str) -> Record:
        """One model with the revision that it serves; of a retired one, that it served last."""
        return self._shown(self.core.desk.known_model(name))

    def spellings(self, name: str) -> dict[str, str]:
        """Labels of a model by other spellings of them, as folders may be called."""
        record = self.core.desk.model(name)
        others = {spelled(label): label for label in self.core.models.basis(record).labels}
        return {**spellings(record.get("labels_merged", [])), **others}

    def _shown(self, record: Record) -> Record:
        published = self.core.desk.views.published(str(record["name"]))
        return {**record, "revision": published["number"] if published else None}

    @bounded
    def remove(
        self, name: str, actor: str, reason: str = "", delete_published: bool = False
    ) -> Record:
        """Take a model out of service; its entries stay. One with forgets in force is *retired*:
        they keep their states, its name is not used again, and nothing is published back first.
        `current` of its folder is taken away, never turned; published revisions stay, unless
        `delete_published`.

        Raises:
            Conflict: requests of it are not decided yet.
        """
        core = self.core
        with core.working(name), core.desk.lock:
            record = core.desk.model(name)
            requests = [r for r in list(core.desk.views.open.values()) if r["model"] == name]
            kept = [
                r["id"]
                for r in requests
                if r["state"] in STANDING or (r["served_at"] and r["state"] in UNSERVED)
            ]
            undecided = [r["id"] for r in requests if r["state"] in OPEN and r["id"] not in kept]
            if undecided:
                raise Conflict(
                    f"{', '.join(undecided[:5])} of {name} wait to be decided",
                    advice="Reject or withdraw them first.",
                )
            payload: dict[str, Json] = {"retired": True, "requests": kept} if kept else {}
            payload |= {"reason": reason} if reason.strip() else {}
            folder = (
                folder_of(core, name, Path(record["publish_to"]), is_early(record))
                if record["publish_to"]
                else None
            )
            withdrawn = (
                folder is not None and folder.withdraw()
            )  # before the entry: without it, it is put back
            last = core.desk.views.published(name)
            core.desk.append([Draft("model.remove", name, actor, name, payload)])
            left = folder.forget() if folder and delete_published else []
        core.models.let_go()
        state: dict[str, Json] = {
            "state": "retired" if kept else "removed",
            "requests": kept,
            "reason": reason,
        }
        state |= {
            "revision": last["number"] if last else None,
            "current_removed": withdrawn,
            "left": left,
        }
        return {
            **record,
            **state,
            "published": [] if folder is None else [str(n) for n in folder.numbers()],
        }

    @bounded
    def add(self, name: str, reference: str, given: Given, actor: str) -> Record:
        """Register a model: encode its labels, anchors, domains, pool and evaluation images, and
        compute its basis.

        Raises:
            Conflict: the name is taken. Usage, BadFile, BadCheckpoint: something given is wrong;
            nothing is registered.
        """
        core = self.core
        if not NAME.fullmatch(name):
            raise Usage(
                f"{name!r} is no name for a model",
                advice="Use letters, digits, dot, dash and underscore.",
            )
        self._check_free(name)
        self._check_folder(given.publish_to, name, reference)
        opened, payload = prepared(
            core, reference, replace(given, publish_base=bool(given.publish_base))
        )
        payload["calibration"] = self.calibrating.measured(opened, payload)
        with core.desk.lock:
            self._check_free(name)
            self._check_folder(payload["publish_to"], name, reference)
            core.desk.append([Draft("model.add", name, actor, name, payload)])
        core.models.keep(opened)
        core.progress("storing", 1, 1)
        return self.show(name)

    def _check_free(self, name: str) -> None:
        if name in self.core.desk.views.models:
            raise Conflict(
                f"a model is called {name} already",
                advice=f"`govd model show {name}`, or choose another name.",
            )
        self.core.desk.views.check_name(name)

    @bounded
    def update(self, name: str, given: Given, actor: str, reference: str | None = None) -> Record:
        """Change what a model is registered with, or (`reference`: rebase) the checkpoint itself;
        what is not given stays.

        Every forget in force is computed anew; model and contributions change in one append, and
        reconciling publishes what follows. A forget whose text was destroyed cannot be computed for
        another basis: it waits for a person, and nothing new is published until somebody decides
        (so that nothing comes back unseen).

        Raises:
            Conflict: a forget cannot be computed anew (its domain is gone, say); nothing is
            changed. The rest as `add`.
        """
        core, old = self.core, self.core.desk.model(name)
        basis, rebased = core.models.basis(old), reference is not None
        if (
            rebased
            and basis.has_pool
            and given.pool is None
            and basis.pool_kind == "pool"
            and not core.plugins.brings_default(reference, "pool")
        ):
            advice = "Give --pool of embeddings by the new one, or a folder of pictures."
            raise Usage(
                "the pool has embeddings of the checkpoint that there is now",
                where=name,
                advice=advice,
            )
        keep = replace(
            given,
            labels=given.labels if given.labels is not None else list(basis.labels),
            anchors=given.anchors if given.anchors is not None else list(basis.vocabulary),
            templates=given.templates if given.templates is not None else list(basis.templates),
            domains=given.domains or list(basis.domains),
            images=given.images or old["images"],
            use=given.use or old["use"],
            side=old["side"],
            publish_to=given.publish_to or old["publish_to"],
            publish_base=_publish_base(given, old),
            hf_revision=given.hf_revision if rebased else old["hf_revision"],
            from_scratch=given.from_scratch or bool(old["from_scratch"]),
            conditional=(
                bool(old.get("conditional")) if given.conditional is None else given.conditional
            ),
            merged=old.get("labels_merged", []) if given.labels is None else [],
        )
        pool = (
            _kept_pool(basis, old)
            if basis.has_pool and given.pool is None and not rebased
            else None
        )
        self._check_folder(keep.publish_to, name, reference or str(old["reference"]))
        opened, payload = prepared(
            core, reference or str(old["reference"]), keep, pool, None if rebased else old
        )
        same_basis = opened.basis.digest == basis.digest
        payload["calibration"] = (
            old.get("calibration") if same_basis else self.calibrating.measured(opened, payload)
        )
        drafts = [Draft("model.update", name, actor, name, {**payload, "rebased": rebased})]
        computed: dict[str, list[Draft]] = {}
        if opened.basis.digest != basis.digest:
            for request in self._concerned(name):  # before the lock: this takes time
                computed[str(request["id"])] = self._again(request, opened, actor)
        with core.desk.lock:
            self._check_folder(payload["publish_to"], name, str(payload["reference"]))
            if opened.basis.digest != basis.digest:
                for request in self._concerned(name):
                    known = (
                        computed.get(str(request["id"])) if not request.get("shredded_at") else None
                    )
                    drafts += self._again(request, opened, actor) if known is None else known
            core.desk.append(drafts)
        core.models.keep(opened)
        return self.show(name)

    def _concerned(self, name: str) -> list[Request]:
        """Requests whose contribution is of the model as it is."""
        mine = [
            r
            for r in list(self.core.desk.views.open.values())
            if r["model"] == name and r["kind"] == "forget"
        ]
        return [r for r in mine if r["contribution"]]

    def _check_folder(self, folder: str | None, name: str, reference: str) -> None:
        """Whether a folder can be this model's alone, and nothing that govd did not write there is
        in the way.

        Raises:
            Conflict: it cannot; nothing was touched.
        """
        if not folder:
            return
        registered = self.core.desk.views.models.get(name)
        path = real(Path(folder))
        early = (
            registered is not None
            and is_early(registered)
            and same(path, Path(str(registered.publish_to)))
        )
        place = folder_of(self.core, name, path, early)
        models = [r for r in list(self.core.desk.views.models.values()) if r["name"] != name]
        check_place(
            place,
            self.core.home.folder,
            [*models, {"name": name, "publish_to": None, "reference": reference}],
        )
        place.check()

    def _again(self, request: Request, opened: Opened, actor: str) -> list[Draft]:
        """A forget on another basis: its contribution, or that it waits since nobody can compute
        it.
        """
        name, request_id = str(request["model"]), str(request["id"])
        gone = [d for d in request["domains"] if d not in opened.basis.domains]
        if gone:
            advice = "Revert it first, or keep the domain; nothing was changed."
            raise Conflict(
                f"it is about {', '.join(gone)}, which would be no domain any more",
                where=request_id,
                advice=advice,
            )
        if request.get("shredded_at"):
            return self._shredded(request, opened, actor)
        try:
            contribution = self.computing.of_request(request, opened)
        except MachineFault:
            raise
        except GovdError as error:
            if request.get("private"):
                raise Conflict(
                    "it cannot be computed anew", where=request_id, advice="Revert it first."
                ) from None
            raise Conflict(
                f"it cannot be computed anew: {error.message}",
                where=request_id,
                advice="Revert it first.",
            ) from error
        said = {
            "contribution": contribution.digest,
            "predicted": request["predicted"],
            "reason": "the model was changed",
        }
        made = self.contributions.put(contribution, name, actor, opened)
        return [*made, Draft("request.recompute", request_id, actor, name, said)]

    def _shredded(self, request: Record, opened: Opened, actor: str) -> list[Draft]:
        """Back in force where its contribution is of this very basis; else it waits."""
        name, request_id = str(request["model"]), str(request["id"])
        made = self.core.desk.views.contribution(str(request["contribution"]))
        if (made.basis if made else None) == opened.basis.digest:
            said = {"reason": "the model is again the one that it was computed for", "by": actor}
            again = (
                request["state"] == "waiting" and request["served_at"]
            )  # it was in force, and waits for this alone
            return [Draft("request.approve", request_id, actor, name, said)] if again else []
        reason = (
            "its text was destroyed: nobody can compute it for what the model is now. Nothing new"
            " is published for this model until this is withdrawn (it then ends) or the model is"
            " set back to what it was"
        )
        return (
            [Draft("request.wait", request_id, actor, name, {"reason": reason})]
            if request["state"] in WANTED
            else []
        )


def _kept_pool(basis: Basis, record: Record) -> Pool:
    """The pool that a model has, with what was said of it when it was read."""
    rows = basis.tensors["pool"]
    left_out = Counter[str](record.get("pool_left_out", {}))
    return Pool(rows, basis.pool_kind, int(record.get("pool_total", len(rows))), left_out)


def _publish_base(given: Given, old: Record) -> bool | None:
    """Whether the base is published: as is said, else as it was; None where it was said to an early
    version, which always did.
    """
    if given.publish_base is not None:
        return given.publish_base
    stays = old["publish_to"] and (
        not given.publish_to or same(Path(given.publish_to), Path(old["publish_to"]))
    )
    return old.get("publish_base") if stays or "publish_base" in old else False
