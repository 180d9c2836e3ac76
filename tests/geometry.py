"""Vectors that lie as a CLIP's texts lie: simulated, and published ones where a folder of them is
given.

`GOVD_PUBLIC_VECTORS` names that folder: `clip-vit-b32-text-lvis.npz` in it (`names`, `vectors` (n,
512)) takes the place of the simulation in benchmarks, and `transparency-dev-merkle.json` adds its
proofs to the tests.
"""

import os
from pathlib import Path

import numpy as np

from govd.edit import exact
from govd.models.phrases import default_vocabulary

COMMON, VARYING = 0.80, 0.05
"""Squared cosine of a text to what all have in common, and its standard deviation: with them the
cosines of two texts have the mean and the spread that ViT-B/32 has on the 80 names of COCO (0.79
and 0.055 in 96 dimensions).
"""
SHOWN = 6
"""Simulated pictures of each label in a pool."""
FADING = 0.8
"""Share of the dimensions after which the spread of the texts falls to 1/e: read off the singular
values of the same 80.
"""


def public_file(name: str) -> Path | None:
    """A published file in the folder `GOVD_PUBLIC_VECTORS`; None where no folder is named or it
    lacks the file.
    """
    folder = os.environ.get("GOVD_PUBLIC_VECTORS")
    path = Path(folder) / name if folder else None
    return path if path is not None and path.is_file() else None


def simulated_texts(count: int, dim: int, seed: int = 0) -> np.ndarray:
    """Unit rows `(count, dim)` float64: a direction that all have in common, and a spread that
    fades over the dimensions.
    """
    draw = np.random.default_rng(seed)
    fading = np.exp(-np.arange(dim) / (FADING * dim))
    spread = exact.unit(draw.normal(size=(count, dim)) * fading)
    # no `@`: its last bits depend on the machine's BLAS
    mixed = exact.matmul(
        spread, np.ascontiguousarray(draw.normal(size=(dim, dim)) / dim**0.5)
    )
    common = draw.normal(size=dim)
    share = np.clip(COMMON + VARYING * draw.normal(size=(count, 1)), 0.3, 0.95)
    return exact.unit(
        share**0.5 * common / np.sqrt((common**2).sum()) + (1 - share) ** 0.5 * mixed
    )


def named_texts(dim: int, count: int = 1199) -> tuple[list[str], np.ndarray, str]:
    """Names, unit vectors `(n, dim)`, and in words what they are: published ones where given, else
    simulated around everyday nouns.

    Published vectors of 512 dimensions are lifted into more by a random orthonormal map with a
    little noise in the new ones.
    """
    path = public_file("clip-vit-b32-text-lvis.npz")
    if path is None:
        names = list(default_vocabulary())[:count]
        return names, simulated_texts(len(names), dim), "simulated text vectors"
    published = np.load(path)
    vectors = published["vectors"].astype(np.float64)
    kind = "ViT-B/32 text embeddings of LVIS names"
    if dim > vectors.shape[1]:
        draw = np.random.default_rng(0)
        lift = np.linalg.qr(draw.normal(size=(dim, vectors.shape[1])))[0]
        vectors = vectors @ lift.T
        vectors += (
            0.02
            * np.linalg.norm(vectors, axis=1, keepdims=True)
            * draw.normal(size=vectors.shape)
            / dim**0.5
        )
        kind += ", lifted (simulated)"
    return [str(name) for name in published["names"]], exact.unit(vectors), kind


def simulated_pool(vectors: np.ndarray) -> np.ndarray:
    """Image embeddings `(n, d)`: the modality's direction, the label's own, and noise."""
    draw = np.random.default_rng(1)
    labels = np.repeat(exact.unit(np.asarray(vectors, np.float64)), SHOWN, axis=0)
    gap = draw.normal(size=vectors.shape[1])
    noise = draw.normal(size=labels.shape) / vectors.shape[1] ** 0.5
    return exact.unit(0.8 * gap / np.linalg.norm(gap) + 0.5 * labels + 0.45 * noise)
