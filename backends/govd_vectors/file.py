"""Reads a file of vectors: `.npz`, or Parquet with the same columns.

| array | shape | meaning |
|---|---|---|
| `text_names`, `text_vectors` (short: `names`, `vectors`) | (n,), (n, d) | texts and their embeddings |
| `labels` (optional) | () or (m,) | the label set: how many of the texts, from the first, or their names, also one for each picture of the pool; all where it is missing |
| `prompt_names`, `prompt_vectors` (optional) | (p,), (p, d) | single prompts, named `template|name` |
| `domain_names`, `domain_vectors` (optional) | (S,), (S, m, d) | the first m texts in each domain |
| `image_vectors` (optional) | (N, d) | the pool |
| `logit_scale` (optional) | () | the factor before a softmax, 100 where it is missing |

In Parquet each row is one text (`name`, `vector`); what else there is stands in the file's schema
metadata or in no place: use `.npz`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadCheckpoint, instead
from govd.types import Floats
from govd_vectors.arrays import names_of, read_arrays, rows_of

LOGIT_SCALE = 100.0
"""What OpenAI's CLIP was trained up to, and what is assumed where the file says nothing."""


@dataclass(frozen=True)
class VectorFile:
    """What a file of vectors holds. Rows are unit float32; `pool` is not read, only whether there
    is one and of how many rows.
    """

    path: Path
    names: tuple[str, ...]
    vectors: Floats
    labels: tuple[str, ...]
    prompts: Mapping[str, Floats]
    templates: tuple[str, ...]
    domains: tuple[str, ...]
    in_domains: int
    """How many of the texts, from the first on, have a vector in each domain."""
    pool_rows: int
    logit_scale: float

    @property
    def dim(self) -> int:
        """Width of the space, d."""
        return int(self.vectors.shape[1])

    def is_in_a_domain(self, text: str) -> bool:
        """Whether a text is one of the file's as it is asked for in one of its domains."""
        starts = tuple(f"a {domain} of a " for domain in self.domains)
        return any(
            text.removeprefix(start) in self.names
            for start in starts
            if text.startswith(start)
        )


def is_vector_file(path: Path) -> bool:
    """Whether a path names a file of the kinds that are read here."""
    return path.suffix.lower() in (".npz", ".parquet") and path.is_file()


def read(path: Path) -> VectorFile:
    """A file of vectors, checked.

    Raises:
        BadCheckpoint: it cannot be read, an array is missing, has another shape, or rows are zero
        or not finite.
    """
    arrays = read_arrays(path)
    names = names_of(arrays, "text_names", path)
    vectors = rows_of(arrays, "text_vectors", path)
    _check_length(names, vectors, "text_names", path)
    twice = _first_twin(names)
    if twice is not None:
        raise BadCheckpoint(
            f"the text {twice!r} is named twice",
            where=str(path),
            advice="Keep one row for each text.",
        )
    dim = vectors.shape[1]
    by_name = dict(zip(names, vectors, strict=True))
    prompts, templates = _prompts(arrays, path, dim)
    domains = names_of(arrays, "domain_names", path) if "domain_names" in arrays else ()
    prompts |= _domain_prompts(arrays, path, names, domains, dim)
    pool_rows = 0
    if "image_vectors" in arrays:
        shape = arrays["image_vectors"].shape
        if len(shape) != 2 or shape[1] != dim:
            raise BadCheckpoint(
                f"image_vectors has shape {shape}",
                where=str(path),
                advice=f"It must be (N, {dim}).",
            )
        pool_rows = shape[0]
    return VectorFile(
        path=path,
        names=names,
        vectors=vectors,
        labels=_labels(arrays, path, names, pool_rows),
        prompts=by_name | prompts,
        templates=templates,
        domains=domains,
        in_domains=arrays["domain_vectors"].shape[1] if domains else 0,
        pool_rows=pool_rows,
        logit_scale=_scale(arrays, path),
    )


def _check_length(names: tuple[str, ...], rows: Floats, which: str, path: Path) -> None:
    if len(names) != len(rows):
        raise BadCheckpoint(
            f"{which} has {len(names)} names for {len(rows)} vectors",
            where=str(path),
            advice="They must be as many.",
        )


def _first_twin(names: tuple[str, ...]) -> str | None:
    earlier: set[str] = set()
    for name in names:
        if name in earlier:
            return name
        earlier.add(name)
    return None


def _prompts(
    arrays: Mapping[str, Any], path: Path, dim: int
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """Prompts as they are typed, and the templates that every name has."""
    if "prompt_vectors" not in arrays:
        return {}, ("{}",)
    rows = names_of(arrays, "prompt_names", path)
    vectors = rows_of(arrays, "prompt_vectors", path, dim)
    _check_length(rows, vectors, "prompt_names", path)
    prompts: dict[str, Floats] = {}
    templates: dict[str, None] = {}
    for row, vector in zip(rows, vectors, strict=True):
        template, bar, name = row.partition("|")
        if not bar or template.count("{}") != 1 or not name:
            advice = 'Write each as "template|name", the template with one {}.'
            raise BadCheckpoint(f"the prompt {row!r}", where=str(path), advice=advice)
        templates[template] = None
        prompts[template.replace("{}", name)] = vector
    return prompts, tuple(templates)


def _domain_prompts(
    arrays: Mapping[str, Any],
    path: Path,
    names: tuple[str, ...],
    domains: tuple[str, ...],
    dim: int,
) -> dict[str, Floats]:
    if not domains:
        return {}
    cube = np.asarray(arrays.get("domain_vectors", np.zeros(0)))
    if (
        cube.ndim != 3
        or cube.shape[0] != len(domains)
        or cube.shape[2] != dim
        or not 0 < cube.shape[1] <= len(names)
    ):
        advice = (
            f"It must be ({len(domains)}, m, {dim}): the first m of the {len(names)} texts in each"
            f" of the {len(domains)} domains."
        )
        raise BadCheckpoint(
            f"domain_vectors has shape {cube.shape}", where=str(path), advice=advice
        )
    rows = rows_of(
        {"domain_vectors": cube.reshape(-1, dim)}, "domain_vectors", path
    ).reshape(cube.shape)
    return {
        f"a {d} of a {names[i]}": rows[s, i]
        for s, d in enumerate(domains)
        for i in range(cube.shape[1])
    }


def _labels(
    arrays: Mapping[str, Any], path: Path, names: tuple[str, ...], pool_rows: int
) -> tuple[str, ...]:
    if "labels" not in arrays:
        return names
    array = np.asarray(arrays["labels"])
    if array.ndim == 0 and array.dtype.kind in "iu" and 0 <= int(array) <= len(names):
        return names[: int(array)]
    advice = "Give how many of the texts are labels, from the first, or names of texts."
    if array.ndim != 1 or array.dtype.kind not in "US":
        value = f"{array.dtype} of shape {array.shape}"
        if array.ndim == 0 and array.dtype.kind in "iu":
            value = f"{array}"
        raise BadCheckpoint(
            f"labels is {value}",
            where=str(path),
            advice=f"{advice} There are {len(names)}.",
        )
    labels = names_of(arrays, "labels", path)
    unknown = [label for label in labels if label not in set(names)]
    if unknown:
        raise BadCheckpoint(
            f"labels: {unknown[0]!r} is no text of this file",
            where=str(path),
            advice=f"{advice} {instead(unknown[0], names, 'Its texts')}",
        )
    classes = set(labels)
    if len(labels) == pool_rows and len(classes) < pool_rows:
        return tuple(name for name in names if name in classes)
    return labels


def _scale(arrays: Mapping[str, Any], path: Path) -> float:
    value = np.asarray(arrays.get("logit_scale", LOGIT_SCALE))
    if (
        value.size != 1
        or value.dtype.kind not in "fiu"
        or not np.isfinite(value).all()
        or float(value.reshape(-1)[0]) <= 0
    ):
        raise BadCheckpoint(
            f"logit_scale is {value!r}",
            where=str(path),
            advice="It must be one positive number.",
        )
    return float(value.reshape(-1)[0])
