"""Figures of a published revision that take longer than publishing may wait for."""

from __future__ import annotations

from govd.edit.tensors import factors_of
from govd.models.core import Core
from govd.reconcile.criteria import CriteriaJudging
from govd.reconcile.drift import Drift
from govd.reconcile.measuring import Measuring
from govd.reconcile.settling import Settling
from govd.records.actors import GOVD
from govd.records.drafts import revision_draft
from govd.records.revision import Revision
from govd.types import Json


class SlowFigures:
    """Measures what a published revision has no figures for yet."""

    def __init__(
        self,
        core: Core,
        measuring: Measuring,
        settling: Settling,
        judging: CriteriaJudging,
    ) -> None:
        self.core = core
        self.measuring = measuring
        self._settling = settling
        self._drift = Drift(core, judging)

    def measure(self, model: str) -> bool:
        """Figures of the published revision that take longer, where it has none yet; whether there
        was something to do.

        Raises:
            GovdError: it cannot be measured now.
        """
        published = self.core.desk.views.published(model)
        if published is None:
            return False
        evaluation = self.measuring.evaluation(model, published)
        if published.measured or evaluation is None:
            return self._look_again(published)
        opened = self.core.models.opened_for(model, published)
        edit = factors_of(self.measuring.edit(published, model))
        filed = self.measuring.filed(published)
        figures = self.measuring.slow(opened, edit, filed, evaluation)
        rows = self._drift.recognised(published, self._settling.standing(model))
        if rows:
            figures["recognised"] = rows
        return self._note(published, figures, rows)

    def _look_again(self, published: Revision) -> bool:
        """Whether what is forgotten is recognised on an evaluation set that the model got since the
        revision was made; whether there is such a set.
        """
        model = self.core.desk.model(published.model)
        digest = model.evaluation
        if digest in (None, self._drift.looked_at(published)):
            return False
        made_for = (published.basis, published.made_for["digest"])
        if (model.basis, model.digest) != made_for:
            return False
        standing = self._settling.standing(model.name)
        if not standing:
            return False
        rows = self._drift.recognised(published, standing, digest)
        figures: dict[str, Json] = {"recognised": rows, "recognised_on": digest}
        return self._note(published, figures, rows)

    def _note(
        self, published: Revision, figures: Json, rows: list[dict[str, Json]]
    ) -> bool:
        with self.core.desk.lock:
            measured = revision_draft(published, "measure", GOVD, {"metrics": figures})
            self.core.desk.append([measured, *self._drift.drafts(published, rows)])
        return True
