"""Whether a forget will work: how many pictures of what was typed are still named so after it, by
the worst prompt.

Proven by `tests/requests/test_preview.py`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from govd.contributions.beside import Beside
from govd.contributions.calibrating import Calibrating
from govd.contributions.computing import phrase_embedding
from govd.contributions.extent import Extents
from govd.edit import exact
from govd.edit.calibration import NAMED
from govd.edit.extent import labelled_in_scope, scope_mask
from govd.edit.ingredients import some_prompts
from govd.edit.own_labels import own_anchors
from govd.edit.prediction import Prompted, Watch, effect, kept_answers
from govd.edit.tensors import factors_of
from govd.errors import GovdError
from govd.models.core import Core, Opened
from govd.records.predicted import Effect
from govd.types import Floats, ForgetSpec

PROMPT_LABELS: Final = 512
"""Labels that are encoded in each single prompt at most, where the basis does not have them."""
PROMPTS: Final = 8
ENCODED: Final = "encoded"
"""Ask in each single prompt, encoding the labels where the basis does not have them."""
STORED: Final = "stored"
"""Ask in each single prompt that the basis has labels in."""
TOGETHER: Final = "together"
"""Ask in all prompts together alone."""
ROUNDING: Final = 1e-9


class Effects:
    """Effects of forgets on pictures of what they are about."""

    def __init__(self, core: Core, calibrating: Calibrating, extents: Extents) -> None:
        self.core = core
        self.calibrating = calibrating
        self.extents = extents
        self._prompted: dict[str, list[tuple[str, Floats]]] = {}

    def on_pool(
        self,
        model: str,
        opened: Opened,
        spec: ForgetSpec,
        beside: Beside,
        watch: Watch | None,
        prompts: str = ENCODED,
    ) -> Effect | None:
        """Pictures of what was typed that are named so: before, and after by the worst prompt. None
        where there is nothing to count on.

        `beside`: the forget beside what is in force. `watch`: pictures of the pool to count on.
        `prompts`: in which it is asked, `ENCODED`, `STORED` or `TOGETHER`.

        Args:
            model: its name.
            opened: the model.
            spec: what is to be forgotten.
        """
        in_scope = None if watch is None else scope_mask(beside.basis, beside.own)
        if watch is None or in_scope is None:
            return None
        in_scope = in_scope[watch.at]
        pool = f"{len(watch.at)} {beside.basis.pool_kind} embeddings"
        paradigm = spec.scope.paradigm
        if paradigm == "domains":
            edits = factors_of(beside.before), factors_of(beside.after)
            answers = (watch.answers(edit)[in_scope] for edit in edits)
            counted = kept_answers(watch.top[in_scope], *answers)
        else:
            single = () if prompts == TOGETHER else self._prompts(opened, spec)
            anchors = own_anchors(beside.basis, beside.own)
            texts = [_together(opened, spec), *single]
            edits = factors_of(beside.before), factors_of(beside.after)
            counted = effect(watch.images[in_scope], texts, anchors, *edits)
        on_pool = Effect.from_json({"on": pool, "what": paradigm, **counted})
        return self._with_interval(model, on_pool)

    def on_labelled(
        self, model: str, opened: Opened, spec: ForgetSpec, beside: Beside
    ) -> Effect | None:
        """The same on pictures whose labels are known. None where there are none of it.

        Args:
            model: its name.
            opened: the model.
            spec: what is to be forgotten.
            beside: the forget beside what is in force.
        """
        data = self.extents.labelled(model)
        if data is None or not spec.scope.concepts:
            return None
        in_scope = labelled_in_scope(beside.basis, beside.own, data)
        if in_scope is None or not in_scope.any():
            return None
        prompts = [_together(opened, spec), *self._prompts(opened, spec)]
        anchors = own_anchors(beside.basis, beside.own)
        edits = factors_of(beside.before), factors_of(beside.after)
        counted = effect(data.vectors[in_scope], prompts, anchors, *edits)
        fields = {
            "on": f"{len(data.vectors)} labelled images",
            "what": spec.scope.paradigm,
        }
        return Effect.from_json({**fields, **counted})

    def _with_interval(self, model: str, counted: Effect) -> Effect:
        """An effect with the ends of the interval of what is left, in pictures, where it was
        measured.
        """
        calibration = self.calibrating.of(self.core.desk.model(model))
        if calibration is None or counted.named is None:
            return counted
        interval = calibration.around(NAMED[counted.what], counted.named)
        if interval.low is None or interval.high is None:
            return counted
        return replace(
            counted,
            after_low=math.floor(interval.low * counted.pictures + ROUNDING),
            after_high=math.ceil(interval.high * counted.pictures - ROUNDING),
        )

    def _prompts(self, opened: Opened, spec: ForgetSpec) -> list[Prompted]:
        """The labels and the phrases in each single prompt; none where there is one prompt, or
        nothing can be encoded.
        """
        basis = opened.basis
        phrases = [
            phrase for concept in spec.scope.concepts for phrase in concept.phrases
        ]
        places = {name: place for place, name in enumerate(basis.anchors[0])}
        prompts = []
        for template, rows in self._labels_prompted(opened):
            vectors = []
            try:
                for phrase in phrases:
                    if phrase in places:
                        vectors.append(rows[places[phrase]])
                        continue
                    encoded = opened.encoder.averaged([phrase], [template], keep=False)
                    vectors.append(encoded[0])
            except GovdError:  # a model of vectors has no other texts
                return []
            prompts.append(Prompted(template, rows, exact.unit(np.stack(vectors))))
        return prompts

    def _labels_prompted(self, opened: Opened) -> list[tuple[str, Floats]]:
        digest = opened.basis.digest
        if digest not in self._prompted:
            self._prompted[digest] = labels_prompted(opened)
        return self._prompted[digest]


def labels_prompted(opened: Opened) -> list[tuple[str, Floats]]:
    """The anchors in each single prompt: the template, and unit rows `(m, d)`."""
    basis = opened.basis
    names, _ = basis.anchors
    if "label_prompts" in basis.tensors:
        templates = some_prompts(basis.templates, len(names))
        return list(zip(templates, basis.tensors["label_prompts"], strict=True))
    if len(basis.templates) < 2 or len(names) > PROMPT_LABELS:
        return []
    try:
        return [
            (template, exact.unit(opened.encoder.averaged(list(names), [template])))
            for template in basis.templates[:PROMPTS]
        ]
    except GovdError:
        return []


def _together(opened: Opened, spec: ForgetSpec) -> Prompted:
    """Labels and phrases as all prompts together spell them."""
    phrases = [phrase for concept in spec.scope.concepts for phrase in concept.phrases]
    vectors = [phrase_embedding(opened, phrase) for phrase in phrases]
    return Prompted("", opened.basis.anchors[1], np.stack(vectors))
