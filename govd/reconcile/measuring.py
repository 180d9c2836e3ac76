"""Figures of revisions: what holds publishing up, and what takes longer and follows; and the stored
parts that they are taken of.

Proven by `tests/reconcile/test_evaluated.py`, the slow ones by `tests/reconcile/test_graded.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from govd.contributions import Contributions
from govd.contributions.composing import discreet
from govd.edit import AnyEdit, Basis, Edit, EvaluationData, attacks, metrics, unlabelled
from govd.edit.abstaining import abstaining
from govd.edit.cache import Cache
from govd.edit.compose import recognised
from govd.edit.outcomes import Outcomes, cell_intervals, published_scores
from govd.edit.retrieval import retrieval
from govd.edit.tensors import TensorEdit, edit_from_bytes, factors_of, unedited
from govd.errors import PluginFault
from govd.models.core import Core, Opened
from govd.models.evaluation_set import evaluation_from
from govd.reconcile.attacking import OtherWords, attacked
from govd.records.revision import Revision
from govd.types import Contribution, Json
from govd.verify.carried import AT_ONCE, LATER

EDITS: Final = 64
"""Edits that are kept in memory: what is served, and what somebody looks at."""


class Measuring:
    """Edits, evaluation sets and figures of a home's models."""

    def __init__(self, core: Core, contributions: Contributions) -> None:
        self.core = core
        self.stored = contributions.stored
        self.composing = contributions.composing
        self._edits: Cache[str, AnyEdit] = Cache(EDITS)
        self._data: dict[str, EvaluationData] = {}

    def edit(self, revision: Revision | None, model: str) -> AnyEdit:
        """The edit of a revision (None: the base).

        Raises:
            PluginFault: what is stored is not what was composed.
        """
        if revision is None:
            registered = self.core.desk.model(model)
            return unedited(registered.dim, registered.side)
        artifact = revision.edit
        edit = self._edits.get(artifact) or edit_from_bytes(
            self.core.artifacts.get(artifact), artifact
        )
        if edit.digest != revision.edit_digest:
            raise PluginFault(
                "the stored edit is not the one that was composed",
                where=revision.subject,
            )
        self.remember(artifact, edit)
        return edit

    def remember(self, artifact: str, edit: AnyEdit) -> None:
        """Keep an edit in memory."""
        self._edits.put(artifact, edit)

    def evaluation(
        self, model: str, revision: Revision | None = None
    ) -> EvaluationData | None:
        """The model's evaluation set, if it has one, as the checkpoint sees it that a revision was
        made for (None: the registered one).
        """
        if revision is not None and revision.contributions:
            digest = revision.made_for["evaluation"]
        else:
            digest = self.core.desk.model(model).evaluation
        return None if digest is None else self.evaluation_set(digest)

    def evaluation_set(self, digest: str) -> EvaluationData:
        """An evaluation set by the digest of its artifact.

        Raises:
            NotFound: it is not there.
        """
        if digest not in self._data:
            self._data[digest] = evaluation_from(self.core.artifacts.get(digest))
        return self._data[digest]

    def filed(self, revision: Revision | None) -> list[Contribution]:
        """The contributions of a revision, as they were filed."""
        digests = revision.contributions if revision else ()
        return [self.stored.load(digest) for digest in digests]

    def fast(
        self,
        opened: Opened,
        edit: AnyEdit,
        filed: Sequence[Contribution],
        data: EvaluationData | None,
    ) -> tuple[dict[str, Json], str]:
        """What publishing waits for: on texts and pool, and on labelled images where there are
        some; and which plugin measured it (empty: govd itself).

        Args:
            opened: the model.
            edit: the one that is measured.
            filed: contributions of the forgets in it.
            data: labelled pictures, unedited embeddings.
        """
        if isinstance(edit, TensorEdit):
            return self.external(opened, edit, filed)
        basis = opened.basis
        contributions = [recognised(opened.basis, c) for c in filed]
        figures: Json = None
        by = ""
        if contributions:
            by, figures = self.core.plugins.asker.first(
                "govd_evaluate",
                model=opened.model,
                basis=basis,
                edit=edit,
                contributions=contributions,
                data=data,
            )
        if figures is None:
            composed, free = (
                self.composing.figures(basis, filed)
                if filed
                else (edit, unlabelled.data_free(basis, edit, ()))
            )
            composed = factors_of(composed)
            if composed.digest != edit.digest:  # by a device: its last bits may differ
                free = unlabelled.data_free(basis, edit, contributions)
            figures = {"data_free": free}
            if data is not None:
                figures |= on_labelled(basis, edit, contributions, data)
        public_figures = discreet(plain(figures), filed)
        if edit.conditions:
            linear = self.of_checkpoint(basis, edit.linear, contributions, data)
            public_figures[AT_ONCE] = discreet(plain(linear), filed)
        return public_figures, by

    def external(
        self, opened: Opened, edit: TensorEdit, filed: Sequence[Contribution]
    ) -> tuple[dict[str, Json], str]:
        """What the evaluation of a model without a space measures, beside how much its weights
        change; and which plugin ran it (empty: none, it has no evaluation).

        Args:
            opened: the model.
            edit: the one that is measured; empty for the base.
            filed: contributions of the forgets in it.

        Raises:
            GovdError: the evaluation fails.
        """
        by, figures = self.core.plugins.asker.first(
            "govd_evaluate",
            model=opened.model,
            basis=opened.basis,
            edit=edit,
            contributions=list(filed),
            data=None,
        )
        return discreet(plain({"extent": edit.extent(), **(figures or {})}), filed), by

    @staticmethod
    def of_checkpoint(
        basis: Basis,
        linear: Edit,
        contributions: Sequence[Contribution],
        data: EvaluationData | None,
    ) -> dict[str, Json]:
        """What publishing waits for, of the linear edit: weights get it where the edit is
        conditional.

        Args:
            basis: has the texts.
            linear: the edit without conditions.
            contributions: of the forgets in it.
            data: labelled pictures; None: there are none.
        """
        figures = {"data_free": unlabelled.data_free(basis, linear, contributions)}
        if data is None:
            return figures
        return figures | on_labelled(basis, linear, contributions, data)

    def slow(
        self,
        opened: Opened,
        edit: Edit,
        filed: Sequence[Contribution],
        data: EvaluationData,
        words: OtherWords | None = None,
    ) -> dict[str, Json]:
        """What publishing does not wait for: what attackers can still do and which claim that
        leaves, retrieval, intervals of the shares, and the scores that papers print. `words`: other
        words for labels, which attackers try.

        Args:
            opened: the model.
            edit: the one that is measured.
            filed: contributions of the forgets in it.
            data: labelled pictures, unedited embeddings.
        """
        contributions = [
            recognised(opened.basis, contribution) for contribution in filed
        ]
        thinned = attacks.thinned(data, [c.spec.scope for c in contributions])
        leaks = attacks.leaks(edit, contributions, thinned)
        graded = attacked(opened, edit, contributions, thinned, leaks, words)
        outcomes = Outcomes.of(opened.basis, edit, contributions, data)
        recalls = retrieval(opened.basis, edit, contributions, data)
        shares = outcomes.shares()
        figures: dict[str, Json] = {
            "forget_named": shares.get("forget_named"),
            "forget_named_before": shares.get("forget_named_before"),
            "intervals": outcomes.intervals(),
            "retrieval": recalls,
            "published_scores": published_scores(outcomes, data, recalls),
            "leaks": [leak | claim for leak, claim in zip(leaks, graded, strict=True)],
            "neighbour_agreement": attacks.neighbour_agreement(edit, thinned.vectors),
            "base_diff": attacks.base_diff(opened.basis, edit.linear),
        }
        public_figures = discreet(plain(figures), filed)
        if edit.conditions:
            linear = _of_weights(
                opened.basis, edit.linear, contributions, data, thinned
            )
            public_figures[LATER] = discreet(plain(linear), filed)
        return public_figures


def _of_weights(
    basis: Basis,
    linear: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
    thinned: EvaluationData,
) -> dict[str, Json]:
    """What publishing does not wait for, of the linear edit that weights get of a conditional
    one; attacks on the `thinned` pictures alone.
    """
    outcomes = Outcomes.of(basis, linear, contributions, data)
    shares = outcomes.shares()
    return {
        "forget_named": shares.get("forget_named"),
        "forget_named_before": shares.get("forget_named_before"),
        "intervals": outcomes.intervals(),
        "leaks": attacks.leaks(linear, contributions, thinned),
        "neighbour_agreement": attacks.neighbour_agreement(linear, thinned.vectors),
    }


def on_labelled(
    basis: Basis,
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
) -> dict[str, Json]:
    """Figures on labelled pictures, with an interval for each cell.

    Args:
        basis: has the labels.
        edit: the one that is measured.
        contributions: the forgets in it.
        data: labelled pictures, unedited embeddings.
    """
    figures = dict(metrics.on_images(basis, edit, contributions, data))
    outcomes = Outcomes.of(basis, edit, contributions, data)
    intervals = cell_intervals(outcomes, data)
    figures["cells"] = [
        {**cell, "interval": intervals[cell["class"], cell["domain"]]}
        for cell in figures["cells"]
    ]
    return figures


def by_cell(
    opened: Opened,
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
    figures: dict[str, Json],
) -> None:
    """Add to figures on labelled pictures what only an evaluation tells: what the pictures of each
    forget are called instead, and how often answers abstain.

    Args:
        opened: the model.
        edit: the one that is measured.
        contributions: the forgets in it.
        data: labelled pictures, unedited embeddings.
    """
    figures["abstain"] = abstaining(opened.basis, edit, contributions, data)
    outcomes = Outcomes.of(opened.basis, edit, contributions, data)
    for concept, contribution in zip(
        figures.get("concepts", []), contributions, strict=False
    ):
        scope_cells = metrics.cells([contribution.spec.scope], data)[
            data.class_of, data.domain_of
        ]
        concept["redirects"] = outcomes.redirects(scope_cells)


def plain(value: Json) -> Json:
    """NumPy's numbers as Python's, so that canonical JSON takes them."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "item"):
        return value.item()
    return value
