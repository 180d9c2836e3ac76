"""Acceptance criteria: what a forget may cost and must attain, filed with it before anything is
computed, and judged for every revision while it stands.

Pure: the gate judges by `breaches`, and `verify` by the same from the entries alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from govd.errors import Usage, instead
from govd.types import Json

METRICS: Final[Mapping[str, str]] = {
    "named": "its pictures that still get a forgotten name, by the worst prompt",
    "named_right": "its pictures that still get their own name, by the worst prompt",
    "cost": "other pictures answered otherwise than by the unedited model, with all in force",
    "worst_label": "the same of the label that loses most",
    "worst_cell": "the same of the label in one domain that loses most",
    "elsewhere": "pictures of its labels in other domains that lost their answer",
    "level": "how far the AUC of its text, on its pictures against the rest, is from 1/2",
    "own_cost": "other pictures that are answered otherwise with it than without it",
    "own_worst_label": "the same of the label that loses most by it",
    "own_worst_cell": "the same of the label in one domain that loses most by it",
}
"""What a criterion can be on: shares between 0 and 1, less is better."""
ALIASES: Final[Mapping[str, str]] = {
    "forget_named": "named",
    "forget_acc": "named_right",
    "all": "cost",
    "total_disagreement": "cost",
    "predicted_disagreement": "cost",
    "disagreement": "own_cost",
    "auc": "level",
}
"""Other names of the same figures, as predictions and metrics of revisions have them."""
OTHERS: Final = ("cost", "worst_label", "worst_cell")
"""Metrics that are of all forgets in force together."""
OWN: Final = ("own_cost", "own_worst_label", "own_worst_cell")
"""Metrics for which an edit is composed without the forget."""
MOST: Final[Mapping[str, float]] = {"level": 0.5}
"""Greatest values of metrics that are no shares."""
WRITTEN: Final = re.compile(r"\s*([^<>=≤≥]*?)\s*(<=|≤|<|>=|≥|>|==?)\s*(.*?)\s*")
ROUNDING: Final = 1e-9
CLOSE: Final = 0.5
"""How alike names must be for one to be suggested for the other."""


@dataclass(frozen=True, order=True)
class Criterion:
    """That a figure is at most so much: `metric` is one of `METRICS`."""

    metric: str
    at_most: float

    def __str__(self) -> str:
        return f"{self.metric}<={self.at_most:g}"

    @classmethod
    def from_json(cls, criterion: Mapping[str, Json]) -> Criterion:
        """As entries say it."""
        return cls(str(criterion["metric"]), float(criterion["at_most"]))

    def as_json(self) -> dict[str, Json]:
        """As entries say it."""
        return {"metric": self.metric, "at_most": self.at_most}


@dataclass(frozen=True)
class CriteriaSet:
    """The evaluation set that criteria are bound to: its `digest`, and the digest of the checkpoint
    whose embeddings it holds.
    """

    digest: str
    model_digest: str

    @classmethod
    def from_json(cls, bound_to: Mapping[str, Json]) -> CriteriaSet:
        """As entries say it."""
        return cls(str(bound_to["digest"]), str(bound_to["model_digest"]))

    def as_json(self) -> dict[str, Json]:
        """As entries say it."""
        return {"digest": self.digest, "model_digest": self.model_digest}


@dataclass(frozen=True)
class Breach:
    """A criterion of a request that a revision does not keep. `figure`: what was measured, None
    where it could not be (`why`). `on`: what it was measured on; `pictures`: how many of it;
    `in_weights`: it is of the weights that are published, which ask no picture.
    """

    request: str
    criterion: Criterion
    figure: float | None
    on: str
    why: str
    pictures: int | None = None
    in_weights: bool = False

    @property
    def outcome(self) -> str:
        """What was measured, in words."""
        if self.figure is None:
            return f"cannot be judged: {self.why}"
        share = f"{self.figure:.4f}"
        if self.pictures:
            share += f" of {self.pictures} picture{'' if self.pictures == 1 else 's'},"
        place = ", in the weights that are published" if self.in_weights else ""
        return f"would not be kept: {share} on {self.on}{place}"

    def reason_for(self, request_id: str) -> str:
        """Why a request waits that would break it."""
        if request_id == self.request:
            return f"its criterion {self.criterion} {self.outcome}"
        return (
            f"with it the criterion {self.criterion} of {self.request} {self.outcome}"
        )

    @property
    def reason(self) -> str:
        """Why a revision waits that breaks it."""
        return f"the criterion {self.criterion} of {self.request} {self.outcome}"

    def as_json(self) -> dict[str, Json]:
        """As the entry says it by which a request waits."""
        figure = {"figure": self.figure, "on": self.on}
        return {"request": self.request, **self.criterion.as_json(), **figure}


def parsed(text: str) -> Criterion:
    """A criterion as somebody writes it: `named<=0.01`, `worst-cell <= 5%`.

    Raises:
        Usage: it is none; of a metric that there is not, the message names what could be meant.
    """
    match = WRITTEN.fullmatch(text)
    if match is None or not match[1]:
        raise Usage(
            f"{text!r} is no criterion",
            where="criterion",
            advice=f"Write named<=0.01; metrics: {', '.join(METRICS)}.",
        )
    metric = metric_of(match[1])
    sign = match[2]
    number = match[3]
    if sign not in ("<=", "≤"):
        raise Usage(
            f"{text!r}: a criterion says how much at most",
            where="criterion",
            advice=f"Write {metric}<={number or '0.01'}.",
        )
    return Criterion(metric, _bound(metric, number, text))


def metric_of(name: str) -> str:
    """The metric that somebody names.

    Raises:
        Usage: there is none; the message names what could be meant.
    """
    metric = re.sub(r"[\s-]+", "_", name.strip().lower())
    metric = ALIASES.get(metric, metric)
    if metric in METRICS:
        return metric
    raise Usage(
        f"there is no metric {name.strip()!r}",
        where="criterion",
        advice=instead(metric, METRICS, "Metrics"),
    )


def _bound(metric: str, number: str, text: str) -> float:
    is_percent = number.endswith("%")
    highest = MOST.get(metric, 1.0)
    try:
        bound = float(number.removesuffix("%")) / (100 if is_percent else 1)
    except ValueError:
        bound = -1.0
    if not 0 <= bound <= highest:
        raise Usage(
            f"{text!r} has no bound from 0 to {highest:g}",
            where="criterion",
            advice=f"Write {metric}<=0.01 or {metric}<=1%.",
        )
    return bound


def all_parsed(texts: Iterable[str]) -> tuple[Criterion, ...]:
    """Criteria as somebody writes them, sorted by their metrics.

    Raises:
        Usage: one is none, or a metric is bounded twice.
    """
    criteria = sorted(parsed(text) for text in texts)
    metrics = [criterion.metric for criterion in criteria]
    twice = next((metric for metric in metrics if metrics.count(metric) > 1), None)
    if twice:
        raise Usage(
            f"two criteria on {twice}", where="criterion", advice="Say one of them."
        )
    return tuple(criteria)


def breaches(
    request_id: str, criteria: Sequence[Criterion], judged: Mapping[str, Json] | None
) -> list[Breach]:
    """The criteria of a request that a revision does not keep. `judged`: what the revision's
    metrics say of this request under `criteria`; None where they say nothing.
    """
    record = judged or {}
    figures = record.get("figures") or {}
    missing = record.get("missing") or {}
    broken = []
    counts = record.get("pictures") or {}
    for criterion in criteria:
        figure = figures.get(criterion.metric)
        if figure is not None and figure <= criterion.at_most + ROUNDING:
            continue
        why = str(missing.get(criterion.metric) or "nothing was measured for it")
        on = str(record.get("on") or "")
        pictures = counts.get(criterion.metric)
        broken.append(
            Breach(
                request=request_id,
                criterion=criterion,
                figure=figure,
                on=on,
                why=why,
                pictures=pictures,
                in_weights=criterion.metric in (record.get("in_weights") or ()),
            )
        )
    return broken


def unjudged(
    criteria: Sequence[Criterion],
    bound: CriteriaSet | None,
    judged: Mapping[str, Json] | None,
) -> bool:
    """Whether a revision was evaluated before these criteria, on this set, were there."""
    record = judged or {}
    figures = record.get("figures") or {}
    is_other = (
        bool(criteria) and bound is not None and record.get("set") != bound.digest
    )
    return is_other or any(criterion.metric not in figures for criterion in criteria)
