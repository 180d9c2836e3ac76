"""`govd evaluate`: the metrics of a revision on labelled pictures, and what a report shows beside
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from govd.edit import EvaluationData, TensorEdit, unlabelled
from govd.edit.compose import recognised
from govd.edit.confusion import confusion
from govd.edit.outcomes import Outcomes
from govd.errors import Denied, Unsupported, Usage
from govd.models.core import Core, Opened
from govd.models.evaluation_set import read_images
from govd.models.meaning import nearest_in_meaning
from govd.models.paths import located
from govd.models.served import Served
from govd.reconcile.attacking import OtherWords, checked
from govd.reconcile.measuring import Measuring, by_cell, on_labelled, plain
from govd.records.limits import bounded
from govd.records.revision import Revision
from govd.registering.registry import Models
from govd.serve.serving import Serving
from govd.service.reporting import Reports
from govd.types import Contribution, Json, Record
from govd.verify.carried import AT_ONCE, CONDITIONAL, LINEAR

CLAIM: Final = (
    "The edit suppresses the concepts in the shared space and at the model's output. It does not"
    " erase training data or traces in earlier layers; what a stranger with examples can still do"
    " is measured beside it."
)
"""What every evaluation says of itself."""
DELTAS: Final = (
    "The deltas of the forgets in force are added to the weights. What that erases is what the"
    " method behind them erases; the figures are those of the owner's evaluation command."
)
"""What an evaluation of a model without a space says of itself."""


class Evaluating:
    """Evaluations of what is published, or was. Nothing is written."""

    def __init__(
        self,
        core: Core,
        models: Models,
        measuring: Measuring,
        serving: Serving,
        reports: Reports,
    ) -> None:
        self.core = core
        self.models = models
        self.measuring = measuring
        self.serving = serving
        self.reports = reports

    @bounded
    def evaluate(
        self,
        model: str,
        images: str | None,
        revision: int | None = None,
        base: bool = False,
        report: bool = False,
        disclose: bool = False,
        words: OtherWords | None = None,
    ) -> Record:
        """The metrics of a revision, with what a stranger can still do.

        Args:
            model: its name.
            images: a folder of labelled pictures; None: the model's own evaluation set.
            revision: its number; None: the published one.
            base: the unedited model instead.
            report: also what a report shows beside them, which takes longer.
            disclose: the report may name what private requests are about.
            words: other words for labels, which are tried as well.

        Raises:
            Usage: the model has no evaluation set and no folder is given. BadFile: there is no
            picture in it. Denied: a report would name what a private request is about.
        """
        served = self.serving.now(model, revision, base)
        if isinstance(served.edit, TensorEdit):
            return self._external(
                model, served, served.edit, images is not None or report
            )
        record = self._revision(model, served)
        if report and record is not None and not disclose:
            self._check_private(record)
        data, left_out = self._data(model, images, served)
        _check_words(words or {}, served.opened)
        filed = self.measuring.filed(record)
        figures = self._figures(served, filed, data, words)
        figures["left_out"] = dict(left_out)
        answer = {
            "model": model,
            "revision": served.number,
            "claim": CLAIM,
            "metrics": plain(figures),
        }
        if report:
            answer["report"] = self._report(model, images, served, filed, data)
        return answer

    def _external(
        self, model: str, served: Served, edit: TensorEdit, more: bool
    ) -> Record:
        """What the evaluation of a model without a space measures. `more`: pictures or a report are
        asked for, which it has not.
        """
        if more:
            raise Unsupported(
                "a model without a joint space is evaluated by its own command alone",
                advice="Leave --images, --vectors and --report out.",
            )
        record = self._revision(model, served)
        filed = self.measuring.filed(record)
        figures, by = self.measuring.external(served.opened, edit, filed)
        if not by:
            raise Usage(
                f"{model} has no evaluation",
                advice='Write evaluate = ["COMMAND", …] under its [unlearning.NAME] in govd.toml.',
            )
        return {
            "model": model,
            "revision": served.number,
            "claim": DELTAS,
            "metrics": figures,
        }

    def _revision(self, model: str, served: Served) -> Revision | None:
        """The revision that is measured; None: the model as it was registered."""
        return self.core.desk.revision(model, served.number) if served.number else None

    def _figures(
        self,
        served: Served,
        filed: Sequence[Contribution],
        data: EvaluationData,
        words: OtherWords | None,
    ) -> dict[str, Json]:
        basis = served.opened.basis
        edit = served.factors
        contributions = [recognised(basis, contribution) for contribution in filed]
        figures = on_labelled(basis, edit, contributions, data)
        figures["data_free"] = unlabelled.data_free(basis, edit, contributions)
        figures |= self.measuring.slow(served.opened, edit, contributions, data, words)
        by_cell(served.opened, edit, contributions, data, figures)
        figures["skipped"] = data.skipped
        figures["confusion"] = confusion(basis, edit, data)
        figures["figures_of"] = CONDITIONAL if edit.conditions else LINEAR
        if edit.conditions:
            linear = self.measuring.of_checkpoint(
                basis, edit.linear, contributions, data
            )
            outcomes = Outcomes.of(basis, edit.linear, contributions, data)
            names = ("forget_named", "forget_named_before")
            shares = outcomes.shares()
            figures[AT_ONCE] = {
                **linear,
                **{name: shares.get(name) for name in names},
                "intervals": outcomes.intervals(),
            }
        return figures

    def _data(
        self, model: str, images: str | None, served: Served
    ) -> tuple[EvaluationData, Counter[str]]:
        """What is evaluated on, and how many files of the folder were left out, by reason."""
        if images is None:
            data = self.measuring.evaluation(model)
            if data is None:
                raise Usage(
                    f"{model} has no evaluation set", advice="Say --images DIR."
                )
            return data, Counter()
        basis = served.opened.basis
        encoder = served.opened.encoder
        spellings = self.models.spellings(model)
        return read_images(
            located(images),
            encoder,
            basis.domains,
            self.core.progress,
            basis.labels,
            spellings,
        )

    def _report(
        self,
        model: str,
        images: str | None,
        served: Served,
        filed: Sequence[Contribution],
        data: EvaluationData,
    ) -> Json:
        name = images or self.core.desk.model(model).get("images")
        folder = located(str(name)) if name else None
        if folder is not None and not folder.is_dir():
            folder = None
        return plain(self.reports.figures(model, served, filed, data, folder))

    def _check_private(self, revision: Record) -> None:
        """Refuse to show what a private request is about.

        Raises:
            Denied: one of them is private.
        """
        private = [
            request
            for request in revision["requests"]
            if self.core.desk.request(request).get("private")
        ]
        if private:
            raise Denied(
                f"a report would name what {', '.join(private)} keeps private",
                where=f"{revision['model']}/{revision['number']}",
                advice="Say --disclose if whoever reads it may know.",
            )


def _check_words(words: OtherWords, opened: Opened) -> None:
    """Refuse other words for what is no label, with the labels that are near to it.

    Raises:
        Usage: there are some.
    """
    basis, encoder = opened.basis, opened.encoder
    names = basis.anchors[0]
    checked(
        words,
        names,
        lambda name: nearest_in_meaning(encoder, name, names, basis.templates),
    )
