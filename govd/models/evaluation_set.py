"""An evaluation set: labelled pictures in folders, their embeddings, and the artifact that they
become.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from govd.edit import EvaluationData
from govd.edit.files import tensors_from_bytes, tensors_to_bytes
from govd.errors import BadFile, Usage, instead
from govd.models.embeddings import Encoder
from govd.models.folders import UNREADABLE, labelled
from govd.models.image_vectors import read_labelled_vectors
from govd.models.phrases import spelled
from govd.types import Places, Progress


def read_images(
    folder: Path,
    encoder: Encoder,
    domains: Sequence[str],
    progress: Progress,
    labels: Collection[str] = (),
    spellings: Mapping[str, str] | None = None,
) -> tuple[EvaluationData, Counter[str]]:
    """An evaluation set: `DIR/<domain>/<class>/*.png`, `DIR/<class>/*.png`, or a `.npz` of labelled
    vectors; and what was left out of it, by reason.

    `spellings`: labels by other names for the same.

    Args:
        encoder: of the model.
        progress: is told of each batch of pictures.

    Raises:
        BadFile: no such folder, or no picture in it. Usage: folders of unknown domains.
    """
    spellings = spellings or {}
    if folder.is_file() or folder.suffix.lower() == ".npz":
        return read_labelled_vectors(
            folder, encoder.model.facts.dim, domains, labels, spellings
        )
    files = labelled(
        folder, [spelled(domain) for domain in domains], {*labels, *spellings}
    )
    names = _domain_names(files.domains, domains, folder)
    vectors, places = encoder.readable(files.paths, progress)
    if not places:
        raise BadFile(
            "not one picture of this folder can be read",
            where=str(folder),
            advice="Give a folder of PNG or JPEG files.",
        )
    class_names = [spellings.get(files.classes[i], files.classes[i]) for i in places]
    classes, class_of = _numbered(class_names)
    skipped = len(files.paths) - len(places)
    left_out = files.left_out + Counter({UNREADABLE: skipped})
    data = EvaluationData(
        vectors=np.asarray(vectors, np.float64),
        classes=classes,
        domains=tuple(names),
        class_of=class_of,
        domain_of=_domain_numbers([files.domains[i] for i in places], names),
        paraphrases=None,
        skipped=skipped,
    )
    return data, left_out


def _numbered(class_names: Sequence[str]) -> tuple[tuple[str, ...], Places]:
    """The classes that there are, sorted, and the number of each picture's `(n,)`."""
    classes = tuple(sorted(set(class_names)))
    number_of = {name: number for number, name in enumerate(classes)}
    return classes, np.array([number_of[name] for name in class_names])


def _domain_numbers(domains: Sequence[str | None], names: Sequence[str]) -> Places:
    """The number of each picture's domain `(n,)` among `names`; -1 of a picture in none."""
    number_of = {spelled(name): number for number, name in enumerate(names)}
    return np.array([number_of[domain] if domain else -1 for domain in domains])


def _domain_names(
    of_files: Sequence[str | None], domains: Sequence[str], folder: Path
) -> list[str]:
    """The domains of a model, or those of the files where it has none.

    Raises:
        Usage: files are of others.
    """
    in_files = sorted({domain for domain in of_files if domain})
    names = list(domains) if domains else in_files
    spelled_names = {spelled(name) for name in names}
    unknown = [domain for domain in in_files if domain not in spelled_names]
    if unknown:
        raise Usage(
            f"evaluation folders of unknown domains: {', '.join(unknown[:5])}",
            where=str(folder),
            advice=instead(unknown[0], domains, "Known"),
        )
    return names


def of_classes(data: EvaluationData, names: Collection[str]) -> EvaluationData | None:
    """The part of an evaluation set that is of these classes; None where nothing is."""
    classes = tuple(c for c in data.classes if c in names)
    if classes == data.classes:
        return data
    kept_rows = np.isin(np.array(data.classes)[data.class_of], classes)
    if not kept_rows.any():
        return None
    class_of = np.array(
        [classes.index(data.classes[c]) for c in data.class_of[kept_rows]]
    )
    return EvaluationData(
        vectors=data.vectors[kept_rows],
        classes=classes,
        domains=data.domains,
        class_of=class_of,
        domain_of=data.domain_of[kept_rows],
        paraphrases=data.paraphrases,
        skipped=data.skipped,
    )


def evaluation_bytes(data: EvaluationData) -> bytes:
    """An evaluation set's embeddings as an artifact."""
    words = dict(data.paraphrases or {})
    header = {
        "classes": json.dumps(data.classes),
        "domains": json.dumps(data.domains),
        "skipped": str(data.skipped),
    }
    header["paraphrases"] = json.dumps(
        {name: len(rows) for name, rows in words.items()}
    )
    tensors: dict[str, Any] = {
        "vectors": data.vectors,
        "class_of": data.class_of,
        "domain_of": data.domain_of,
    }
    tensors["paraphrases"] = (
        np.concatenate(list(words.values()))
        if words
        else np.zeros((0, data.vectors.shape[1]))
    )
    return tensors_to_bytes(tensors, header)


def evaluation_from(data: bytes) -> EvaluationData:
    """Read what `evaluation_bytes` wrote."""
    tensors, header = tensors_from_bytes(data)
    counts: dict[str, int] = json.loads(header["paraphrases"])
    ends = np.cumsum(list(counts.values()))
    parts = np.split(tensors["paraphrases"], ends[:-1]) if counts else []
    return EvaluationData(
        vectors=tensors["vectors"],
        classes=tuple(json.loads(header["classes"])),
        domains=tuple(json.loads(header["domains"])),
        class_of=tensors["class_of"],
        domain_of=tensors["domain_of"],
        paraphrases=dict(zip(counts, parts, strict=True)),
        skipped=int(header["skipped"]),
    )
