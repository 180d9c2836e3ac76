"""`--from-scratch`: everything that can be computed anew is, and is compared with what came with
the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from govd.cli.demo.story import MODEL
from govd.edit.files import tensors_from_bytes
from govd.errors import VerificationFailed
from govd.models.embeddings import Known, file_digest
from govd.service.service import Service
from govd.types import Floats

TOLERANCE = 1e-4
"""Largest difference of an embedding's component between machines: float32 through a dozen layers,
summed in another order.
"""
ALIKE = 0.9
"""Cosine of a prototype that was drawn anew to the one that came with the model: an ascent
magnifies last bits, but ends near.
"""


def compared(service: Service) -> list[str]:
    """Texts, pictures and prototypes anew against those that came with the model; of the pool what
    can be checked without its pictures.

    Raises:
        VerificationFailed: something differs by more than machines do.
    """
    return [*_embeddings(service), *_pool(service), *_prototypes(service)]


def _embeddings(service: Service) -> list[str]:
    opened = service.core.models.opened(MODEL)
    shipped = Known.read(opened.model.facts.defaults["embeddings"], opened.model.facts)
    fresh = opened.encoder.known
    rows = []
    for kind, old, new in (
        ("texts", shipped.texts, fresh.texts),
        ("evaluation pictures", shipped.images, fresh.images),
    ):
        count, far = _largest(old, new)
        if far > TOLERANCE:
            raise VerificationFailed(
                f"{kind} encoded anew differ by {far:.1e} from those that came with {MODEL}"
            )
        rows.append(
            f"{count:,} {kind} encoded anew: the largest difference of a component to what came"
            f" with {MODEL} is {far:.1e}."
        )
    return rows


def _largest(old: Mapping[str, Floats], new: Mapping[str, Floats]) -> tuple[int, float]:
    both = [(old[name], vector) for name, vector in new.items() if name in old]
    return len(both), max((float(np.abs(a - b).max()) for a, b in both), default=0.0)


def _pool(service: Service) -> list[str]:
    """The pool's drawings are not in the package: its file is checked by digest, and its drawings'
    digests against the evaluation set.
    """
    path = service.core.models.opened(MODEL).model.facts.defaults["pool"]
    listed = json.loads((path.parent / "digests.json").read_text(encoding="utf-8"))
    digest = file_digest(path)
    if digest != listed.get(path.name):
        raise VerificationFailed(
            "the pool is not the one that came with the model", where=str(path)
        )
    count = service.models.show(MODEL)["pool"]
    return [
        f"The pool's {count:,} drawings are not in the package, so its embeddings cannot be"
        f" computed anew here; the file is the one that was packed, SHA-256 {digest[:16]}…"
    ]


def _prototypes(service: Service) -> list[str]:
    opened = service.core.models.opened(MODEL)
    path = opened.model.facts.defaults["prototypes"]
    tensors, header = tensors_from_bytes(path.read_bytes(), str(path))
    prompts = json.loads(header["prompts"])
    drawn = opened.model.synthesise(
        prompts,
        seed=int(header["seed"]),
        steps=int(header["steps"]),
        progress=service.core.progress,
    )
    near = np.sum(np.asarray(drawn.embeddings) * tensors["embeddings"], axis=1)
    same = float(np.mean(drawn.pictures == tensors["pictures"]))
    if near.min() < ALIKE:
        raise VerificationFailed(
            f"the prototype of “{prompts[int(near.argmin())]}” drawn anew is another, cosine"
            f" {near.min():.3f}"
        )
    return [
        f"{len(prompts)} prototypes drawn anew: cosine to those that came with {MODEL} at least"
        f" {near.min():.4f} (“{prompts[int(near.argmin())]}”), {100 * same:.1f} % of their pixels"
        " the same to the last bit."
    ]
