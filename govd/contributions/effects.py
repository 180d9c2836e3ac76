"""Whether a forget will work: how many pictures of what was typed are still named so after it, by
the worst prompt.

Proven by `tests/requests/test_preview.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from govd.contributions.beside import Beside
from govd.contributions.calibrating import Calibrating
from govd.contributions.extent import Extents
from govd.contributions.texts import phrase_embedding
from govd.edit import Edit, exact
from govd.edit.calibration import NAMED
from govd.edit.criteria import CHANCE, Sight, areas
from govd.edit.extent import labelled_in_scope, scope_mask
from govd.edit.ingredients import some_prompts
from govd.edit.left import with_chance
from govd.edit.own_labels import own_anchors
from govd.edit.prediction import Prompted, Watch, effect, kept_answers
from govd.edit.tensors import factors_of
from govd.errors import GovdError
from govd.models.core import Core, Opened
from govd.records.predicted import Effect
from govd.types import Floats, ForgetSpec, Json

PROMPT_LABELS: Final = 512
"""Labels that are encoded in each single prompt at most, where the basis does not have them."""
PROMPTS: Final = 8
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
        prompted: Sequence[Prompted] | None = None,
        sure: bool = True,
    ) -> Effect | None:
        """Pictures of what was typed that are named so: before, and after by the worst prompt. None
        where there is nothing to count on.

        `beside`: the forget beside what is in force. `watch`: pictures of the pool to count on.
        `prompted`: labels and phrases in single prompts, beside all together; None: by `prompts`.

        Args:
            model: its name.
            opened: the model.
            spec: what is to be forgotten.
            sure: with its interval, which is that of the model's own edits.
        """
        in_scope = None if watch is None else scope_mask(beside.basis, beside.own)
        if watch is None or in_scope is None:
            return None
        in_scope = in_scope[watch.at]
        pool = f"{len(watch.at)} {beside.basis.pool_kind} embeddings"
        paradigm = spec.scope.paradigm
        if paradigm == "domains":
            edits = factors_of(beside.before), factors_of(beside.after)
            counted = _kept(watch.only(in_scope), edits)
        else:
            anchors = own_anchors(beside.basis, beside.own)
            single = self.prompts(opened, spec) if prompted is None else prompted
            texts = [_together(opened, spec), *single]
            edits = factors_of(beside.before), factors_of(beside.after)
            counted = effect(watch.images[in_scope], texts, anchors, *edits)
        on_pool = Effect.from_json({"on": pool, "what": paradigm, **counted})
        return self._with_interval(model, on_pool) if sure else on_pool

    def on_labelled(
        self,
        model: str,
        opened: Opened,
        spec: ForgetSpec,
        beside: Beside,
        elsewhere: bool = False,
    ) -> Effect | None:
        """The same on pictures whose labels are known. None where there are none of it.

        Args:
            model: its name.
            opened: the model.
            spec: what is to be forgotten.
            beside: the forget beside what is in force.
            elsewhere: on pictures of the same classes in other domains, which are to stay.
        """
        data = self.extents.labelled(model)
        if data is None or (elsewhere and spec.scope.paradigm != "cells"):
            return None
        in_scope = labelled_in_scope(beside.basis, beside.own, data)
        if elsewhere:
            of_class = labelled_in_scope(beside.basis, beside.own, data, True)
            in_scope = of_class & ~in_scope
        if not in_scope.any():
            return None
        images = data.vectors[in_scope]
        edits = factors_of(beside.before), factors_of(beside.after)
        if spec.scope.paradigm == "domains":
            counted = _kept(Watch.on(beside.basis, images), edits)
        else:
            prompts = [_together(opened, spec), *self.prompts(opened, spec)]
            anchors = own_anchors(beside.basis, beside.own)
            counted = effect(images, prompts, anchors, *edits)
        fields = {
            "on": f"{len(data.vectors)} labelled images",
            "what": spec.scope.paradigm,
        }
        return Effect.from_json({**fields, **counted})

    def on_search(self, model: str, beside: Beside) -> dict[str, Json] | None:
        """How well the text of what is typed finds its labelled pictures, of several the one that
        is furthest from chance in the end: the AUC `before` and `after`. None where there are none.

        Args:
            model: its name.
            beside: the forget beside what is in force.
        """
        data = self.extents.labelled(model)
        if data is None or not set(data.classes) <= set(beside.basis.anchors[0]):
            return None
        sight = Sight.labelled(beside.basis, data)
        edits = factors_of(beside.before), factors_of(beside.after)
        pairs = zip(*(areas(sight, edit, beside.own) for edit in edits), strict=True)
        rows = [
            {"before": before, "after": after, "pictures": pictures}
            for (before, pictures), (after, _) in pairs
        ]
        return max(rows, key=lambda row: abs(row["after"] - CHANCE), default=None)

    def _with_interval(self, model: str, counted: Effect) -> Effect:
        """An effect with the ends of the interval of what is left, in pictures, where it was
        measured, with room for what chance may do to so few.
        """
        calibration = self.calibrating.of(self.core.desk.model(model))
        share = counted.named
        if calibration is None or share is None:
            return counted
        name = NAMED[counted.what]
        share = with_chance(name, share, calibration.tried)
        interval = calibration.around(name, share)
        if interval.low is None or interval.high is None:
            return counted
        return replace(
            counted,
            after_low=math.floor(interval.low * counted.pictures + ROUNDING),
            after_high=math.ceil(interval.high * counted.pictures - ROUNDING),
        )

    def prompts(self, opened: Opened, spec: ForgetSpec) -> list[Prompted]:
        """The labels and the phrases in each single prompt, encoded where the basis does not have
        them; none where there is one prompt, no phrase, or nothing can be encoded.

        Args:
            opened: the model.
            spec: has the phrases.
        """
        basis = opened.basis
        phrases = [
            phrase for concept in spec.scope.concepts for phrase in concept.phrases
        ]
        if not phrases:
            return []
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


def _kept(watch: Watch, edits: tuple[Edit, Edit]) -> dict[str, Json]:
    """Pictures in a domain that keep their answer, without a forget and with it."""
    without, with_it = edits
    return kept_answers(watch.top, watch.answers(without), watch.answers(with_it))


def _together(opened: Opened, spec: ForgetSpec) -> Prompted:
    """Labels and phrases as all prompts together spell them."""
    phrases = [phrase for concept in spec.scope.concepts for phrase in concept.phrases]
    vectors = [phrase_embedding(opened, phrase) for phrase in phrases]
    return Prompted("", opened.basis.anchors[1], np.stack(vectors))
