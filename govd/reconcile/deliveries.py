"""Keeps `--publish-to` in step with what is published: the last step of reconciling, and the only
one outside the home.

Proven by `tests/reconcile/test_deliveries.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govd.errors import Conflict, GovdError, PluginFault
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.models.publish_folder import PublishFolder, folder_of, is_early
from govd.models.publish_places import check_place
from govd.models.served import Served
from govd.reconcile.delivery import Delivery
from govd.reconcile.measuring import Measuring
from govd.reconcile.model_card import CARD
from govd.reconcile.writing import write_checkpoint
from govd.records.actors import GOVD
from govd.records.drafts import revision_draft
from govd.records.model import RegisteredModel
from govd.records.revision import Revision
from govd.types import Json
from govd.verify.carried import LINEAR

REASON_CHARACTERS: Final = 1000
"""Of what is said of a fault in the ledger."""


class Deliveries:
    """The folders of a home's models."""

    def __init__(self, core: Core, measuring: Measuring) -> None:
        self.core = core
        self.measuring = measuring
        self.delivery = Delivery()
        self._undelivered: dict[str, str] = {}

    def deliver(self, model: str) -> bool:
        """Keep `--publish-to` on the published revision (the base is 0, where it is published);
        whether there was something to do.

        Raises:
            GovdError: it cannot be delivered; `undelivered` says why from then on.
        """
        registered = self.core.desk.views.models.get(model)
        if registered is None or not registered.publish_to:
            self._undelivered.pop(model, None)
            return False
        try:
            did = self._delivered(registered)
        except GovdError as error:
            self._undelivered[model] = error.message
            self._failed(registered, error)
            raise
        self._undelivered.pop(model, None)
        self._recovered(registered)
        return did

    def _failed(self, registered: RegisteredModel, error: GovdError) -> None:
        """An entry, the first time that a revision cannot be delivered: none for each attempt."""
        number, fault = self._wanted(registered), registered.delivery_fault
        if fault is not None and fault["revision"] == number:
            return
        payload: dict[str, Json] = {
            "revision": number,
            "folder": registered.publish_to,
            "reason": _reason(error),
        }
        self._noted("delivery.fail", registered.name, payload)

    def _recovered(self, registered: RegisteredModel) -> None:
        """An entry, when what could not be delivered is there after all."""
        fault = registered.delivery_fault
        if fault is None:
            return
        payload: dict[str, Json] = {
            "revision": self._wanted(registered),
            "folder": registered.publish_to,
            "failed": fault["entry"],
        }
        self._noted("delivery.recover", registered.name, payload)

    def _wanted(self, registered: RegisteredModel) -> int:
        """The revision that is to be delivered; 0: the base."""
        published = self.core.desk.views.published(registered.name)
        return published.number if published else 0

    def _noted(self, kind: str, model: str, payload: dict[str, Json]) -> None:
        subject = f"{model}/{payload['revision']}"
        self.core.desk.append(
            [
                Draft(
                    kind=kind, subject=subject, actor=GOVD, model=model, payload=payload
                )
            ]
        )

    def undelivered(self, model: str) -> str | None:
        """Why `--publish-to` does not lead to what is published, as far as can be seen without
        reading its files; None where it does.
        """
        registered = self.core.desk.model(model)
        if model in self._undelivered or not registered.publish_to:
            return self._undelivered.get(model)
        fault = registered.delivery_fault
        if fault is not None and fault["revision"] == self._wanted(registered):
            return str(fault["reason"])
        published = self.core.desk.views.published(model)
        folder = self._folder(registered)
        number = None
        if published is not None or registered.publish_base:
            number = str(published.number if published else 0)
        try:
            name = folder.leads_to()
        except Conflict as error:
            return error.message
        if name == number:
            return None
        revision = f"revision {number}" if number else "no revision"
        return (
            f"{folder.current} leads to {f'revision {name}' if name else 'nothing'}, {revision} is"
            " published: not delivered yet"
        )

    def _folder(self, registered: RegisteredModel) -> PublishFolder:
        path = Path(str(registered.publish_to))
        return folder_of(self.core, registered.name, path, is_early(registered))

    def _delivered(self, registered: RegisteredModel) -> bool:
        core = self.core
        model = registered.name
        published = core.desk.views.published(model)
        is_base_kept = registered.publish_base
        folder = self._folder(registered)
        if published is None and not is_base_kept:
            did = folder.withdraw()
        else:
            did = self._kept_up(model, folder, published)
        used = [
            Path(path).expanduser()
            for other in list(core.desk.views.models.values())
            for path in (other.reference, other.images)
            if path
        ]
        number = published.number if published else 0
        self.delivery.prune(
            folder, number, core.home.settings.keep_published, is_base_kept, used
        )
        return did

    def _kept_up(
        self, model: str, folder: PublishFolder, published: Revision | None
    ) -> bool:
        core = self.core
        opened = core.models.opened_for(model, published)
        number = published.number if published else 0
        mark: dict[str, Json] = {
            "model": model,
            "number": number,
            "edit_digest": published.edit_digest if published else None,
            "model_digest": opened.model.facts.digest,
        }
        is_conditional = published is not None and "conditional" in published.facts
        if is_conditional:
            mark["conditional"] = True
        stands = self.delivery.stands(folder, mark)
        if stands is not None and (published is None or published.files == stands):
            # else it was cut off before its entry, or somebody changed the files and what is said
            # of them: written again
            return False
        served = Served(number, self.measuring.edit(published, model), opened)
        models = list(core.desk.views.models.values())
        files = self.delivery.deliver(
            folder,
            mark,
            lambda part: write_checkpoint(core, served, model, part),
            lambda: check_place(folder, core.home.folder, models),
            lambda files: _carried(files) if is_conditional else {},
        )
        if published and published.files != files:
            payload = {"files": files, "model_digest": opened.model.facts.digest}
            core.desk.append([revision_draft(published, "deliver", GOVD, payload)])
        return True


def _carried(files: Mapping[str, str]) -> dict[str, Json]:
    """What files have of a conditional edit: weights, which have a card, cannot ask a picture
    anything; the edit alone does.
    """
    return {"carries": LINEAR} if CARD in files else {}


def _reason(error: GovdError) -> str:
    """Why, without what a plugin may quote of somebody's request."""
    if isinstance(error, PluginFault):
        return f"{error.title} ({error.where})"
    return error.message[:REASON_CHARACTERS]
