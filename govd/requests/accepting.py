"""Acceptance criteria of a forget: given when it is filed, and changed by an entry that says by
whom and why.

Proven by `tests/reconcile/test_criteria.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from govd.errors import Conflict, Usage, instead
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.models.evaluation_set import evaluation_from
from govd.records.criteria import (
    CriteriaSet,
    Criterion,
    all_parsed,
    breaches,
    metric_of,
)
from govd.records.drafts import request_draft
from govd.records.limits import bounded
from govd.records.model import RegisteredModel
from govd.records.predicted import Predicted
from govd.records.request import Request
from govd.requests.holding import check_hold, check_model
from govd.requests.options import ForgetOptions
from govd.requests.privacy import Privacy
from govd.types import Figure, Json, Record
from govd.views.views import Views

if TYPE_CHECKING:
    from govd.edit import EvaluationData

DIGEST: Final = re.compile(r"[0-9a-f]{64}")
CARRIED: Final = (
    "the model was rebased: the same pictures, as its new checkpoint sees them"
)
SHORTEST: Final = 8
"""Digits by which the model's own evaluation set can be named."""


class Accepting:
    """Criteria of a home's requests."""

    def __init__(self, core: Core, privacy: Privacy) -> None:
        self.core = core
        self.privacy = privacy

    def filed(self, model: str, options: ForgetOptions) -> dict[str, Json]:
        """The fields of a filing that say its criteria; none where there are none.

        Raises:
            Usage: one of them cannot be meant.
        """
        criteria = all_parsed(options.criteria)
        if not criteria and options.criterion_set is not None:
            raise Usage(
                "a criterion set needs at least one criterion",
                advice="Say --criterion, too.",
            )
        if not criteria:
            return {}
        check_scope(criteria, options.domains)
        registered = self.core.desk.model(model)
        return _fields(criteria, bound_to(registered, options.criterion_set))

    @bounded
    def change(
        self,
        request_id: str,
        criteria: Sequence[str],
        drop: Sequence[str],
        reason: str,
        actor: str,
        criterion_set: str | None = None,
    ) -> Request:
        """Change what a forget must keep.

        Args:
            request_id: of the forget.
            criteria: those that are added, or take the place of those on the same metrics.
            drop: metrics whose criteria are no more.
            reason: why; it is said in the ledger.
            actor: who.
            criterion_set: the evaluation set that all its criteria are bound to from now on;
                None: as they are (the first ones: to the set that the model has).

        Raises:
            Usage: nothing to change, no reason, or something that cannot be meant. Conflict: the
            forget has ended, or is a revert. Denied: it is under a legal hold.
        """
        core = self.core
        with core.desk.lock:
            core.desk.refresh()
            request = core.desk.request(request_id)
            check_hold(request)
            check_model(request)
            _check_judged(request)
            then = changed(request.criteria, criteria, drop)
            check_scope(then, request.domains)
            registered = core.desk.model(request.model)
            bound = request.criteria_set
            if criterion_set is not None or not request.criteria:
                bound = bound_to(registered, criterion_set)
            _check_changes(request, then, bound)
            if not reason.strip():
                raise Usage(
                    "a change of criteria needs a reason", advice="Say --reason TEXT."
                )
            payload = _fields(then, bound)
            payload["was"] = [criterion.as_json() for criterion in request.criteria]
            payload |= self.privacy.reason(request, reason)
            core.desk.append([request_draft(request, "criteria", actor, payload)])
            return core.desk.request(request.id)

    def carried(
        self, request: Request, old: Record, new: Mapping[str, Json], actor: str
    ) -> list[Draft]:
        """The entry that binds a forget's criteria to the evaluation set that its model gets with
        another checkpoint (`old` and `new`: the model's record before and after). None where they
        are bound to another set than the model's, where the new one has not as many pictures of
        each class in each domain, and under a legal hold.
        """
        bound = request.criteria_set
        sets = (old["evaluation"], new["evaluation"])
        if (
            bound is None
            or bound.digest != sets[0]
            or sets[1] is None
            or request.hold is not None
        ):
            return []
        if bound.model_digest == new["digest"] or not self._same_cells(*map(str, sets)):
            return []
        payload = _fields(
            request.criteria, CriteriaSet(str(sets[1]), str(new["digest"]))
        )
        payload["was"] = [criterion.as_json() for criterion in request.criteria]
        payload |= self.privacy.reason(request, CARRIED)
        return [request_draft(request, "criteria", actor, payload)]

    def _same_cells(self, old: str, new: str) -> bool:
        """Whether two evaluation sets have as many pictures of each class in each domain."""
        before, after = (
            evaluation_from(self.core.artifacts.get(digest)) for digest in (old, new)
        )
        return _cells(before) == _cells(after)


def _cells(data: EvaluationData) -> Counter[tuple[str, str]]:
    """The number of pictures by class and domain."""
    pairs = zip(data.class_of, data.domain_of, strict=True)
    return Counter(
        (data.classes[label], data.domains[domain]) for label, domain in pairs
    )


def foreseen(
    criteria: Sequence[Criterion], predicted: Predicted
) -> list[dict[str, Json]]:
    """Whether criteria would be kept, by a prediction: `outcome` is `kept` where its interval lies
    within the bound, `broken` where it lies beyond it, `open` where it lies on both sides, or
    there is none; `unknown` where the metric is not predicted.
    """
    figures = predicted.by_metric
    return [
        _foreseen(criterion, figures.get(criterion.metric)) for criterion in criteria
    ]


def _foreseen(criterion: Criterion, figure: Figure | None) -> dict[str, Json]:
    row = {**criterion.as_json(), "predicted": None, "low": None, "high": None}
    if figure is None:
        return row | {"outcome": "unknown"}
    low = figure.share if figure.low is None else figure.low
    outcome = "open"
    if figure.high is not None and figure.high <= criterion.at_most:
        outcome = "kept"
    elif figure.high is not None and low > criterion.at_most:
        outcome = "broken"
    ends = {"low": figure.low, "high": figure.high}
    return row | {"predicted": figure.share, **ends, "outcome": outcome}


def _check_judged(request: Request) -> None:
    """Refuse criteria for a request that is not judged.

    Raises:
        Conflict: it has ended, or is a revert.
    """
    if request.is_forget and not request.is_final:
        return
    shown_state = request.state if request.is_forget else "a revert"
    raise Conflict(
        f"{request.id} is {shown_state}: nothing is judged for it",
        advice="Only a forget that is open or in force can have criteria.",
    )


def _check_changes(
    request: Request, criteria: Sequence[Criterion], bound: CriteriaSet | None
) -> None:
    """Refuse to give a request the criteria that it has, bound to the set that they are bound to.

    Raises:
        Usage: nothing would change.
    """
    if criteria == request.criteria and bound == request.criteria_set:
        raise Usage(
            "nothing would change",
            advice="Say --set 'named<=0.01', or --drop METRIC.",
        )


def measured_of(views: Views, request: Request) -> dict[str, Json]:
    """What revisions measured of a forget: `judged`, what its criteria came to in the published
    one, with those that it does not keep as `unmet`; `prediction`, in the first that carried it.
    """
    measured: dict[str, Json] = {"judged": None} if request.criteria else {}
    published = views.published(request.model)
    judged = None if published is None else published.criteria.get(request.id)
    if published is not None and judged is not None and request.criteria:
        on_figures = [c for c in request.criteria if c.metric in judged["figures"]]
        broken = breaches(request.id, on_figures, judged)
        unmet = [breach.as_json() for breach in broken]
        measured["judged"] = {"revision": published.number, **judged, "unmet": unmet}
    first = None
    if request.revision:
        first = views.revision(request.model, request.revision)
    if first is not None:
        for row in first.predictions:
            if row["request"] == request.id:
                measured["prediction"] = {"revision": first.number, **row}
    return measured


def bound_to(registered: RegisteredModel, digest: str | None) -> CriteriaSet | None:
    """The evaluation set of a digest, or of its beginning where it is the model's own; None for
    no `digest` where the model has no set: then criteria are judged on what it has.

    Raises:
        Usage: it is no digest.
    """
    registered_set = registered.evaluation
    if digest is None or _abbreviates(digest, registered_set):
        digest = registered_set
    if digest is None:
        return None
    if not DIGEST.fullmatch(digest):
        raise Usage(
            f"{digest[:80]!r} is not the digest of an evaluation set",
            where="criterion set",
            advice=f"64 hexadecimal digits; {registered.name} has"
            f" {registered_set or 'none'}.",
        )
    return CriteriaSet(digest, registered.digest)


def _abbreviates(text: str, digest: str | None) -> bool:
    return (
        digest is not None and len(text) >= SHORTEST and digest.startswith(text.lower())
    )


def check_scope(criteria: Sequence[Criterion], domains: Sequence[str]) -> None:
    """Refuse a criterion that says nothing of a forget in these domains (none: everywhere).

    Raises:
        Usage: there is no elsewhere.
    """
    if not domains and any(criterion.metric == "elsewhere" for criterion in criteria):
        raise Usage(
            "a criterion on elsewhere, for a forget that applies everywhere",
            where="criterion",
            advice="Name domains (--domain D), or leave it out.",
        )


def changed(
    standing: Sequence[Criterion], texts: Sequence[str], drop: Sequence[str]
) -> tuple[Criterion, ...]:
    """Criteria with some set, by their `texts`, and some dropped; sorted by their metrics.

    Raises:
        Usage: one cannot be meant, or what is dropped is not there.
    """
    by_metric = {criterion.metric: criterion for criterion in standing}
    for name in drop:
        metric = metric_of(name.partition("<")[0])
        if metric not in by_metric:
            raise Usage(
                f"there is no criterion on {metric}",
                advice=instead(metric, map(str, standing)),
            )
        del by_metric[metric]
    by_metric |= {criterion.metric: criterion for criterion in all_parsed(texts)}
    return tuple(sorted(by_metric.values()))


def _fields(
    criteria: Sequence[Criterion], bound: CriteriaSet | None
) -> dict[str, Json]:
    return {
        "criteria": [criterion.as_json() for criterion in criteria],
        "criteria_set": None if bound is None else bound.as_json(),
    }
