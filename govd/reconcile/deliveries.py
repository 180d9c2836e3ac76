"""What is published and what `--publish-to` leads to, kept the same: the last step of reconciling,
and the only one outside the home.
"""

from __future__ import annotations

from pathlib import Path

from govd.errors import Conflict, GovdError
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.models.publish_folder import PublishFolder, folder_of, is_early
from govd.models.publish_places import check_place
from govd.models.served import Served
from govd.reconcile.delivery import Delivery
from govd.reconcile.measuring import Measuring
from govd.reconcile.writing import write_checkpoint
from govd.requests.decisions import GOVD
from govd.types import Json, Record


class Deliveries:
    """The folders of a home's models."""

    def __init__(self, core: Core, measuring: Measuring) -> None:
        self.core, self.measuring = core, measuring
        self.delivery = Delivery()
        self._undelivered: dict[str, str] = {}

    def deliver(self, model: str) -> bool:
        """Keep `--publish-to` on the published revision (the base is 0, where it is published);
        whether there was something to do.
        """
        record = self.core.desk.views.models.get(model)
        if record is None or not record["publish_to"]:
            self._undelivered.pop(model, None)
            return False
        try:
            did = self._delivered(model, record)
        except GovdError as error:
            self._undelivered[model] = error.message
            raise
        self._undelivered.pop(model, None)
        return did

    def undelivered(self, model: str) -> str | None:
        """Why what is published is not what `--publish-to` leads to, as far as can be seen without
        reading its files; None where it is.
        """
        record, published = self.core.desk.model(model), self.core.desk.views.published(model)
        if model in self._undelivered or not record["publish_to"]:
            return self._undelivered.get(model)
        folder = folder_of(self.core, model, Path(record["publish_to"]), is_early(record))
        wanted = (
            str(published["number"])
            if published
            else "0"
            if record.get("publish_base", True)
            else None
        )
        try:
            name = folder.leads_to()
        except Conflict as error:
            return error.message
        if name == wanted:
            return None
        what = f"revision {wanted}" if wanted else "no revision"
        return (
            f"{folder.current} leads to {f'revision {name}' if name else 'nothing'}, {what} is"
            " published: not delivered yet"
        )

    def _delivered(self, model: str, record: Record) -> bool:
        core, published, base = (
            self.core,
            self.core.desk.views.published(model),
            bool(record.get("publish_base", True)),
        )
        folder = folder_of(core, model, Path(record["publish_to"]), is_early(record))
        did = (
            folder.withdraw()
            if published is None and not base
            else self._kept_up(model, folder, published)
        )
        used = [
            Path(str(r[name])).expanduser()
            for r in list(core.desk.views.models.values())
            for name in ("reference", "images")
            if r.get(name)
        ]
        number = int(published["number"]) if published else 0
        self.delivery.prune(folder, number, core.home.settings.keep_published, base, used)
        return did

    def _kept_up(self, model: str, folder: PublishFolder, published: Record | None) -> bool:
        core = self.core
        opened = core.models.opened_for(model, published)
        what: dict[str, Json] = {"model": model, "number": published["number"] if published else 0}
        what |= {
            "edit_digest": published["edit_digest"] if published else None,
            "model_digest": opened.model.facts.digest,
        }
        if published and (published.get("facts") or {}).get("conditional"):
            what["carries"] = "linear"  # weights cannot ask a picture for its domain
        stands = self.delivery.stands(folder, what)
        if stands is not None and (published is None or published["files"] == stands):
            # else it was cut off before its entry, or somebody changed the files and what is said
            # of them: written again
            return False
        served = Served(
            int(published["number"]) if published else 0,
            self.measuring.edit(published, model),
            opened,
        )
        models = list(core.desk.views.models.values())
        files = self.delivery.deliver(
            folder,
            what,
            lambda part: write_checkpoint(core, served, model, part),
            lambda: check_place(folder, core.home.folder, models),
        )
        if published and published["files"] != files:
            payload: dict[str, Json] = {"files": files, "model_digest": opened.model.facts.digest}
            core.desk.append(
                [Draft("revision.deliver", f"{model}/{published['number']}", GOVD, model, payload)]
            )
        return True
