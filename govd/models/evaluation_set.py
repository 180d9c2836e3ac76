"""An evaluation set: labelled pictures in folders, their embeddings, and the artifact that they become."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from govd.edit import EvaluationData
from govd.edit.factors import tensors_from_bytes, tensors_to_bytes
from govd.embeddings import Encoder
from govd.errors import BadFile, Usage
from govd.pictures import SUFFIXES
from govd.types import Progress


def read_images(folder: Path, encoder: Encoder, domains: Sequence[str], progress: Progress) -> EvaluationData:
    """An evaluation set: `DIR/<domain>/<class>/*.png` or `DIR/<class>/*.png`. What cannot be read is skipped and counted.

    Raises:
        BadFile: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise BadFile("no such folder", where=str(folder))
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    rows = [(p, p.relative_to(folder).parts) for p in paths]
    rows = [(p, parts) for p, parts in rows if len(parts) in (2, 3)]
    if not rows:
        advice = "Lay it out as DIR/<domain>/<class>/*.png or DIR/<class>/*.png."
        raise BadFile("no pictures in this folder", where=str(folder), advice=advice)
    found = sorted({parts[0] for _, parts in rows if len(parts) == 3})
    unknown = [d for d in found if domains and d not in domains]
    if unknown:
        raise Usage(
            f"evaluation folders of unknown domains: {', '.join(unknown)}", where=str(folder), advice=f"Known: {', '.join(domains)}."
        )
    names = list(domains) if domains else found
    vectors, places = encoder.readable([p for p, _ in rows], progress)
    if not places:
        raise BadFile("not one picture of this folder can be read", where=str(folder))
    kept = [rows[i] for i in places]
    classes = sorted({parts[-2] for _, parts in kept})
    class_of = np.array([classes.index(parts[-2]) for _, parts in kept])
    domain_of = np.array([names.index(parts[0]) if len(parts) == 3 else -1 for _, parts in kept])
    skipped = len(rows) - len(kept)
    return EvaluationData(np.asarray(vectors, np.float64), tuple(classes), tuple(names), class_of, domain_of, None, skipped)


def of_classes(data: EvaluationData, names: Collection[str]) -> EvaluationData | None:
    """The part of an evaluation set that is of these classes; None where nothing is."""
    classes = tuple(c for c in data.classes if c in names)
    if classes == data.classes:
        return data
    mine = np.isin(np.array(data.classes)[data.class_of], classes)
    if not mine.any():
        return None
    class_of = np.array([classes.index(data.classes[c]) for c in data.class_of[mine]])
    return EvaluationData(data.vectors[mine], classes, data.domains, class_of, data.domain_of[mine], data.paraphrases, data.skipped)


def evaluation_bytes(data: EvaluationData) -> bytes:
    """An evaluation set's embeddings as an artifact."""
    words = dict(data.paraphrases or {})
    said = {"classes": json.dumps(data.classes), "domains": json.dumps(data.domains), "skipped": str(data.skipped)}
    said["paraphrases"] = json.dumps({name: len(rows) for name, rows in words.items()})
    tensors: dict[str, Any] = {"vectors": data.vectors, "class_of": data.class_of, "domain_of": data.domain_of}
    tensors["paraphrases"] = np.concatenate(list(words.values())) if words else np.zeros((0, data.vectors.shape[1]))
    return tensors_to_bytes(tensors, said)


def evaluation_from(data: bytes) -> EvaluationData:
    """Read what `evaluation_bytes` wrote."""
    tensors, said = tensors_from_bytes(data)
    counts: dict[str, int] = json.loads(said["paraphrases"])
    ends = np.cumsum(list(counts.values()))
    parts = np.split(tensors["paraphrases"], ends[:-1]) if counts else []
    return EvaluationData(
        tensors["vectors"],
        tuple(json.loads(said["classes"])),
        tuple(json.loads(said["domains"])),
        tensors["class_of"],
        tensors["domain_of"],
        dict(zip(counts, parts, strict=True)),
        int(said["skipped"]),
    )
