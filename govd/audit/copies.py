"""Manifests: every copy of a model that this ledger knows of, and whether it has forgotten."""

from __future__ import annotations

from govd.models.core import Core
from govd.records.copies import Copy, Known, copies, counted, to_tell
from govd.records.limits import bounded
from govd.records.model import RegisteredModel
from govd.records.store import StoreState
from govd.types import Record


class Copies:
    """Answers which copies of a model there are."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @bounded
    def manifest(self, model: str, number: int | None = None) -> Record:
        """The copies of a model as revision `number` sees them (None: the published one; 0: the
        unedited model), how many have forgotten, and who is to be told.

        Raises:
            NotFound: no such model or revision.
        """
        registered = self.core.desk.known_model(model)
        if number:
            self.core.desk.revision(model, number)
        publications = self._known(registered, number)
        at = publications.published if number is None else number
        listed = copies(publications, at)
        return {
            "model": model,
            "revision": at,
            "copies": [copy.as_json() for copy in listed],
            "counts": counted(listed),
            "to_tell": to_tell(listed),
        }

    def of_published(self, model: str) -> list[Copy]:
        """The copies as the published revision sees them."""
        publications = self._known(self.core.desk.model(model), None)
        return copies(publications, publications.published)

    def _known(self, registered: RegisteredModel, asked: int | None) -> Known:
        views = self.core.desk.views
        model = registered.name
        published = views.published(model)
        number = published.number if published else 0
        exports = views.records.find("export", model=model)
        stores = [
            store
            for _, store in sorted(views.stores.items())
            if store.model == model and store.state is not StoreState.REMOVED
        ]
        numbers = {number, asked or 0, *(int(export["revision"]) for export in exports)}
        numbers |= {store.revision for store in stores}
        revisions = {n: views.revision(model, n) for n in numbers if n}
        delivered = number if published is None or published.get("files") else None
        return Known(
            model=model,
            published=number,
            publish_to=str(registered.publish_to or ""),
            delivered=delivered,
            requests={n: r["requests"] if r else () for n, r in revisions.items()},
            stores=stores,
            exports=exports,
        )
