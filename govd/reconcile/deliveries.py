"""What is published and what `--publish-to` leads to, kept the same: the last step of reconciling,
and the only one outside the home.
"""

from __future__ import annotations

from pathlib import Path

from govd.errors import Conflict, GovdError
from govd.models.core import Core
from govd.models.publish_folder import PublishFolder, folder_of, is_early
from govd.models.publish_places import check_place
from govd.models.served import Served
from govd.reconcile.delivery import Delivery
from govd.reconcile.measuring import Measuring
from govd.reconcile.writing import write_checkpoint
from govd.records.drafts import revision_draft
from govd.records.model import RegisteredModel
from govd.records.revision import Revision
from govd.requests.decisions import GOVD
from govd.types import Json


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
            raise
        self._undelivered.pop(model, None)
        return did

    def undelivered(self, model: str) -> str | None:
        """Why what is published is not what `--publish-to` leads to, as far as can be seen without
        reading its files; None where it is.
        """
        registered = self.core.desk.model(model)
        if model in self._undelivered or not registered.publish_to:
            return self._undelivered.get(model)
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
        if published and published.facts.get("conditional"):
            mark["carries"] = "linear"  # weights cannot ask a picture for its domain
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
        )
        if published and published.files != files:
            payload = {"files": files, "model_digest": opened.model.facts.digest}
            core.desk.append([revision_draft(published, "deliver", GOVD, payload)])
        return True
