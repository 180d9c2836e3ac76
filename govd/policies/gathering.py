"""The input of a decision, gathered from the records: what the expressions of policies see, as JSON
that an entry keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

from govd.errors import NotFound, instead
from govd.ledger import canonical
from govd.ledger.times import moment as moment_of
from govd.models.core import Core
from govd.models.phrases import folded
from govd.policies.inputs import ApprovalInput, ModelInput, RequestInput
from govd.records.fold_feeds import run_key
from govd.records.lifecycle import STANDING, RequestState
from govd.records.policy import Policy
from govd.records.predicted import Predicted
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Figure, Json, Record

DAYS: Final = {"filed_day": 1, "filed_week": 7, "filed_month": 30}
MOST_COUNTED: Final = 100_000
"""Entries of one filer that are counted at most."""
UNBOUNDED: Final = 2**31
"""What policies see as the capacity of a model without a space, where adding has no bound."""


def of_request(
    core: Core,
    request: Request,
    predicted: Predicted | None,
    actor: str,
    roles: Sequence[str],
    approvals: Sequence[Record],
    now: str,
) -> dict[str, Json]:
    """What policies see of a request at the moments that are about one.

    Args:
        request: as it is then.
        predicted: what it is predicted to do; None for a revert.
        actor: who files, approves or asks now; `roles`: those that he has.
        approvals: those so far, as JSON.
        now: RFC 3339 in UTC.
    """
    return {
        "request": request_seen(core, request),
        "predicted": predicted_seen(predicted),
        "model": model_seen(core, request.model),
        "actor": {"name": actor, "kind": actor.partition(":")[0], "roles": list(roles)},
        "approvals": [_approval(approval) for approval in approvals],
        "history": _history(core, request, now),
        "now": now,
    }


def request_seen(core: Core, request: Request) -> dict[str, Json]:
    """A request as `RequestInput`."""
    feed = ""
    if request.filed_by.startswith("feed:"):
        feed = request.filed_by.removeprefix("feed:")
    inputs: dict[str, Json] = {
        "concepts": [concept.name for concept in request.concepts],
        "aliases": [alias for concept in request.concepts for alias in concept.aliases],
        "names": names_seen(request),
        "domains": list(request.domains),
        "paradigm": request.scope.paradigm,
        "examples": len(request.examples),
        "private": request.is_private,
        "held": request.hold is not None,
        "recognised": request.breach is not None,
        "feed": feed,
        "missing": is_missing(core, request),
    }
    for entry in fields(RequestInput):
        if entry.name not in inputs:
            value = request.get(entry.name)
            inputs[entry.name] = "" if value is None and entry.type == "str" else value
    return inputs


def is_missing(core: Core, request: Request) -> bool:
    """Whether the newest document of the feed that brought a request has its row no more."""
    name = request.source.get("feed")
    document = request.source.get("document")
    feed = core.desk.views.feeds.get(str(name))
    newest = None if feed is None else feed.documents.get(str(document))
    if newest is None:
        return False
    run = core.desk.views.records.get(
        "feed_run", run_key(str(name), int(newest["run"]))
    )
    rows = (run or {}).get("missing") or ()
    if run is not None and run.get("missing_artifact"):
        rows = canonical.decode(core.artifacts.get(str(run["missing_artifact"])))
    return any(row["request"] == request.id for row in rows)


def names_seen(request: Request) -> list[str]:
    """All phrases of a request as they are compared; none of those that the ledger hides."""
    if request.is_private:
        return []
    phrases = (phrase for concept in request.concepts for phrase in concept.phrases)
    return list(dict.fromkeys(folded(phrase) for phrase in phrases))


def predicted_seen(predicted: Predicted | None) -> dict[str, Json]:
    """What a forget is predicted to do, as `PredictedInput`: upper ends where there are some."""
    if predicted is None:
        return {"measured": False, "exact": False, "subsumed": False, "doubted": 0}
    measured = predicted.disagreement is not None and predicted.measured is not False
    cost = predicted.disagreement_high
    total_cost = predicted.total_disagreement_high
    if cost is None:
        cost = predicted.disagreement
    if total_cost is None:
        total_cost = predicted.total_disagreement
    total_shown = predicted.total_shown_disagreement_high
    if total_shown is None:
        total_shown = predicted.total_shown_disagreement
    costs = predicted.costs or {}
    effect = predicted.effect
    return {
        "cost": cost if measured else None,
        "total_cost": total_cost if measured else None,
        "shown_cost": upper_end(costs.get("shown")),
        "total_shown_cost": total_shown,
        "worst_label": upper_end(costs.get("worst_label")),
        "worst_cell": upper_end(costs.get("worst_cell")),
        "elsewhere": upper_end(costs.get("elsewhere")),
        "named": None if effect is None else upper_end(effect.named),
        "scope_share": predicted.scope_share,
        "total_scope_share": predicted.total_scope_share,
        "measured": measured,
        "exact": bool(predicted.by_theorem),
        "subsumed": predicted.subsumed_by is not None,
        "doubted": len(predicted.doubted_names or ()),
    }


def upper_end(figure: Figure | None) -> float | None:
    """The upper end of a figure's interval, the figure itself where it has none."""
    if figure is None:
        return None
    return figure.share if figure.high is None else figure.high


def model_seen(core: Core, name: str) -> dict[str, Json]:
    """A model as `ModelInput`; of one that is not registered, its name alone."""
    views = core.desk.views
    model = views.models.get(name)
    if model is None:
        return {"name": name}
    states = [r.state for r in list(views.open.values()) if r.model == name]
    in_force = sum(state in STANDING for state in states)
    capacity = model.dim or UNBOUNDED
    computed: dict[str, Any] = {
        "in_force": in_force,
        "waiting": sum(state is RequestState.WAITING for state in states),
        "capacity": capacity,
        "capacity_left": max(0, capacity - in_force),
        "domains": list(model.domains),
    }
    return {e.name: computed.get(e.name, model.get(e.name)) for e in fields(ModelInput)}


def revision_seen(core: Core, revision: Revision, now: str) -> dict[str, Json]:
    """What policies see at the moment `gate`."""
    metrics = revision.metrics
    agreement = metrics.get("retain_agreement")
    inputs = {
        "model": revision.model,
        "number": revision.number,
        "rank": revision.rank,
        "requests": len(revision.requests),
        "named": metrics.get("forget_named"),
        "forget_acc": metrics.get("forget_acc"),
        "retain_acc": metrics.get("retain_acc"),
        "retain_before": metrics.get("retain_acc_before"),
        "changed": None if agreement is None else 1.0 - agreement,
    }
    return {"revision": inputs, "model": model_seen(core, revision.model), "now": now}


def approvals_seen(request: Request) -> list[dict[str, Json]]:
    """Who approved a request so far, those whom policies did not find enough among them."""
    approvals = [*request.get("approvals_held", ()), *request.get("approvals", ())]
    approvals.sort(key=lambda approval: int(approval["entry"]))
    return [_approval(approval) for approval in approvals]


def _approval(approval: Record) -> dict[str, Json]:
    role = approval.get("role")
    roles = approval.get("roles") or ([role] if role else [])
    inputs: dict[str, Json] = {
        "principal": str(approval["principal"]),
        "roles": list(roles),
        "at": approval["at"],
        "by_filer": bool(approval["by_filer"]),
    }
    return {entry.name: inputs[entry.name] for entry in fields(ApprovalInput)}


def _history(core: Core, request: Request, now: str) -> dict[str, Json]:
    """How much the same filer filed before this request, also in the same append, and what was
    taken back.
    """
    records = core.desk.views.records
    until = str(request.filed_at)
    before = request.get("seq")  # none of one that is previewed
    history: dict[str, Json] = {}
    for name, days in DAYS.items():
        begin = datetime.fromisoformat(until) - timedelta(days=days)
        filed = records.seqs(
            limit=MOST_COUNTED,
            kind="request.file",
            actor=request.filed_by,
            since=moment_of(begin.isoformat(), name),
        )
        history[name] = sum(before is None or seq < before for seq in filed)
    history["reverted"] = _reverted(core, request)
    return history


def _reverted(core: Core, request: Request) -> int:
    """Forgets of exactly these names and domains on this model that were reverted."""
    if request.private or not request.concepts:
        return 0
    same = core.desk.views.requests(
        model=request.model,
        concept=request.concepts[0].name,
        state=RequestState.REVERTED.value,
    )
    return sum(other.scope == request.scope for other in same)


def policies_named(core: Core, name: str) -> list[Policy]:
    """All texts of a policy, the newest first.

    Raises:
        NotFound: there is none of this name.
    """
    texts = core.desk.views.policies_named(name)
    if not texts:
        names = sorted({policy.name for policy in core.desk.views.policies.values()})
        how = "`govd policy list` shows them."
        none = "`govd policy add FILE` adds one."
        advice = instead(name, names, how=how, none=none)
        raise NotFound(f"no policy is called {name!r}", advice=advice)
    return texts
