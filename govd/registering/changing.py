"""Changing what a model is registered with: every forget in force is computed anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from govd.contributions import Contributions
from govd.errors import Conflict, GovdError, MachineFault, Unsupported, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core, Opened
from govd.models.given import Given
from govd.models.paths import same
from govd.models.pool import Pool
from govd.models.prepared import prepared
from govd.models.publish_places import check_folder
from govd.records.lifecycle import WANTED
from govd.records.request import Request
from govd.requests.accepting import Accepting
from govd.types import Json, Record

if TYPE_CHECKING:
    from govd.edit import Basis

UNLESS_USUAL = ("conditional", "precision")
"""What a model's entry says only where it is not what most models have; what a later one leaves out
would stay.
"""


class Changing:
    """Changes registered models of a home."""

    def __init__(
        self,
        core: Core,
        contributions: Contributions,
        criteria: Accepting,
    ) -> None:
        self.core = core
        self.contributions = contributions
        self.criteria = criteria

    def update(
        self, name: str, given: Given, actor: str, reference: str | None = None
    ) -> None:
        """Change what a model is registered with, or (`reference`: rebase) the checkpoint itself;
        what is not given stays.

        Every forget in force is computed anew; model and contributions change in one append, and
        reconciling publishes what follows. A forget whose text was destroyed cannot be computed for
        another basis: it waits for a person, and nothing new is published until somebody decides
        (so that nothing comes back unseen).

        Args:
            name: of the model.
            given: what changes; what is None stays.
            actor: of the entry.

        Raises:
            Conflict: a forget cannot be computed anew (its domain is gone, say); nothing is
            changed. Usage, BadFile, BadCheckpoint: something given is wrong.
        """
        core = self.core
        old = core.desk.model(name)
        basis = core.models.basis(old)
        rebased = reference is not None
        self._check(name, given, old, reference)
        place = reference or str(old["reference"])
        options = _options(given, old, basis, rebased)
        pool = None
        if basis.has_pool and given.pool is None and not rebased:
            pool = _kept_pool(basis, old)
        check_folder(core, options.publish_to, name, place)
        opened, payload = prepared(core, place, options, pool, None if rebased else old)
        payload |= {field: None for field in UNLESS_USUAL if old.get(field)} | payload
        same_basis = opened.basis.digest == basis.digest
        calibrating = self.contributions.calibrating
        payload["calibration"] = calibrating.kept_or_measured(opened, payload, old)
        drafts = [_update(name, actor, {**payload, "rebased": rebased})]
        # before the lock: this takes time
        recomputed = {} if same_basis else self._recomputed(name, opened, actor)
        with core.desk.lock:
            check_folder(core, payload["publish_to"], name, str(payload["reference"]))
            if not same_basis:
                drafts += self._completed(name, recomputed, opened, actor)
            for request in self._judged(name) if rebased else []:
                drafts += self.criteria.carried(request, old, payload, actor)
            core.desk.append(drafts)
        core.models.keep(opened)

    def _check(
        self, name: str, given: Given, old: Record, reference: str | None
    ) -> None:
        """Refuse an update that only a rebase can be, and a rebase that would keep a pool of the
        checkpoint before it.
        """
        if reference is None:
            if given.precision is not None:
                raise _too_much(old, given.precision)
            return
        basis = self.core.models.basis(old)
        stays = basis.has_pool and basis.pool_kind == "pool" and given.pool is None
        if stays and not self.core.plugins.brings_default(reference, "pool"):
            raise Usage(
                "the pool has embeddings of the checkpoint that there is now",
                where=name,
                advice="Give --pool of embeddings by the new one, or a folder of pictures.",
            )

    def _concerned(self, name: str) -> list[Request]:
        """Requests whose contribution is of the model as it is."""
        requests = list(self.core.desk.views.open.values())
        return [
            request
            for request in requests
            if request["model"] == name
            and request["kind"] == "forget"
            and request["contribution"]
        ]

    def _judged(self, name: str) -> list[Request]:
        """Forgets of a model that are open or stand, with criteria."""
        requests = list(self.core.desk.views.open.values())
        return [
            request
            for request in requests
            if request.model == name and request.is_forget and request.criteria
        ]

    def _recomputed(
        self, name: str, opened: Opened, actor: str
    ) -> dict[str, list[Draft]]:
        """What becomes of each forget of a model on another basis, by the forget's id."""
        return {
            request.id: self._again(request, opened, actor)
            for request in self._concerned(name)
        }

    def _completed(
        self,
        name: str,
        recomputed: Mapping[str, list[Draft]],
        opened: Opened,
        actor: str,
    ) -> list[Draft]:
        """What was `recomputed` before the lock, and the same of forgets that were filed, or whose
        text was destroyed, meanwhile.
        """
        drafts: list[Draft] = []
        for request in self._concerned(name):
            if request.shredded_at or request.id not in recomputed:
                drafts += self._again(request, opened, actor)
            else:
                drafts += recomputed[request.id]
        return drafts

    def _again(self, request: Request, opened: Opened, actor: str) -> list[Draft]:
        """A forget on another basis: its contribution, or that it waits since nobody can compute
        it.
        """
        name = str(request["model"])
        request_id = str(request["id"])
        domains = [
            domain
            for domain in request["domains"]
            if domain not in opened.basis.domains
        ]
        if domains:
            raise Conflict(
                f"it is about {', '.join(domains)}, which would be no domain any more",
                where=request_id,
                advice="Revert it first, or keep the domain; nothing was changed.",
            )
        if request.get("shredded_at"):
            return self._shredded(request, opened, actor)
        try:
            contribution = self.contributions.computing.of_request(request, opened)
        except MachineFault:
            raise
        except Unsupported as error:
            return self._impossible(request, error, actor)
        except GovdError as error:
            advice = "Revert it first."
            if request.get("private"):
                fault = "it cannot be computed anew"
                raise Conflict(fault, where=request_id, advice=advice) from None
            fault = f"it cannot be computed anew: {error.message}"
            raise Conflict(fault, where=request_id, advice=advice) from error
        payload: dict[str, Json] = {
            "contribution": contribution.digest,
            "predicted": request["predicted"],
            "reason": "the model was changed",
        }
        drafts = self.contributions.stored.put(contribution, name, actor, opened)
        return [
            *drafts,
            Draft(
                kind="request.recompute",
                subject=request_id,
                actor=actor,
                model=name,
                payload=payload,
            ),
        ]

    def _shredded(self, request: Request, opened: Opened, actor: str) -> list[Draft]:
        """Back in force where its contribution is of this very basis; else it waits."""
        name = str(request["model"])
        request_id = str(request["id"])
        contribution = self.core.desk.views.contribution(str(request["contribution"]))
        if (contribution.basis if contribution else None) == opened.basis.digest:
            # it was in force, and waits for this alone
            if request["state"] != "waiting" or not request["served_at"]:
                return []
            reason = "the model is again the one that it was computed for"
            payload: dict[str, Json] = {"reason": reason, "by": actor}
            return [
                Draft(
                    kind="request.approve",
                    subject=request_id,
                    actor=actor,
                    model=name,
                    payload=payload,
                )
            ]
        reason = (
            "its text was destroyed, so it cannot be computed for the model as it is now. Nothing"
            " new is published for this model until this is withdrawn (it then ends) or the model"
            " is set back to what it was"
        )
        return _waiting(request, reason, actor)

    @staticmethod
    def _impossible(request: Request, error: Unsupported, actor: str) -> list[Draft]:
        """The method has no such edit for the model as it is now, as for a cell that pictures alone
        tell where edits are linear: a person decides, and what is served stays.
        """
        why = "" if request.get("private") else f": {error.message.rstrip('.')}"
        reason = (
            f"it cannot be computed for the model as it is now{why}. Nothing new is published for"
            " this model until this is withdrawn (it then ends) or the model is changed so that it"
            " can be"
        )
        return _waiting(request, reason, actor)


def _waiting(request: Request, reason: str, actor: str) -> list[Draft]:
    """The entry that a forget waits for a person; none where it is not asked for, or waits
    already.
    """
    if request["state"] not in WANTED:
        return []
    return [
        Draft(
            kind="request.wait",
            subject=str(request["id"]),
            actor=actor,
            model=str(request["model"]),
            payload={"reason": reason},
        )
    ]


def _update(name: str, actor: str, payload: Json) -> Draft:
    """The entry that a model was changed."""
    return Draft(
        kind="model.update",
        subject=name,
        actor=actor,
        model=name,
        payload=payload,
    )


def _too_much(model: Record, precision: str) -> Usage:
    """That another precision is more than an update."""
    rebase = f"govd model rebase {model['name']} {model['reference']} --precision {precision}"
    return Usage(
        "a model's precision changes all of its embeddings",
        where=str(model["name"]),
        advice=f"Rebase it: `{rebase}`.",
    )


def _options(given: Given, old: Record, basis: Basis, rebased: bool) -> Given:
    """What was given, and for the rest what the model (`old`, with its `basis`) has; a model that
    is rebased keeps no revision of its repository.
    """
    conditional = given.conditional
    if conditional is None:
        conditional = bool(old.get("conditional"))
    return replace(
        given,
        labels=list(basis.labels) if given.labels is None else given.labels,
        anchors=list(basis.vocabulary) if given.anchors is None else given.anchors,
        templates=list(basis.templates) if given.templates is None else given.templates,
        domains=given.domains or list(basis.domains),
        images=given.images or old["images"],
        images_kept=not given.images,
        use=given.use or old["use"],
        side=old["side"],
        publish_to=given.publish_to or old["publish_to"],
        publish_base=_publish_base(given, old),
        hf_revision=given.hf_revision if rebased else old["hf_revision"],
        precision=given.precision or old.get("precision"),
        from_scratch=given.from_scratch or bool(old["from_scratch"]),
        conditional=conditional,
        merged=old.get("labels_merged", []) if given.labels is None else [],
    )


def _kept_pool(basis: Basis, record: Record) -> Pool:
    """The pool that a model has, with what was said of it when it was read."""
    rows = basis.tensors["pool"]
    left_out = Counter[str](record.get("pool_left_out", {}))
    return Pool(
        rows, basis.pool_kind, int(record.get("pool_total", len(rows))), left_out
    )


def _publish_base(given: Given, old: Record) -> bool | None:
    """Whether the base is published: as is said, else as it was; None where it was said to an early
    version, which always did.
    """
    if given.publish_base is not None:
        return given.publish_base
    stays = old["publish_to"] and (
        not given.publish_to or same(Path(given.publish_to), Path(old["publish_to"]))
    )
    if stays or "publish_base" in old:
        return old.get("publish_base")
    return False
