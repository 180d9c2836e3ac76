"""What previews and sweeps do on an accelerator, beside the host in the same process: `mini`'s
embeddings and prototypes, composing.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import jax
import numpy as np

from govd.edit import Basis, Edit, Ingredients, build, compose
from govd.methods import builtin
from govd.types import Contribution
from govd_clip.plugin import ClipModel, govd_compose_edit, open_folder
from tests.benchmarks.compose import contributions, timed
from tests.geometry import named_texts

FORGETS = (10, 100, 300)
PROMPTS, PICTURES = 8, 64
LABELS = (
    "dog",
    "umbrella",
    "rocket",
    "house",
    "cat",
    "apple",
    "tree",
    "car",
    "book",
    "key",
)


def report() -> Iterator[str]:
    """The lines of two tables."""
    device = jax.devices()[0]
    yield f"on {device.device_kind} ({device.platform}), beside the host\n"
    yield "| `mini` | device | host | least cosine | largest difference |\n|---|---|---|---|---|"
    yield from _encoder_rows()
    yield "\n| d | forgets | device | host | largest relative difference |\n|---|---|---|---|---|"
    for width in (512, 768):
        yield from _compose_rows(width)


def _encoder_rows() -> Iterator[str]:
    import govd_clip

    folder = Path(govd_clip.__file__).parent / "mini"
    pixels = np.random.default_rng(0).integers(
        0, 256, (PICTURES, 64, 64, 3), dtype=np.uint8
    )
    texts = [f"a picture of a {label}" for label in LABELS]
    work: dict[str, Callable[[ClipModel], np.ndarray]] = {
        f"{len(texts)} texts": lambda model: model.encode_texts(texts),
        f"{PICTURES} pictures": lambda model: model.encode_images(list(pixels)),
        f"{PROMPTS} prototypes": lambda model: (
            model.synthesise(texts[:PROMPTS], seed=0).embeddings
        ),
    }
    for what, run in work.items():
        rows, seconds = {}, {}
        for where in ("device", "host"):
            place = jax.devices()[0] if where == "device" else jax.devices("cpu")[0]
            with jax.default_device(place):
                model = open_folder(folder, None, "mini", {})
                run(model)
                began = time.perf_counter()
                rows[where] = np.asarray(run(model), np.float64)
                seconds[where] = time.perf_counter() - began
        cosine = float((rows["device"] * rows["host"]).sum(1).min())
        apart = float(np.abs(rows["device"] - rows["host"]).max())
        yield (
            f"| {what} | {1000 * seconds['device']:.0f} ms | {1000 * seconds['host']:.0f} ms |"
            f" {cosine:.6f} | {apart:.1e} |"
        )


def _compose_rows(width: int) -> Iterator[str]:
    names, vectors, _ = named_texts(width)
    basis = build(
        Ingredients(
            "benchmark", "open", "image", (), np.zeros((0, width)), names, vectors
        )
    )
    forgets = contributions(basis, "oblique", list(names[: max(FORGETS)]), vectors)
    for count in FORGETS:
        there = timed(partial(_on_device, basis, forgets[:count]), 3)
        here = timed(partial(compose, basis, forgets[:count], builtin()), 3)
        device, host = (
            _on_device(basis, forgets[:count]),
            compose(basis, forgets[:count], builtin()),
        )
        apart = max(_relative(device, host, vectors))
        yield f"| {width} | {count} | {there:.0f} ms | {here:.0f} ms | {apart:.1e} |"


def _on_device(basis: Basis, forgets: list[Contribution]) -> Edit:
    edit = govd_compose_edit(basis, forgets, builtin(), "device")
    assert edit is not None
    return edit


def _relative(device: Edit, host: Edit, vectors: np.ndarray) -> Iterator[float]:
    """Of edited images, by their largest entry."""
    edited = [np.asarray(edit.apply(vectors), np.float64) for edit in (device, host)]
    yield float(np.abs(edited[0] - edited[1]).max() / np.abs(edited[1]).max())
