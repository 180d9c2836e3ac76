"""Whole small models, kept as their vectors: every pair `NAME.npz`, `NAME-evaluation.npz` of
`tests/data` is a set of the portfolio.

Layout: `govd_clip.training.vectors`. A model that was trained without some concepts is no set: it
is what forgetting them on `mini` is measured against (`retrained`). `python -m
tests.benchmarks.forgetting.pairs FOLDER NAME…` brings pairs from where they were trained, with
every `THINNED`-th picture of their pools.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

from govd.edit import Ingredients, build, exact
from govd.models.phrases import default_vocabulary
from tests.benchmarks.forgetting.sets import Split, Words

DATA = Path(__file__).parents[2] / "data"
RETRAINED = "mini-without"
WITHOUT = ("dog", "umbrella", "rocket")
"""What `mini-without` was trained without: see the recipe of that name in
`govd_clip.training.recipes`.
"""
THINNED = 8
"""Pools have tens of thousands of pictures: one in so many is enough, and small enough to be
kept.
"""

Files = tuple[Path, Path]


def pairs(folder: Path = DATA) -> dict[str, Files]:
    """Name, model and evaluation of each pair but the retrained model."""
    both = {
        path.stem: (path, path.with_name(f"{path.stem}-evaluation.npz"))
        for path in sorted(folder.glob("*.npz"))
    }
    return {
        name: files
        for name, files in both.items()
        if files[1].is_file() and name != RETRAINED
    }


def pair_split(name: str, model: Path, evaluation: Path) -> Split:
    """A pair as a set with domains and single prompts; half of the words that are no labels are
    anchors, the other half is unlisted.
    """
    known = np.load(model)
    drawings = np.load(evaluation)
    count = int(known["labels"])
    texts = [str(word) for word in known["text_names"]]
    vectors = exact.unit(known["text_vectors"].astype(np.float64))
    labels, domains = (
        tuple(texts[:count]),
        tuple(str(word) for word in known["domain_names"]),
    )
    prompts = (
        known["prompt_vectors"].astype(np.float64).reshape(-1, count, vectors.shape[1])
    )
    prompts = np.stack([exact.unit(rows) for rows in prompts])
    templates = [str(row).split("|")[0] for row in known["prompt_names"][::count]]
    at = {word: i for i, word in enumerate(texts)}
    words = [at[word] for word in default_vocabulary() if word not in set(labels)]
    anchors, unlisted = words[0::2], words[1::2]
    given = Ingredients(
        name,
        "labels",
        "image",
        labels,
        vectors[:count],
        [texts[i] for i in anchors],
        vectors[anchors],
        domains=domains,
        domain_vectors=known["domain_vectors"].astype(np.float64),
        plain_vector=exact.mean(vectors[:count]),
        templates=templates,
        pool=known["image_vectors"].astype(np.float64),
        pool_kind="pool",
        label_prompts=prompts,
    )
    label = np.array([labels.index(str(word)) for word in drawings["labels"]])
    domain = np.array([domains.index(str(word)) for word in drawings["domains"]])
    x = exact.unit(drawings["image_vectors"].astype(np.float64))
    other = Words(tuple(texts[i] for i in unlisted), vectors[unlisted])
    return Split(
        name,
        0,
        Words(labels, vectors[:count], prompts),
        other,
        lambda: build(given),
        x,
        label,
        domains,
        domain,
    )


def retrained(folder: Path = DATA) -> Split | None:
    """`mini` trained again without `WITHOUT`, on the drawings that judge `mini`; None where it is
    not there.
    """
    files = folder / f"{RETRAINED}.npz", folder / f"{RETRAINED}-evaluation.npz"
    return (
        pair_split(RETRAINED, *files) if all(path.is_file() for path in files) else None
    )


def bring(folder: Path, name: str) -> None:
    """Copy a pair into `DATA`."""
    known = dict(np.load(folder / f"{name}.npz"))
    known["image_vectors"] = known["image_vectors"][::THINNED]
    np.savez_compressed(DATA / f"{name}.npz", **known)
    shutil.copyfile(folder / f"{name}-evaluation.npz", DATA / f"{name}-evaluation.npz")


if __name__ == "__main__":
    for name in sys.argv[2:]:
        bring(Path(sys.argv[1]), name)
