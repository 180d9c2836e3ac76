"""What searches find in stored vectors of real pictures, when the vectors are edited and when the
queries are: a table for people.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from govd.edit.tensors import factors_of
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service

BEST = 10
"""Hits of a search."""
TARGETS = ("unnamed", "level")
"""What is aimed at: that answers among labels do not name it; that searches rank it like others. A
model that is registered with `--use search` has the second by default.
"""
LIFTED = "".join(
    f"{bound} = 1.0\n"
    for bound in (
        "max_predicted_disagreement",
        "max_total_disagreement",
        "max_scope_share",
        "max_lost_elsewhere",
    )
)


@dataclass(frozen=True)
class Pictures:
    """Labelled unit vectors: `images` (n, d), `label` (n,) into `names`, `texts` (m, d)."""

    names: list[str]
    texts: Any
    images: Any
    label: Any
    pool: Any


def read(folder: Path) -> Pictures:
    """A folder with `images.npy`, `label.npy`, `split.txt`, `text.npy`, `text.txt`, `classes.txt`:
    the pictures of the classes that have a text; those that are no test pictures are the pool.
    """
    classes = folder.joinpath("classes.txt").read_text().splitlines()
    words = [
        line.split("\t")[0]
        for line in folder.joinpath("text.txt").read_text().splitlines()
    ]
    images = unit(np.load(folder / "images.npy"))
    label = np.load(folder / "label.npy")
    test = np.array(
        [s == "test" for s in folder.joinpath("split.txt").read_text().splitlines()]
    )
    place = {classes.index(word): i for i, word in enumerate(words)}
    inside = np.array([number in place for number in label])
    kept = inside & test
    return Pictures(
        words,
        unit(np.load(folder / "text.npy")),
        images[kept],
        np.array([place[number] for number in label[kept]]),
        images[~test],
    )


def unit(rows: Any) -> Any:
    """Rows of length 1."""
    x = np.asarray(rows, np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def table(folder: Path, forget: int) -> str:
    """A Markdown table."""
    pictures = read(folder)
    with tempfile.TemporaryDirectory() as home:
        Path(home, "govd.toml").write_text(LIFTED)
        given = Path(home, "vectors.npz")
        np.savez(
            given,
            text_names=np.array(pictures.names),
            text_vectors=pictures.texts,
            image_vectors=pictures.pool,
        )
        with open_service(Path(home)) as service:
            edits = {
                target: forgotten(service, given, pictures.names[:forget], target)
                for target in TARGETS
            }
    sides = {"before": (pictures.images, pictures.texts)}
    for target, edit in edits.items():
        moved, queries = (
            edit.move(pictures.images),
            edit.apply_to_queries(pictures.texts),
        )
        sides[f"vectors edited, `{target}`"] = (unit(moved), pictures.texts)
        sides[f"queries edited, `{target}`"] = (pictures.images, queries)
    lines = [
        f"{folder.name}: {len(pictures.images)} pictures, {forget} of {len(pictures.names)} labels"
        f" forgotten; {BEST} best hits",
        "",
        "| | a forgotten text finds its pictures | a retained text keeps its hits | a forgotten"
        " picture finds its like |",
        "|---|---|---|---|",
    ]
    before = best(pictures.texts @ pictures.images.T)
    for name, (vectors, queries) in sides.items():
        hits = best(queries @ vectors.T)
        own = np.mean(pictures.label[hits[:forget]] == np.arange(forget)[:, None])
        same = np.mean(
            [
                len(set(a) & set(b))
                for a, b in zip(hits[forget:], before[forget:], strict=True)
            ]
        )
        lines.append(
            f"| {name} | {own:.2f} | {same / BEST:.2f} | {alike(pictures, vectors, forget):.2f} |"
        )
    return "\n".join(lines)


def forgotten(service: Service, given: Path, names: list[str], target: str) -> Any:
    """The edit of these forgets, on a model of its own."""
    service.add_model(target, str(given), Given(), "bench")
    for name in names:
        service.requests.forget(
            target, ForgetOptions(concepts=(name,), target=target), "bench"
        )
    service.reconciler.run()
    return factors_of(service.serving(target).edit)


def best(scores: Any) -> Any:
    """Places of the best hits of each query `(n, BEST)`."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :BEST]


def alike(pictures: Pictures, vectors: Any, forget: int) -> float:
    """How many of the best hits of a forgotten picture, itself left out, show the same."""
    asked = np.flatnonzero(pictures.label < forget)
    scores = vectors[asked] @ vectors.T
    scores[np.arange(len(asked)), asked] = -np.inf
    return float(
        np.mean(pictures.label[best(scores)] == pictures.label[asked][:, None])
    )
