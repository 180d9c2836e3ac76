"""Pictures of a report: some of what was to go and some of what was to stay, with their labels
before and after.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.edit import EvaluationData
from govd.edit.curves import about
from govd.errors import GovdError, UnreadableImage
from govd.models.folders import labelled
from govd.models.served import Served
from govd.pictures import picture
from govd.serve.serving import Serving
from govd.types import Contribution, Json

GONE, STAYS = 5, 4
"""Classes whose pictures are shown, of what was to go and of what was to stay."""
SEED: Final = 0
SIDE: Final = 128
"""Pixels of the longer side of a picture in a report."""


class Pictures:
    """Pictures of an evaluation's folder, as PNG."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    def shown(
        self,
        model: str,
        now: Served,
        contributions: Sequence[Contribution],
        data: EvaluationData,
        folder: Path,
    ) -> list[dict[str, Json]]:
        """One picture of each (class, domain) for some classes of what was to go and of what was to
        stay, with labels before and after.

        Args:
            model: its name.
            now: what it serves.
            contributions: the forgets in force.
            data: labelled pictures.
            folder: that the pictures lie in.
        """
        basis = now.opened.basis
        try:
            files = labelled(folder, basis.domains, set(basis.labels))
        # the model keeps the embeddings of its evaluation set; the pictures themselves may be gone
        except GovdError:
            return []
        forgotten_classes = np.unique(
            np.asarray(data.class_of)[about(basis, contributions, data)]
        )
        draw = np.random.default_rng(SEED)
        went = {data.classes[i] for i in draw.permutation(forgotten_classes)[:GONE]}
        stays = [
            name
            for i, name in enumerate(data.classes)
            if i not in set(forgotten_classes.tolist())
        ]
        classes = went | {stays[i] for i in draw.permutation(len(stays))[:STAYS]}
        first: dict[tuple[str, str], Path] = {}
        for path, name, domain in zip(
            files.paths, files.classes, files.domains, strict=True
        ):
            if name in classes:
                first.setdefault((name, domain), path)
        picture_rows = sorted(
            first.items(), key=lambda item: (item[0][0] not in went, item[0])
        )
        if not picture_rows:
            return []
        return self._answered(
            model, now, picture_rows, forgotten_in(contributions, data)
        )

    def _answered(
        self,
        model: str,
        now: Served,
        chosen: Sequence[tuple[tuple[str, str], Path]],
        forgotten: Callable[[str, str], bool],
    ) -> list[dict[str, Json]]:
        images = [(str(path), path) for _, path in chosen]
        try:
            before = self.serving.classify(model, images, revision=0)
            after = self.serving.classify(model, images, revision=now.number)
        except UnreadableImage:
            return []
        return [
            {
                "png": base64.b64encode(thumbnail(path)).decode(),
                "class": name,
                "domain": domain,
                "before": base_answer["label"],
                "after": is_["label"],
                "forgotten": forgotten(name, domain),
            }
            for ((name, domain), path), base_answer, is_ in zip(
                chosen, before, after, strict=True
            )
            if base_answer["label"] is not None
        ]


def forgotten_in(
    contributions: Sequence[Contribution], data: EvaluationData
) -> Callable[[str, str], bool]:
    """Whether a class is forgotten in a domain (`""`: pictures of none)."""
    scopes = [c.spec.scope for c in contributions]

    def forgotten(name: str, domain: str) -> bool:
        in_scopes = [
            s
            for s in scopes
            if not s.concepts or any(name in c.phrases for c in s.concepts)
        ]
        return any(not s.domains or domain in s.domains for s in in_scopes)

    return forgotten


def thumbnail(path: Path) -> bytes:
    """A picture file as a small PNG."""
    image: Any = picture(path)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
