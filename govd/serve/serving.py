"""Answers from the published revision: number, edit and model are taken together, so that no answer
mixes two revisions.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from govd.edit import metrics
from govd.edit.abstaining import Calibrated, abstains, calibrated
from govd.edit.cache import Cache
from govd.edit.tensors import unedited
from govd.errors import Conflict, UnreadableImage, Unsupported, Usage
from govd.models.core import Core, Opened
from govd.models.image_vectors import with_vectors
from govd.models.phrases import spelled
from govd.models.served import Served
from govd.pictures import Source
from govd.reconcile.measuring import Measuring
from govd.records.limits import bounded
from govd.records.revision import Revision
from govd.serve.batching import Batches
from govd.serve.waiting import waiting
from govd.types import Bools, Floats, Json, Record

CALIBRATED: Final = 64
"""Calibrated scores that are kept in memory: of a revision with a list of labels."""


class Serving:
    """Embeddings and labels. Holds no lock while a model works: filing and reconciling go on
    meanwhile.
    """

    def __init__(self, core: Core, measuring: Measuring) -> None:
        self.core = core
        self.measuring = measuring
        self._calibrating = threading.Lock()
        self.batches = Batches(core.home.settings.batch_wait_seconds)
        self._calibrated: Cache[tuple[str, ...], Calibrated | None] = Cache(CALIBRATED)

    def now(
        self, model: str, revision: int | None = None, base: bool = False
    ) -> Served:
        """The published revision, one that is asked for, or the base.

        Raises:
            NotFound: no such model or revision. Conflict: the revision was made for a checkpoint
            that is not there any more. Usage: a revision and the base are asked for.
        """
        core = self.core
        record = self.core.desk.model(model)
        if base and revision:
            raise Usage(
                f"both revision {revision} and the unedited model are asked for",
                advice="Ask for one of them.",
            )
        if base or revision == 0:
            return Served(
                0, unedited(record.dim, record.side), core.models.opened(model)
            )
        revision_record: Revision | None = (
            core.desk.views.published(model)
            if revision is None
            else core.desk.revision(model, revision)
        )
        number = int(revision_record["number"]) if revision_record else 0
        try:
            opened = core.models.opened_for(model, revision_record)
        except Unsupported as error:
            if (
                revision_record
                and revision_record["made_for"]["digest"] != record["digest"]
            ):
                fault = (
                    f"revision {number} was made for another checkpoint of {model} than there is"
                    f" now: {error.message}"
                )
                advice = "`govd revision list` shows whether the new revision waits for somebody."
                raise Conflict(fault, advice=advice) from error
            raise
        return Served(number, self.measuring.edit(revision_record, model), opened)

    @bounded
    async def embedded(
        self,
        model: str,
        *,
        texts: Sequence[str] = (),
        images: Sequence[Source] = (),
        names: Sequence[str] = (),
        revision: int | None = None,
        base: bool = False,
    ) -> tuple[Floats, int]:
        """Unit embeddings `(n, d)` from the published revision, texts first, and its number.
        `names`: what errors call the pictures.

        Raises:
            Usage: nothing to encode. UnreadableImage: a picture that cannot be decoded.
        """
        if not texts and not images:
            raise Usage("nothing to encode", advice="Give texts or images.")
        now = self.now(model, revision, base)
        edit = now.factors
        sides: dict[str, Floats] = {}
        if texts:
            sides["text"] = await self.batches.texts(now.opened.encoder, list(texts))
        if images:
            sides["image"] = await self._image_rows(now, images, names)
        if edit.side in sides:
            sides[edit.side] = edit.apply(sides[edit.side])
        return np.concatenate(list(sides.values())), now.number

    embeddings = waiting(embedded)

    @bounded
    async def classified(
        self,
        model: str,
        images: Sequence[tuple[str, Source]],
        labels: Sequence[str] | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> list[Record]:
        """The best label for each picture `(name, picture)`, or vector of a `.npy`: `path`,
        `label`, `scores`, `revision`, in their order; `error` in the place of a label where one
        cannot be read. `abstain`, where the pool calibrates it: whether the label had better not be
        taken for an answer, since few pictures score as low or its name is forgotten.

        Raises:
            Usage: no pictures or no labels. UnreadableImage: none of them can be read.
        """
        if not images:
            raise Usage("no pictures", advice="Give at least one.")
        now = self.now(model, revision, base)
        edit = now.factors  # refuses a model without a space
        names, texts = self._labels(model, now.opened, labels)
        paths, rows, faults = await self.judged(now, images)
        if not rows:
            messages = "; ".join(fault.message for fault in faults.values())
            raise UnreadableImage(
                "none of the pictures can be read", advice=messages[:500]
            )
        places = sorted(rows)
        vectors = np.stack([rows[i] for i in places])
        scores = metrics.scores(edit, vectors, texts)
        abstentions = self._abstains(model, now, vectors, names, texts, scores)
        answers: list[dict[str, Json]] = [
            {"path": path, "label": None, "scores": {}, "revision": now.number}
            for path in paths
        ]
        for i, fault in faults.items():
            answers[i]["error"] = fault.message
        for n, i in enumerate(places):
            answers[i] |= _labelled(names, scores[n])
            if abstentions is not None:
                answers[i]["abstain"] = bool(abstentions[n])
        return list(answers)

    classify = waiting(classified)

    def _abstains(
        self,
        model: str,
        now: Served,
        images: Floats,
        names: list[str],
        texts: Floats,
        scored: Floats,
    ) -> Bools | None:
        """Which answers `(n,)` had better be none; None where no score is calibrated."""
        basis = now.opened.basis
        calibration = self._calibration(model, now, names, texts)
        if calibration is None:
            return None
        silent: Bools = abstains(basis, calibration, images, scored)
        return silent

    def calibrate(self, model: str, now: Served) -> None:
        """Have at hand when answers with the model's own labels abstain.

        Raises:
            Unsupported: the model has no space of vectors.
        """
        basis = now.opened.basis
        if basis.labels:
            self._calibration(model, now, list(basis.labels), basis.tensors["labels"])

    def _calibration(
        self, model: str, now: Served, names: list[str], texts: Floats
    ) -> Calibrated | None:
        """When answers with labels that are called `names`, with vectors `(m, d)`, abstain: it is
        computed once, whoever asks meanwhile.
        """
        basis = now.opened.basis
        key = (basis.digest, now.edit.digest, model, str(now.number), *names)
        if key not in self._calibrated:
            with self._calibrating:
                if key not in self._calibrated:
                    served = None
                    if now.number:
                        served = self.core.desk.revision(model, now.number)
                    filed = self.measuring.filed(served)
                    calibration = calibrated(basis, now.factors, filed, names, texts)
                    self._calibrated.put(key, calibration)
        return self._calibrated.get(key)

    async def judged(
        self, now: Served, images: Sequence[tuple[str, Source]]
    ) -> tuple[list[str], dict[int, Floats], dict[int, UnreadableImage]]:
        """Names of pictures and of the vectors that came in the place of some; unit embeddings by
        place, of the unedited model; what is wrong with others.

        Raises:
            UnreadableImage: an array that is none of vectors.
        """
        paths, pictures, rows = with_vectors(images, now.opened.model.facts.dim)
        places = list(pictures)
        judged, faults = await self.batches.judged(
            now.opened.encoder, list(pictures.values()), [paths[i] for i in places]
        )
        rows |= {places[i]: row for i, row in judged.items()}
        return paths, rows, {places[i]: fault for i, fault in faults.items()}

    async def _image_rows(
        self, now: Served, images: Sequence[Source], names: Sequence[str]
    ) -> Floats:
        """Unit embeddings `(n, d)` of pictures and vectors, in their order.

        Raises:
            UnreadableImage: one or several cannot be read; each is named.
        """
        paths = names or [
            str(image) if isinstance(image, Path) else f"image {i}"
            for i, image in enumerate(images)
        ]
        _, rows, faults = await self.judged(now, list(zip(paths, images, strict=True)))
        if faults:
            messages = "; ".join(faults[i].message for i in sorted(faults))
            raise UnreadableImage(
                messages[:2000],
                advice="Leave them out, or replace them.",
                path=next(iter(faults.values())).where,
            )
        return np.stack([rows[i] for i in sorted(rows)])

    def _labels(
        self, model: str, opened: Opened, labels: Sequence[str] | None
    ) -> tuple[list[str], Floats]:
        basis = opened.basis
        if labels is None:
            if not basis.labels:
                raise Usage(f"{model} has no label set", advice="Say --labels a,b,c.")
            return list(basis.labels), basis.tensors["labels"]
        names = list(dict.fromkeys(spelled(name) for name in labels if spelled(name)))
        if not names:
            raise Usage("no labels", advice="Say --labels a,b,c.")
        return names, opened.encoder.averaged(names, basis.templates, keep=False)


def _labelled(names: Sequence[str], scores: Floats) -> dict[str, Json]:
    """The best label of a picture, and its scores `(m,)` of all labels, the best first."""
    order = np.argsort(-scores, kind="stable")
    rounded = {names[j]: round(float(scores[j]), 6) for j in order}
    return {"label": names[order[0]], "scores": rounded}
