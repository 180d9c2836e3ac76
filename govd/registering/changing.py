"""Changing what a model is registered with: every forget in force is computed anew."""

from __future__ import annotations

from collections.abc import Mapping

from govd.contributions import Contributions
from govd.errors import Conflict, GovdError, MachineFault, Unsupported, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core, Opened
from govd.models.given import Given
from govd.models.prepared import prepared
from govd.models.publish_places import check_folder
from govd.records.lifecycle import WANTED
from govd.records.model import RegisteredModel
from govd.records.request import Request
from govd.registering.staying import kept_pool, options_then
from govd.registering.weighing import Weighing
from govd.requests.accepting import Accepting
from govd.types import Json, Record

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
        weighing: Weighing,
    ) -> None:
        self.core = core
        self.contributions = contributions
        self.criteria = criteria
        self.weighing = weighing

    def update(
        self,
        name: str,
        given: Given,
        actor: str,
        reference: str | None = None,
        approve_costs: str = "",
    ) -> None:
        """Change what a model is registered with, or (`reference`: rebase) the checkpoint itself;
        what is not given stays.

        Every forget in force is computed anew; model and contributions change in one append, and
        reconciling publishes what follows. A forget whose text was destroyed cannot be: it waits
        for a person, and nothing new is published before (so that nothing comes back unseen).

        Args:
            name: of the model.
            given: what changes; what is None stays.
            actor: of the entry.
            approve_costs: why weights may be published that cost more than a policy allows unasked.

        Raises:
            Conflict: a forget cannot be computed anew (its domain is gone, say), or what weights
            cost is not approved; nothing is changed. Denied: a policy forbids that. Usage, BadFile,
            BadCheckpoint: something given is wrong.
        """
        core = self.core
        old = core.desk.model(name)
        rebased = reference is not None
        self._check(name, given, old, reference)
        opened, payload = self._prepared(given, old, reference)
        folder = payload["publish_to"]
        payload |= self.weighing.approved(old, opened, folder, actor, approve_costs)
        calibrating = self.contributions.calibrating
        payload["calibration"] = calibrating.kept_or_measured(opened, payload, old)
        drafts = [_update(name, actor, {**payload, "rebased": rebased})]
        same_basis = opened.basis.digest == old.basis
        # before the lock: this takes time
        recomputed = {} if same_basis else self._recomputed(name, opened, actor)
        with core.desk.lock:
            check_folder(core, folder, name, str(payload["reference"]))
            if not same_basis:
                drafts += self._completed(name, recomputed, opened, actor)
            for request in self._judged(name) if rebased else []:
                drafts += self.criteria.carried(request, old, payload, actor)
            drafts += self.weighing.anew(old, opened, folder, actor)
            core.desk.append(drafts)
        core.models.keep(opened)

    def _prepared(
        self, given: Given, old: RegisteredModel, reference: str | None
    ) -> tuple[Opened, dict[str, Json]]:
        """The model as it will be, and what its entry says of it."""
        core = self.core
        basis = core.models.basis(old)
        rebased = reference is not None
        place = reference or old.reference
        options = options_then(given, old, basis, rebased)
        is_pool_kept = basis.has_pool and given.pool is None and not rebased
        pool = kept_pool(basis, old) if is_pool_kept else None
        check_folder(core, options.publish_to, old.name, place)
        opened, payload = prepared(core, place, options, pool, None if rebased else old)
        payload |= {field: None for field in UNLESS_USUAL if old.get(field)} | payload
        return opened, payload

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
