"""What is looked at: pictures with their labels, what the model draws itself, and a store of
vectors that is searched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from govd.cli.demo.compare import evaluation
from govd.cli.demo.story import (
    CELL,
    EVERYWHERE,
    MODEL,
    QUERIED,
    STAYS,
    WHOLE,
    Picture,
    Prototype,
)
from govd.cli.tables import scope
from govd.edit.files import tensors_from_bytes
from govd.service.service import Service
from govd.types import Json, Record

BEST = 10
BESIDE = 2
"""Real pictures shown beside a prototype."""


def store(service: Service, when: str) -> dict[str, Json]:
    """A vector store of the evaluation pictures, edited in place: how many of the ten best for a
    word are of it.
    """
    data = evaluation(service)
    now = service.serving(MODEL)
    vectors = now.factors.apply(data.vectors)
    names, texts = service.core.models.opened(MODEL).basis.anchors
    hits: dict[str, Json] = {}
    for word in QUERIED:
        best = np.argsort(-(vectors @ texts[names.index(word)]), kind="stable")[:BEST]
        hits[word] = int(sum(data.classes[data.class_of[i]] == word for i in best))
    return {"when": when, "revision": now.number, "found": hits}


def pictures(service: Service) -> list[Picture]:
    """The first picture of each (concept, domain) shown, classified by the unedited model and by
    the published revision.
    """
    model = service.models.show(MODEL)
    answers = [
        (name, domain)
        for name in (EVERYWHERE, CELL[0], *STAYS)
        for domain in model["domains"]
    ]
    cells = [
        (path, name, domain)
        for name, domain in answers
        for path in _real(model, name, domain)[:1]
    ]
    images = [(str(path), path) for path, *_ in cells]
    before = service.classify(MODEL, images, base=True)
    after = service.classify(MODEL, images)
    return [
        Picture(
            path.read_bytes(),
            name,
            domain,
            b["label"],
            a["label"],
            _forgotten(name, domain),
        )
        for (path, name, domain), b, a in zip(cells, before, after, strict=True)
    ]


def prototypes(
    service: Service, requests: Sequence[Record]
) -> list[tuple[str, list[Prototype]]]:
    """For each request what the model itself draws for what was forgotten, of the prototypes that
    came with it, each shown once; real pictures beside them.
    """
    path = service.core.models.opened(MODEL).model.facts.defaults.get("prototypes")
    if path is None:
        return []
    model = service.models.show(MODEL)
    tensors, header = tensors_from_bytes(path.read_bytes(), str(path))
    drawn = zip(
        json.loads(header["prompts"]),
        json.loads(header["concepts"]),
        json.loads(header["domains"]),
        tensors["pictures"],
        strict=True,
    )
    prototypes_left = [
        Prototype(p, c, d, pixels, _beside(model, c, d)) for p, c, d, pixels in drawn
    ]
    galleries = []
    for request in requests:
        names = {c["name"] for c in request["concepts"]}
        domains = set(request["domains"])
        of_request = [
            p
            for p in prototypes_left
            if (not names or p.concept in names)
            and (not domains or p.domain in domains)
        ]
        prototypes_left = [p for p in prototypes_left if p not in of_request]
        galleries.append((scope(request), of_request))
    return galleries


def _forgotten(name: str, domain: str) -> bool:
    return name == EVERYWHERE or (name, domain) == CELL or domain == WHOLE


def _beside(model: Record, name: str, domain: str) -> tuple[bytes, ...]:
    domains = [domain] if domain else list(model["domains"])
    paths = [
        path
        for d in domains
        for path in _real(model, name, d)[: BESIDE if domain else 1]
    ]
    return tuple(path.read_bytes() for path in paths[: max(BESIDE, len(domains))])


def _real(model: Record, name: str, domain: str) -> list[Path]:
    """The evaluation pictures of a concept in a domain, in the order of their names."""
    return sorted((Path(str(model["images"])) / domain / name).glob("*.png"))
