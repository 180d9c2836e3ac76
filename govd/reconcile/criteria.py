"""Whether a revision keeps the acceptance criteria of the forgets that stand, and how far
predictions were off.

Proven by `tests/reconcile/test_criteria.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from govd.contributions import Contributions
from govd.contributions.costing import publishes_weights
from govd.contributions.effects import labels_prompted
from govd.edit import AnyEdit, Basis
from govd.edit.cache import Cache
from govd.edit.costs import Costs
from govd.edit.criteria import Sight, State, changed, named, off_level
from govd.edit.tensors import factors_of, unedited
from govd.errors import GovdError
from govd.models.core import Core, Opened
from govd.reconcile.measuring import Measuring
from govd.records.criteria import OTHERS, OWN, Breach, breaches
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Contribution, Figure, Floats, Json, Record

SIGHTS: Final = 4
"""Evaluation sets whose unedited answers are kept in memory."""
PROMPTED: Final = 4
"""Models whose labels in single prompts are kept in memory."""


@dataclass(frozen=True)
class Trial:
    """A revision, or one that could be: the model as it is opened for it, its edit, the forgets
    that are in force with it, and their contributions by the ids of their requests. `made_for`:
    the model's `digest` and `evaluation`. `folder`: that weights would be published to; None: the
    model's.
    """

    opened: Opened
    edit: AnyEdit
    wanted: Sequence[Request]
    contributions: Mapping[str, Contribution]
    covered: Mapping[str, str]
    made_for: Mapping[str, Json]
    folder: str | None = None
    _states: dict[int, State] = field(default_factory=dict)

    @property
    def adding(self) -> list[Contribution]:
        """The contributions that the edit is made of."""
        return [c for name, c in self.contributions.items() if name not in self.covered]

    @cached_property
    def linear(self) -> Trial:
        """The same with the linear edit, which weights get."""
        return replace(self, edit=factors_of(self.edit).linear, _states={})

    def seen_by(self, sight: Sight) -> State:
        """Its edit on some pictures."""
        key = id(sight)
        if key not in self._states:
            self._states[key] = State.of(sight, factors_of(self.edit), self.adding)
        return self._states[key]


class CriteriaJudging:
    """Judges the revisions of a home's models. Nothing is written."""

    def __init__(
        self, core: Core, contributions: Contributions, measuring: Measuring
    ) -> None:
        self.core = core
        self.contributions = contributions
        self.measuring = measuring
        self._sights: Cache[tuple[str, str], Sight] = Cache(SIGHTS)
        self._prompted: Cache[str, dict[str, Floats]] = Cache(PROMPTED)

    def trial(self, revision: Revision, wanted: Sequence[Request]) -> Trial:
        """A revision with the forgets that are in force with it."""
        opened = self.core.models.opened_for(revision.model, revision)
        edit = self.measuring.edit(revision, revision.model)
        return self.trial_of(opened, edit, wanted, revision.made_for)

    def trial_of(
        self,
        opened: Opened,
        edit: AnyEdit | None,
        wanted: Sequence[Request],
        made_for: Mapping[str, Json],
    ) -> Trial:
        """What a model would be with the forgets in `wanted`. `edit`: None where it is to be
        composed.

        Args:
            opened: the model.
            made_for: its `digest` and `evaluation`.
        """
        stored = self.contributions.stored
        covered = stored.covered(wanted)
        contributions = {
            request.id: stored.load(request.contribution)
            for request in wanted
            if request.contribution
        }
        adding = [c for name, c in contributions.items() if name not in covered]
        edit = edit or self._composed(opened.basis, adding)
        return Trial(
            opened=opened,
            edit=edit,
            wanted=wanted,
            contributions=contributions,
            covered=covered,
            made_for=made_for,
        )

    def _composed(self, basis: Basis, contributions: Sequence[Contribution]) -> AnyEdit:
        if not contributions:
            return unedited(basis.dim, basis.side)
        return self.contributions.composing.edit(basis, contributions)

    # -- figures

    def figures(
        self, trial: Trial, only: Sequence[Request] | None = None
    ) -> dict[str, Json]:
        """What the criteria of each forget in force, or `only` of some, are judged by: by the
        request's id `set` (the digest of an evaluation set, None for the pool or texts), `on`,
        `figures` by metric (None: it cannot be measured) and for those why, as `missing`; and how
        many `pictures` each figure is of. Where weights are published that have the linear edit of
        a conditional one, each figure is the larger of both, and `in_weights` names those that are
        of the weights.
        """
        requests = trial.wanted if only is None else only
        return {
            request.id: self._judged(trial, request)
            for request in requests
            if request.criteria
        }

    def _judged(self, trial: Trial, request: Request) -> dict[str, Json]:
        metrics = [criterion.metric for criterion in request.criteria]
        digest, sight, why = self._seen(trial, request)
        judged: dict[str, Json] = {"set": digest, "on": sight.on if sight else ""}
        if sight is None and digest is None:
            return judged | self._on_texts(trial, metrics)
        if sight is None:
            nothing = dict.fromkeys(metrics)
            return judged | {"figures": nothing, "missing": dict.fromkeys(metrics, why)}
        measured = self._measured(trial, request, sight, metrics)
        judged_by = {m: measured[m] for m in metrics if m in measured}
        worse = self._worse_in_weights(trial, request, sight, judged_by)
        measured |= worse
        shares: dict[str, float | None] = dict.fromkeys(metrics)
        pictures: dict[str, int] = {}
        missing: dict[str, str] = {}
        for metric in metrics:
            if metric in measured:
                shares[metric] = measured[metric].share
                pictures[metric] = measured[metric].pictures
            if shares[metric] is None:
                missing[metric] = self._why(sight, metric)
        judged |= {"pictures": pictures, "figures": shares}
        if worse:
            judged["in_weights"] = sorted(worse)
        if missing:
            judged["missing"] = missing
        return judged

    def _seen(
        self, trial: Trial, request: Request
    ) -> tuple[str | None, Sight | None, str]:
        """The set that a forget's criteria are bound to, the pictures that are looked at, and why
        there are none.
        """
        bound = request.criteria_set
        model_set = trial.made_for.get("evaluation")
        digest = model_set if bound is None else bound.digest
        if digest is None:
            return None, Sight.of_pool(trial.opened.basis, trial.adding), ""
        if (
            bound
            and digest != model_set
            and bound.model_digest != trial.made_for.get("digest")
        ):
            other_set = str(model_set or "DIGEST")[:16]
            why = (
                f"the evaluation set {digest[:16]}… is of another checkpoint; `govd request"
                f" criteria {request.id} --criterion-set {other_set} --reason …` binds it to"
                " another set"
            )
            return digest, None, why
        try:
            return digest, self.labelled(trial.opened.basis, digest), ""
        except GovdError as error:
            why = f"the evaluation set {digest[:16]}… cannot be used: {error.what}"
            return digest, None, why

    def labelled(self, basis: Basis, digest: str) -> Sight:
        """The labelled pictures of an evaluation set.

        Raises:
            NotFound: it is not there. Usage: a class of it is none of the labels.
        """
        key = (basis.digest, digest)
        sight = self._sights.get(key)
        if sight is None:
            sight = Sight.labelled(basis, self.measuring.evaluation_set(digest))
            self._sights.put(key, sight)
        return sight

    def _on_texts(self, trial: Trial, metrics: Sequence[str]) -> dict[str, Json]:
        """Without pictures the only figure is how many anchors' own texts get another answer."""
        basis = trial.opened.basis
        name = trial.wanted[0].model
        disagreement = linear = 0.0
        if trial.adding:
            _, facts = self.contributions.composing.figures(basis, trial.adding)
            disagreement = facts.get("predicted_disagreement", 0.0)
            if self._has_weights(trial, name):
                in_weights = facts.get("checkpoint", {})
                linear = in_weights.get("predicted_disagreement", 0.0)
        shares = {"cost": max(disagreement, linear)}
        why = (
            f"{name} has neither an evaluation set nor a pool (`govd model update {name} --images"
            " DIR`)"
        )
        judged: dict[str, Json] = {
            "on": f"{len(basis.anchors[0])} texts",
            "figures": {metric: shares.get(metric) for metric in metrics},
        }
        if linear > disagreement and "cost" in metrics:
            judged["in_weights"] = ["cost"]
        missing = {metric: why for metric in metrics if metric not in shares}
        if missing:
            judged["missing"] = missing
        return judged

    def _why(self, sight: Sight, metric: str) -> str:
        """Why pictures do not show a figure."""
        if metric == "level" and sight.data is None:
            return "it takes labelled pictures (`govd model update NAME --images DIR`)"
        if metric in ("named", "named_right", "level"):
            return f"none of {sight.on} is of it"
        if metric == "elsewhere":
            return f"among {sight.on} there is none of its labels elsewhere that is to stay"
        return f"none of {sight.on} shows it"

    def _worse_in_weights(
        self,
        trial: Trial,
        request: Request,
        sight: Sight,
        judged: Mapping[str, Figure],
    ) -> dict[str, Figure]:
        """Those of the figures that are `judged` that are larger in the weights that are published;
        none where there are no others than of the edit itself.
        """
        if not self._has_weights(trial, request.model):
            return {}
        linear = self._measured(trial.linear, request, sight, list(judged))
        return {
            metric: linear[metric]
            for metric, figure in judged.items()
            if metric in linear and linear[metric].share > figure.share
        }

    def _has_weights(self, trial: Trial, model: str) -> bool:
        """Whether what is published of a conditional edit is weights, which ask nothing."""
        edit = factors_of(trial.edit)
        facts = trial.opened.model.facts
        folder = trial.folder or self.core.desk.model(model).publish_to
        return bool(edit.conditions) and publishes_weights(
            folder, facts, str(edit.side)
        )

    def _measured(
        self, trial: Trial, request: Request, sight: Sight, metrics: Sequence[str]
    ) -> dict[str, Figure]:
        """Figures of one forget; those that it has not cannot be measured."""
        contribution = trial.contributions.get(request.id)
        if contribution is None:
            return {}
        state = trial.seen_by(sight)
        by_metric: dict[str, Figure] = {}
        if {"named", "named_right"} & set(metrics):
            counted = named(state, contribution, self.prompts(trial.opened))
            if counted is not None:
                by_metric["named"] = Figure(counted.any, counted.pictures)
                by_metric["named_right"] = Figure(counted.right, counted.pictures)
        if "level" in metrics:
            level = off_level(sight, factors_of(trial.edit), contribution)
            if level is not None:
                by_metric["level"] = level
        if {*OTHERS, "elsewhere"} & set(metrics):
            by_metric |= _by_metric(changed(state, sight.before, contribution), "")
        if set(OWN) & set(metrics):
            by_metric |= _by_metric(self.own_costs(trial, request, state), "own_")
        return by_metric

    def own_costs(self, trial: Trial, request: Request, state: State) -> Costs:
        """What one forget changes: answers with it compared with answers without it."""
        contribution = trial.contributions[request.id]
        rest = [other for other in trial.wanted if other.id != request.id]
        without = self.trial_of(trial.opened, None, rest, trial.made_for)
        other = factors_of(without.edit)
        if not state.edit.conditions:  # of weights, or nothing asks
            other = other.linear
        answers = state.sight.answers(other)
        return changed(state, answers, contribution)

    def prompts(self, opened: Opened) -> dict[str, Floats]:
        """The anchors `(m, d)` in each single prompt."""
        digest = opened.basis.digest
        prompted = self._prompted.get(digest)
        if prompted is None:
            prompted = self._prompted.put(digest, dict(labels_prompted(opened)))
        return prompted


def all_breaches(
    wanted: Sequence[Request], judged: Mapping[str, Record]
) -> list[Breach]:
    """The criteria of these forgets that a revision does not keep, by what its metrics say."""
    return [
        breach
        for request in wanted
        for breach in breaches(request.id, request.criteria, judged.get(request.id))
    ]


def _by_metric(figures: Costs, prefix: str) -> dict[str, Figure]:
    """Costs by the names that criteria have for them."""
    names = {"all": "cost", "worst_label": "worst_label", "worst_cell": "worst_cell"}
    if not prefix:
        names["elsewhere"] = "elsewhere"
    return {
        f"{prefix}{metric}": figures[k] for k, metric in names.items() if k in figures
    }
