"""A pool: image embeddings without labels, from files of vectors or a folder of pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from govd.errors import BadFile
from govd.models.embeddings import Encoder
from govd.models.folders import UNREADABLE, told, walk
from govd.models.vector_files import KINDS, open_vectors, parts
from govd.types import Floats, Progress

KEPT: Final = 16_384
"""Vectors that are kept of a pool: a larger one is thinned evenly as it is read."""
FEWEST: Final = 16
"""Vectors that a pool must have."""
FILES: Final = (".npy", ".npz", ".parquet")
COPIES: Final = "copies of others"


@dataclass(frozen=True)
class Pool:
    """Unlabelled image embeddings `(n, d)`. `total`: how many there were, but for copies that were
    left out, before they were thinned.
    """

    rows: Floats
    kind: str
    total: int
    left_out: Counter[str] = field(default_factory=Counter)


def read_pool(given: str, encoder: Encoder, progress: Progress) -> Pool:
    """Unlabelled image embeddings: a `.npy`, `.npz` or Parquet file (`FILE::NAME`: which of its
    arrays or columns), a folder of such files, or a folder of pictures. What is there several times
    counts once: a copy of what a fit saw is no new picture to judge it by.

    Args:
        given: a path, perhaps with `::NAME`.
        encoder: of the model.
        progress: is told of each batch of pictures.

    Raises:
        BadFile: not such a file, of another width, with values that are not finite or rows of
        zeros, or with too few of them.
    """
    pool = _without_copies(_read(given, encoder, progress))
    copies = pool.left_out[COPIES]
    if copies and len(pool.rows) < FEWEST:
        raise BadFile(
            f"a pool of {len(pool.rows)} embeddings beside {copies} {COPIES}",
            where=given,
            advice=f"Give at least {FEWEST} that differ. {KINDS}",
        )
    return pool


def _without_copies(pool: Pool) -> Pool:
    """The first of all rows that are equal."""
    first: dict[bytes, int] = {}
    for place, row in enumerate(np.ascontiguousarray(pool.rows)):
        first.setdefault(row.tobytes(), place)
    copies = len(pool.rows) - len(first)
    if not copies:
        return pool
    return replace(
        pool,
        rows=pool.rows[list(first.values())],
        total=pool.total - copies,
        left_out=pool.left_out + Counter({COPIES: copies}),
    )


def _read(given: str, encoder: Encoder, progress: Progress) -> Pool:
    path, name = _named(given)
    if not path.is_dir():
        return _of_files([path], name, encoder.model.facts.dim, progress)
    files = sorted(
        p
        for p in path.iterdir()
        if p.suffix.lower() in FILES and not p.name.startswith((".", "_"))
    )
    pictures = walk(path)
    if files and not pictures.paths:
        return _of_files(files, name, encoder.model.facts.dim, progress)
    if not pictures.paths:
        reason = f"no pictures in this folder{told(pictures.left_out, '; left out: ')}"
        raise BadFile(
            reason,
            where=str(path),
            advice="Give a folder of pictures, or a file of vectors.",
        )
    vectors, places = encoder.readable(pictures.paths, progress)
    if not places:
        raise BadFile(
            "not one picture of this folder can be read",
            where=str(path),
            advice="Give a folder of PNG or JPEG files.",
        )
    left_out = pictures.left_out + Counter(
        {UNREADABLE: len(pictures.paths) - len(places)}
    )
    positions = next(parts(len(vectors), [len(vectors)], KEPT))
    return Pool(
        np.asarray(vectors, np.float64)[positions], "pool", len(vectors), left_out
    )


def _named(given: str) -> tuple[Path, str]:
    """The file or folder, and which of its arrays or columns is meant."""
    path = Path(given)
    file, mark, name = given.rpartition("::")
    if mark and not path.exists():
        return (Path(file), name)
    return (path, "")


def _of_files(files: list[Path], name: str, dim: int, progress: Progress) -> Pool:
    vectors = [open_vectors(path, name, dim) for path in files]
    sizes = [array.rows for array in vectors]
    place = str(files[0] if len(files) == 1 else files[0].parent)
    if sum(sizes) < FEWEST:
        advice = f"Give at least {FEWEST}, better a few for each concept. {KINDS}"
        raise BadFile(f"a pool of {sum(sizes)} embeddings", where=place, advice=advice)
    sampled = []
    for at, (array, positions) in enumerate(
        zip(vectors, parts(sum(sizes), sizes, KEPT), strict=True)
    ):
        progress("pool files", at, len(files))
        sampled.append(array.take(positions))
    progress("pool files", len(files), len(files))
    return Pool(np.concatenate(sampled), "pool", sum(sizes))
