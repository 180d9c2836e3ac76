"""What `govd preview` answers: will it work, what does it cost, does it wait and for whom; then
other strengths, and what is near.

Proven by `tests/requests/test_preview.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from govd.contributions import Contributions
from govd.contributions.beside import Beside
from govd.contributions.near import near_words, read_alike
from govd.edit import Edit
from govd.edit.capacity import changed_of
from govd.edit.compose import asking, recognised
from govd.edit.extent import taken_for
from govd.edit.prediction import Prompted, Watch, watch_for
from govd.edit.unlabelled import data_free
from govd.errors import Conflict, MachineFault, OverCapacity, Unsupported
from govd.ledger.times import now
from govd.models.core import Core, Opened
from govd.policies.voting import Voting, verdict
from govd.records.lifecycle import RequestState
from govd.records.predicted import Effect, Predicted
from govd.records.request import Request
from govd.requests.accepting import foreseen
from govd.requests.options import fields_of
from govd.types import TARGETS, Contribution, ForgetSpec, Json, Record, Vote

STRENGTHS: Final = (0.5, 1.0, 1.5, 2.0)
"""Strengths that are shown beside the one that is asked about, as far as the method takes them."""


@dataclass(frozen=True)
class Question:
    """What is previewed: `request` as it would be filed, the spec that it computes, the model, and
    example pictures by their digests. `without`: the id of a request to ignore, empty for none.
    """

    request: Request
    spec: ForgetSpec
    opened: Opened
    pictures: Mapping[str, bytes]
    without: str


class Previewing:
    """Previews of a home's models. Nothing is written."""

    def __init__(
        self,
        core: Core,
        contributions: Contributions,
        voting: Voting,
    ) -> None:
        self.core = core
        self.computing = contributions.computing
        self.predicting = contributions.predicting
        self.voting = voting
        self.effects = self.predicting.effects

    def preview(
        self,
        body: Record,
        spec: ForgetSpec,
        pictures: Mapping[str, bytes],
        same: Request | None,
        actor: str,
    ) -> dict[str, Json]:
        """Everything about one forget.

        `body`: the payload with which it would be filed. `spec`: what it computes. `pictures`:
        examples by their digests. `same`: a request of the same scope that waits or is in force,
        which is ignored. `actor`: who would file it.

        Raises:
            OverCapacity, Unsupported: there is no such edit.
        """
        model = str(body["model"])
        opened = self._opened(model)
        contribution = self.computing.compute(
            spec, opened, keep=False, pictures=pictures
        )
        request = as_filed(body, actor)
        without = same.id if same else ""
        question = Question(request, spec, opened, pictures, without)
        predicted = self.predicting.predicted(request, contribution, without)
        beside = self.predicting.beside(request, contribution, opened, without)
        watch = watch_for(opened.basis, beside.everything)
        computed = request.with_(contribution=contribution.digest)
        prompted = self.effects.prompts(opened, spec)
        on_pool = self.effects.on_pool(model, opened, spec, beside, watch, prompted)
        examples = self.computing.examples(opened, spec, pictures)
        return {
            "model": model,
            **fields_of(spec),
            "same_scope": _told(same),
            "effect": _shown_effect(on_pool),
            **self._labelled(question, beside),
            **self._distinctions(opened, spec, contribution, model),
            "costs": predicted.as_json().get("costs", {}),
            "criteria": foreseen(request.criteria, predicted),
            "decision": self.decision("filed", computed, predicted),
            "others": self._others(question, prompted),
            "near": near_words(opened, spec, contribution, watch, examples),
            "asking": self._asking(question, beside, watch, prompted),
            "capacity": self._capacity(model, beside),
            "subsumed_by": predicted.subsumed_by,
            "predicted": predicted.as_json(),
        }

    def _asking(
        self,
        question: Question,
        beside: Beside,
        watch: Watch | None,
        prompted: Sequence[Prompted],
    ) -> dict[str, Json] | None:
        """What would be if the model asked each picture first (`--conditional`): the share of other
        answers that would change, with all in force, and what would still be named. None where it
        asks, cannot, or would forget no other way.
        """
        linear = beside.after
        basis = beside.basis
        if not isinstance(linear, Edit) or not basis.has_pool:
            return None
        try:
            methods = self.core.plugins.methods
            edit = asking(basis, beside.everything, linear, methods)
        except (OverCapacity, Unsupported):
            return None
        if edit is None:
            return None
        scopes = [recognised(basis, c) for c in beside.everything]
        figures = data_free(basis, edit, scopes)
        if_asked = replace(beside, after=edit)
        request, opened = question.request, question.opened
        effect = self.effects.on_pool(
            request.model, opened, question.spec, if_asked, watch, prompted, sure=False
        )
        return {
            "total_disagreement": figures["predicted_disagreement"],
            "effect": _shown_effect(effect),
        }

    def _labelled(self, question: Question, beside: Beside) -> dict[str, Json]:
        """The effect on labelled pictures, on those of the same classes in other domains, and how
        well its text still finds them.
        """
        model, opened = question.request.model, question.opened
        effects = [
            self.effects.on_labelled(model, opened, question.spec, beside, is_elsewhere)
            for is_elsewhere in (False, True)
        ]
        names = ("labelled", "labelled_elsewhere")
        return {
            **dict(zip(names, map(_shown_effect, effects), strict=True)),
            "search": self.effects.on_search(model, beside),
        }

    def _distinctions(
        self,
        opened: Opened,
        spec: ForgetSpec,
        contribution: Contribution,
        model: str,
    ) -> dict[str, Json]:
        """What the model does not distinguish: how well a forget's domains are told from the
        others, by labelled pictures, and names that are the same to it.
        """
        record = self.core.desk.model(model)
        data = self.predicting.extents.labelled(model)
        rows = [
            taken_for(opened.basis, domain, data)
            for domain in spec.scope.domains
            if data is not None
        ]
        return {
            "told_apart": [row for row in rows if row is not None],
            "read_alike": read_alike(opened, spec, contribution, record),
        }

    def _opened(self, model: str) -> Opened:
        """The model, of which something can be predicted.

        Raises:
            Unsupported: nothing can.
        """
        opened = self.core.models.opened(model)
        if not opened.basis.has_space:
            raise Unsupported(
                "what an external job's delta does is not predicted",
                where=model,
                advice='With approval = "person" in govd.toml a forget is computed and waits;'
                " `govd request show` tells how much it changes.",
            )
        return opened

    def _capacity(self, model: str, beside: Beside) -> dict[str, Json] | None:
        """The model's capacity curve, where it is now, and where it would be with this forget."""
        standing = beside.adding_before
        curve = self.predicting.calibrating.capacity(
            self.core.desk.model(model), standing, changed_of(beside.figures_before)
        )
        if curve is None:
            return None
        then = {"forgets": beside.adding, "changed": changed_of(beside.figures)}
        return {**curve, "then": then}

    def decision(
        self, moment: str, request: Request, predicted: Predicted | None
    ) -> dict[str, Json]:
        """What policies would say to it as it is filed, and what follows; no entry is made.
        `moment`: `filed`, or `revert`, of which nothing is `predicted`.
        """
        votes = self.voting.ballot(
            moment, request, predicted, request.filed_by
        ).everything
        event, reason = verdict(votes, "approve")
        if event == "approve" and self.core.home.settings.approval == "person":
            event = "wait"
            reason = "a person must approve (approval = person in govd.toml)"
        needed = [
            vote.needs for vote in votes if vote.decision == "wait" and vote.needs
        ]
        waits_for = str(needed[0]) if needed else "a person"
        return {
            "event": event,
            "reason": reason,
            "waits_for": waits_for if event == "wait" else None,
            "votes": [_shown(vote) for vote in votes],
        }

    def _others(
        self, question: Question, prompted: Sequence[Prompted]
    ) -> list[dict[str, Json]]:
        """The same scope with other strengths, and with other targets as they are solved: what is
        left, and what it costs.
        """
        spec = question.spec
        strongest = self.core.plugins.methods[spec.method].max_strength
        strengths = [s for s in sorted({*STRENGTHS, spec.strength}) if s <= strongest]
        variants = [replace(spec, strength=strength) for strength in strengths]
        if spec.target is not None:
            targets = [target for target in TARGETS if target != spec.target]
            variants += [
                replace(spec, target=target, strength=1.0) for target in targets
            ]
        return [self._variant(question, variant, prompted) for variant in variants]

    def _variant(
        self, question: Question, variant: ForgetSpec, prompted: Sequence[Prompted]
    ) -> dict[str, Json]:
        """What another strength or target leaves by the worst prompt and costs, or why it is not
        possible.
        """
        model = question.request.model
        opened = question.opened
        row: dict[str, Json] = {
            "target": variant.target,
            "strength": variant.strength,
            "asked": variant == question.spec,
        }
        try:
            contribution = self.computing.compute(
                variant, opened, keep=False, pictures=question.pictures
            )
            request = question.request.with_(**fields_of(variant))
            beside = self.predicting.beside(
                request, contribution, opened, question.without
            )
        except MachineFault:
            raise
        except (OverCapacity, Unsupported, Conflict) as error:
            return row | {"not_possible": error.message}
        watch = watch_for(opened.basis, beside.everything)
        effect = self.effects.on_pool(model, opened, variant, beside, watch, prompted)
        for count in ("pictures", "before", "after"):
            row[count] = None if effect is None else getattr(effect, count)
        costs = {}
        if watch is not None:
            calibration = self.predicting.calibrating.of(self.core.desk.model(model))
            costs = self.predicting.own_costs(watch, beside, calibration)
        return row | {
            "costs": {name: figure.as_json() for name, figure in costs.items()}
        }


def as_filed(body: Record, actor: str) -> Request:
    """The request as policies see it before it is filed."""
    filing: dict[str, Json] = {
        "id": "preview",
        "state": RequestState.FILED.value,
        "filed_at": now(),
        "filed_by": actor,
        "approvals": [],
        "votes": [],
    }
    return Request.from_json({**body, **filing})


def _shown(vote: Vote) -> dict[str, Json]:
    row: dict[str, Json] = {
        "policy": vote.policy,
        "decision": vote.decision,
        "reason": vote.reason,
        "inputs": dict(vote.inputs),
    }
    if vote.needs is None:
        return row
    return {**row, "needs": vote.needs.as_json()}


def _shown_effect(effect: Effect | None) -> dict[str, Json] | None:
    return None if effect is None else effect.as_json()


def _told(same: Request | None) -> dict[str, Json] | None:
    """A request of the same scope, as it may be shown; a private one without its id."""
    if same is None:
        return None
    is_private = same.is_private
    return {
        "id": None if is_private else same.id,
        "state": same.state.value,
        "private": is_private,
    }
