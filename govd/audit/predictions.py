"""What forgets were predicted to do, against what was measured of them: one row for each figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from govd.audit.filters import check_filters
from govd.ledger.times import moment
from govd.models.core import Core
from govd.records.limits import bounded
from govd.records.revision import Revision
from govd.types import Json, Record

FIGURES: Final = (
    "metric",
    "predicted",
    "low",
    "high",
    "measured",
    "pictures",
    "error",
    "held",
)


class Predictions:
    """Asks one ledger how far its predictions were off."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @bounded
    def report(self, model: str | None = None, since: str | None = None) -> Record:
        """The predictions of forgets against what the revisions measured that carried them first;
        of one `model`, of what was published `since` then, oldest first.

        `predictions` has a row for each figure: `request`, `model`, `revision`, `published_at`,
        `on` (None: nothing was measured, `why`), `metric`, `predicted`, `low` and `high` (ends of
        its interval, None: not known), `measured`, `pictures`, `error` and whether the interval
        `held`.
        `summary` has for each metric how many were `measured`, had an `interval` and `held`, the
        `mean_error` and the greatest, `worst_error`.

        Raises:
            Usage: a time that is none. NotFound: a model that never was.
        """
        check_filters(self.core, model)
        start = moment(since, "since") or ""
        names = [model] if model is not None else sorted(self.core.desk.views.heads)
        revisions = [
            revision
            for name in names
            for revision in self.core.desk.views.revisions(name)
            if revision.published_at and revision.published_at >= start
        ]
        revisions.sort(key=lambda revision: revision.seq)
        rows = [row for revision in revisions for row in _rows(revision)]
        metrics = list(dict.fromkeys(str(row["metric"]) for row in rows))
        summary = [_summary(metric, rows) for metric in metrics]
        return {"summary": summary, "predictions": rows}


def _rows(revision: Revision) -> Iterator[dict[str, Json]]:
    """A row for each figure of the forgets that a revision carried first."""
    for prediction in revision.predictions:
        fields = {
            "request": prediction["request"],
            "model": revision.model,
            "revision": revision.number,
            "published_at": revision.published_at,
            "on": prediction["on"],
            "why": prediction.get("why", ""),
        }
        for figure in prediction["figures"]:
            yield {**fields, **{name: figure[name] for name in FIGURES}}


def _summary(metric: str, rows: Sequence[Record]) -> dict[str, Json]:
    """What the rows of one metric come to."""
    of_metric = [row for row in rows if row["metric"] == metric]
    errors = [float(row["error"]) for row in of_metric if row["error"] is not None]
    return {
        "metric": metric,
        "figures": len(of_metric),
        "measured": len(errors),
        "interval": sum(row["held"] is not None for row in of_metric),
        "held": sum(row["held"] is True for row in of_metric),
        "mean_error": sum(errors) / len(errors) if errors else None,
        "worst_error": max(errors, key=abs) if errors else None,
    }
