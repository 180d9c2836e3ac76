"""What `govd preview` answers: will it work, what does it cost, does it wait and for whom; then
other strengths, and what is near.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from govd.edit import Basis, exact
from govd.edit.calibration import own_anchors
from govd.edit.extent import labelled_in_scope, scope_mask
from govd.edit.ingredients import some_prompts
from govd.edit.prediction import Figure, Prompted, Watch, effect, involved, kept_answers, watch_for
from govd.errors import Conflict, GovdError, MachineFault, OverCapacity, Unsupported
from govd.ledger.times import now
from govd.models.core import Core, Opened
from govd.records.lifecycle import RequestState
from govd.records.request import Request
from govd.requests.computing import Computing, phrase_embedding
from govd.requests.decisions import Decisions, verdict
from govd.requests.options import fields_of
from govd.requests.predicting import Beside, Predicting, own_costs
from govd.types import TARGETS, Contribution, Floats, ForgetSpec, Json, Record

STRENGTHS: Final = (0.5, 1.0, 1.5, 2.0)
"""Strengths that are shown beside the one that is asked about, as far as the method takes them."""
PROMPT_LABELS: Final = 512
"""Labels that are encoded in each single prompt at most, where the basis does not have them."""
PROMPTS: Final = 8
NEAR: Final = 10
"""Labels and words that are told."""
CLOSE: Final = 0.5
"""Cosine, seen from the centre of all words, of what is nearer to a word than to that centre."""
ROUNDING: Final = 1e-9
AS_GOOD_AS: Final = 0.5
"""A word that is close is asked about when at least this share of its pictures is in the scope."""


class Previewing:
    """Previews of a home's models. Nothing is written."""

    def __init__(
        self, core: Core, computing: Computing, predicting: Predicting, decisions: Decisions
    ) -> None:
        self.core, self.computing = core, computing
        self.predicting, self.decisions = predicting, decisions
        self._prompted: dict[str, list[tuple[str, Floats]]] = {}

    def preview(
        self,
        body: Record,
        spec: ForgetSpec,
        pictures: Mapping[str, bytes],
        same: Request | None,
        actor: str,
    ) -> dict[str, Json]:
        """Everything about one forget. `same`: a request of the same scope that waits or is in
        force, which is taken for not there.

        Raises:
            OverCapacity, Unsupported: there is no such edit.
        """
        model = str(body["model"])
        opened = self.core.models.opened(model)
        contribution = self.computing.compute(spec, opened, keep=False, pictures=pictures)
        filing: dict[str, Json] = {
            "id": "preview",
            "state": RequestState.FILED.value,
            "filed_at": now(),
            "filed_by": actor,
            "approvals": [],
            "votes": [],
        }
        request = Request.from_json({**body, **filing})
        without = same.id if same else ""
        predicted = self.predicting.predicted(request, contribution, without)
        beside = self.predicting.beside(request, contribution, opened, without)
        watch = watch_for(opened.basis, beside.everything)
        found: dict[str, Json] = {"model": model, **fields_of(spec), "same_scope": _told(same)}
        found["effect"] = self._effect(model, opened, spec, beside, watch)
        found["labelled"] = self._labelled(opened, spec, beside, model)
        found["costs"] = predicted.get("costs", {})
        computed = request.with_(contribution=contribution.digest)
        found["decision"] = self._decision(computed, predicted)
        found["others"] = self._others(opened, spec, request, pictures, without)
        found["near"] = self._near(opened, spec, contribution, watch)
        found["capacity"] = self._capacity(model, beside, predicted)
        return found | {"subsumed_by": predicted["subsumed_by"], "predicted": predicted}

    # -- will it work

    def _effect(
        self,
        model: str,
        opened: Opened,
        spec: ForgetSpec,
        beside: Beside,
        watch: Watch | None,
        prompted: bool = True,
    ) -> dict[str, Json] | None:
        """Pictures of what was typed that are named so: before, and after by the worst prompt. None
        where there is nothing to count on.
        """
        inside = None if watch is None else scope_mask(beside.basis, beside.own)
        if watch is None or inside is None:
            return None
        inside = inside[watch.at]
        shown: dict[str, Json] = {
            "on": f"{len(watch.at)} {beside.basis.pool_kind} embeddings",
            "what": spec.scope.paradigm,
        }
        if spec.scope.paradigm == "domains":
            answers = (watch.answers(edit)[inside] for edit in (beside.before, beside.after))
            return self._sure(model, shown | kept_answers(watch.top[inside], *answers))
        prompts = [self._together(opened, spec), *(self._prompts(opened, spec) if prompted else ())]
        own = own_anchors(beside.basis, beside.own)
        return self._sure(
            model, shown | effect(watch.images[inside], prompts, own, beside.before, beside.after)
        )

    def _sure(self, model: str, shown: dict[str, Json]) -> dict[str, Json]:
        """An effect with the ends of the interval of what is left, in pictures, where it was
        measured.
        """
        calibration = self.predicting.calibrating.of(self.core.desk.model(model))
        ends: dict[str, Json] = {"after_low": None, "after_high": None}
        if calibration is None or not shown["pictures"]:
            return shown | ends
        left = calibration.around(
            "named", Figure(shown["after"] / shown["pictures"], shown["pictures"])
        )
        if left.low is None or left.high is None:
            return shown | ends
        most = left.high * shown["pictures"]
        return shown | {
            "after_low": math.floor(left.low * shown["pictures"] + ROUNDING),
            "after_high": math.ceil(most - ROUNDING),
        }

    def _labelled(
        self, opened: Opened, spec: ForgetSpec, beside: Beside, model: str
    ) -> dict[str, Json] | None:
        """The same on pictures whose labels are known. None where there are none of it."""
        data = self.predicting.extents.labelled(model)
        inside = None if data is None else labelled_in_scope(beside.basis, beside.own, data)
        if data is None or inside is None or not inside.any() or not spec.scope.concepts:
            return None
        prompts = [self._together(opened, spec), *self._prompts(opened, spec)]
        return effect(
            data.vectors[inside],
            prompts,
            own_anchors(beside.basis, beside.own),
            beside.before,
            beside.after,
        )

    def _together(self, opened: Opened, spec: ForgetSpec) -> Prompted:
        """Labels and phrases as all prompts together spell them."""
        own = [
            phrase_embedding(opened, phrase)
            for concept in spec.scope.concepts
            for phrase in concept.phrases
        ]
        return Prompted("", opened.basis.anchors[1], np.stack(own))

    def _prompts(self, opened: Opened, spec: ForgetSpec) -> list[Prompted]:
        """The labels and the phrases in each single prompt; none where there is one prompt, or
        nothing can be encoded.
        """
        basis = opened.basis
        phrases = [phrase for concept in spec.scope.concepts for phrase in concept.phrases]
        place = {name: i for i, name in enumerate(basis.anchors[0])}
        prompts = []
        for template, rows in self._labels_prompted(opened):
            try:
                own = [
                    (
                        rows[place[p]]
                        if p in place
                        else opened.encoder.averaged([p], [template], keep=False)[0]
                    )
                    for p in phrases
                ]
            except GovdError:  # a model of vectors has no other texts
                return []
            prompts.append(Prompted(template, rows, exact.unit(np.stack(own))))
        return prompts

    def _labels_prompted(self, opened: Opened) -> list[tuple[str, Floats]]:
        basis = opened.basis
        kept = self._prompted.get(basis.digest)
        if kept is None:
            kept = self._prompted[basis.digest] = labels_prompted(opened)
        return kept

    def _capacity(
        self, model: str, beside: Beside, predicted: Mapping[str, Json]
    ) -> dict[str, Json] | None:
        """The model's capacity curve, where it is now, and where it would be with this forget."""
        standing = len(beside.everything) - 1
        cost = beside.figures_before["predicted_disagreement"]
        curve = self.predicting.calibrating.capacity(self.core.desk.model(model), standing, cost)
        if curve is None:
            return None
        return {
            **curve,
            "then": {"forgets": standing + 1, "changed": predicted["total_disagreement"]},
        }

    # -- does it wait

    def _decision(self, request: Request, predicted: Mapping[str, Json]) -> dict[str, Json]:
        """What policies would say to it as it is filed, and what follows; no entry is made."""
        votes = self.decisions.votes("filed", request, predicted, request.filed_by)
        event, reason = verdict(votes, "approve")
        if event == "approve" and self.core.home.settings.approval == "person":
            event, reason = "wait", "a person must approve (approval = person in govd.toml)"
        said = [
            {
                "policy": v.policy,
                "decision": v.decision,
                "reason": v.reason,
                "inputs": dict(v.inputs),
                **({"needs": v.needs.as_json()} if v.needs is not None else {}),
            }
            for v in votes
        ]
        waiting = [
            str(vote.needs) for vote in votes if vote.decision == "wait" and vote.needs is not None
        ]
        return {
            "event": event,
            "reason": reason,
            "waits_for": (waiting[0] if waiting else "a person") if event == "wait" else None,
            "votes": said,
        }

    # -- other strengths

    def _others(
        self,
        opened: Opened,
        spec: ForgetSpec,
        request: Request,
        pictures: Mapping[str, bytes],
        without: str,
    ) -> list[dict[str, Json]]:
        """The same scope with other strengths, and with other targets as they are solved: what is
        left, and what it costs.
        """
        most = self.core.plugins.methods[spec.method].max_strength
        variants = [
            replace(spec, strength=s) for s in sorted({*STRENGTHS, spec.strength}) if s <= most
        ]
        if spec.target is not None:
            variants += [
                replace(spec, target=target, strength=1.0)
                for target in TARGETS
                if target != spec.target
            ]
        calibration = self.predicting.calibrating.of(self.core.desk.model(request.model))
        rows = []
        for variant in variants:
            row: dict[str, Json] = {
                "target": variant.target,
                "strength": variant.strength,
                "asked": variant == spec,
            }
            try:
                contribution = self.computing.compute(
                    variant, opened, keep=False, pictures=pictures
                )
                beside = self.predicting.beside(
                    request.with_(**fields_of(variant)), contribution, opened, without
                )
            except MachineFault:
                raise
            except (OverCapacity, Unsupported, Conflict) as error:
                rows.append(row | {"not_possible": error.message})
                continue
            watch = watch_for(opened.basis, beside.everything)
            left = self._effect(request.model, opened, variant, beside, watch, prompted=False)
            cost = (
                {}
                if watch is None
                else self.predicting.around(own_costs(watch, beside), calibration)
            )
            rows.append(
                row
                | {
                    name: None if left is None else left[name]
                    for name in ("pictures", "before", "after")
                }
                | {"costs": {name: figure.as_json() for name, figure in cost.items()}}
            )
        return rows

    # -- what is near

    def _near(
        self, opened: Opened, spec: ForgetSpec, contribution: Contribution, watch: Watch | None
    ) -> list[dict[str, Json]]:
        """The nearest labels and words to what was typed, with how often their pictures are in the
        scope.
        """
        if not spec.scope.concepts:
            return []
        basis = opened.basis
        phrases = {phrase for concept in spec.scope.concepts for phrase in concept.phrases}
        texts = np.stack([phrase_embedding(opened, phrase) for phrase in sorted(phrases)])
        rows = nearest(basis, texts, phrases)
        inside = None if watch is None else scope_mask(basis, replace_domains(contribution))
        if watch is not None and inside is not None and rows:
            words = np.stack([row.pop("vector") for row in rows])
            shares, counts = involved(
                watch, inside[watch.at], words, own_anchors(basis, contribution)
            )
            for row, share, count in zip(rows, shares, counts, strict=True):
                row |= {"involved": share, "pictures": count}
            rows.sort(key=lambda row: (-(row["involved"] or 0.0), -row["cosine"]))
        for row in rows:
            row.pop("vector", None)
            row["ask"] = (
                row["what"] == "word"
                and row["cosine"] >= CLOSE
                and (row.get("involved") or 0.0) >= AS_GOOD_AS
            )
        return rows


def replace_domains(contribution: Contribution) -> Contribution:
    """A contribution as if it were about all domains: near is what is near the concept."""
    scope = replace(contribution.spec.scope, domains=())
    return replace(
        contribution,
        digest=f"{contribution.digest} everywhere",
        spec=replace(contribution.spec, scope=scope),
    )


def nearest(basis: Basis, texts: Floats, phrases: set[str]) -> list[dict[str, Any]]:
    """The labels and words that are nearest to some texts `(p, d)`, as seen from the centre of all
    of them, nearest first.
    """
    names = [
        *((name, "label") for name in basis.labels),
        *((name, "word") for name in basis.vocabulary),
    ]
    rows = np.concatenate([basis.tensors["labels"], basis.tensors["vocabulary"]])
    centre = rows.mean(0)
    seen, asked = rows - centre, texts - centre
    lengths = np.linalg.norm(seen, axis=1)[:, None] * np.linalg.norm(asked, axis=1)[None, :]
    cosines = ((seen @ asked.T) / np.maximum(lengths, 1e-12)).max(1)
    order = [int(i) for i in np.argsort(-cosines, kind="stable") if names[int(i)][0] not in phrases]
    return [
        {"name": names[i][0], "what": names[i][1], "cosine": float(cosines[i]), "vector": rows[i]}
        for i in order[:NEAR]
    ]


def labels_prompted(opened: Opened) -> list[tuple[str, Floats]]:
    """The anchors in each single prompt: the template, and unit rows `(m, d)`."""
    basis = opened.basis
    names, _ = basis.anchors
    if "label_prompts" in basis.tensors:
        return list(
            zip(
                some_prompts(basis.templates, len(names)),
                basis.tensors["label_prompts"],
                strict=True,
            )
        )
    if len(basis.templates) < 2 or len(names) > PROMPT_LABELS:
        return []
    try:
        return [
            (t, exact.unit(opened.encoder.averaged(list(names), [t])))
            for t in basis.templates[:PROMPTS]
        ]
    except GovdError:
        return []


def _told(same: Request | None) -> dict[str, Json] | None:
    """What is said of a request of the same scope; of a private one not which it is."""
    if same is None:
        return None
    if same.private:
        return {"id": None, "state": same.state.value, "private": True}
    return {"id": same.id, "state": same.state.value, "private": False}
