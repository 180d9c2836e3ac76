"""`python -m tests.benchmarks.encode`: pictures and texts a second in each precision, beside
torch's `CLIPModel` on the same machine in the same run; and what a precision does to `mini`'s
vectors and answers.

Rates are of the shape of ViT-B/32 with random weights (speed does not depend on them); needs the
extra `parity`.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

from govd.types import PRECISIONS, Floats, ModelReference, Precision
from govd_clip.encode import Weights, _images, _texts
from govd_clip.plugin import govd_open_model
from govd_clip.precision import rounded
from govd_clip.reading_config import read_config
from govd_clip.weights import load
from tests.benchmarks.mini import FOLDER, Mini

BATCH, WORDS = 32, 16


def rates(*works: Callable[[], object], times: int = 5) -> list[float]:
    """Runs a second of each, the median of runs that take turns, so that whatever else the machine
    does meets all.
    """
    took: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    for _ in range(times):
        for seconds, work in zip(took, works, strict=True):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
    return [1.0 / statistics.median(seconds) for seconds in took]


def speed() -> Iterator[str]:
    """Lines of a table: govd's rates and torch's."""
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig()).eval()
    drawn = np.random.default_rng(0).normal(size=(BATCH, 3, 224, 224))
    pixels = drawn.astype(np.float32)
    ids = np.full((BATCH, WORDS), 320, np.int64)
    ids[:, -1] = 49407
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = read_config(Path(folder))
        kinds = {
            precision: Weights.of(rounded(load(config, Path(folder)), precision))
            for precision in PRECISIONS
        }

    def run(function: Any, weights: Weights, batch: Any) -> None:
        jax.block_until_ready(function(weights.structure, weights.leaves, batch))

    title = f"ViT-B/32, batch {BATCH}, on {jax.default_backend()}"
    yield f"| {title} | a second | torch (CPU) | ratio |"
    yield "|---|---|---|---|"
    with torch.inference_mode():
        for what, function, batch, other in (
            (
                "pictures",
                _images,
                pixels,
                partial(model.get_image_features, torch.from_numpy(pixels)),
            ),
            (
                f"texts of {WORDS} tokens",
                _texts,
                ids.astype(np.int32),
                partial(model.get_text_features, torch.from_numpy(ids)),
            ),
        ):
            ours = [partial(run, function, w, batch) for w in kinds.values()]
            *mine, theirs = (BATCH * rate for rate in rates(*ours, other))
            for precision, rate in zip(kinds, mine, strict=True):
                yield (
                    f"| {what}, {precision} | {rate:.1f} | {theirs:.1f} |"
                    f" {rate / theirs:.2f} |"
                )


def nearness() -> Iterator[str]:
    """Lines of a table: `mini` in half precision, beside itself in float32."""
    mini = Mini()
    files = sorted((FOLDER / "images").rglob("*.png"))

    def vectors(precision: Precision) -> tuple[Floats, Floats]:
        model = govd_open_model(ModelReference("mini", precision=precision))
        assert model is not None
        prompts = [t.format(name) for name in mini.labels for t in mini.templates]
        texts = model.encode_texts(prompts)
        return texts, model.encode_images(files)

    def answers(texts: Floats, images: Floats) -> Any:
        labels = texts.reshape(len(mini.labels), -1, texts.shape[1]).mean(1)
        labels /= np.linalg.norm(labels, axis=1, keepdims=True)
        return (images @ labels.T).argmax(1)

    single = vectors("float32")
    yield (
        f"| `mini`, {len(files)} drawings | least cosine of texts | of drawings | answers that"
        " differ |"
    )
    yield "|---|---|---|---|"
    for precision in PRECISIONS[1:]:
        half = vectors(precision)
        texts, images = (
            (one * other).sum(1).min() for one, other in zip(half, single, strict=True)
        )
        differ = int((answers(*half) != answers(*single)).sum())
        yield f"| {precision} | {texts:.6f} | {images:.6f} | {differ} |"


def main() -> None:
    """Print both tables."""
    for lines in (speed(), nearness()):
        for line in lines:
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
