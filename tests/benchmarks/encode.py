"""`python -m tests.benchmarks.encode`: pictures and texts a second, beside torch's `CLIPModel` on
the same machine in the same run.

The shape of ViT-B/32 with random weights (speed does not depend on them); needs the extra `parity`.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

BATCH, WORDS = 32, 16


def rates(
    one: Callable[[], object], other: Callable[[], object], count: int, times: int = 5
) -> tuple[float, float]:
    """Items a second of both, the median of runs that take turns, so that whatever else the machine
    does meets both.
    """
    took: dict[int, list[float]] = {0: [], 1: []}
    one(), other()
    for _ in range(times):
        for i, work in enumerate((one, other)):
            began = time.perf_counter()
            work()
            took[i].append(time.perf_counter() - began)
    return count / statistics.median(took[0]), count / statistics.median(took[1])


def main() -> None:
    import jax
    import jax.numpy as jnp

    from govd_clip.encode import _images, _texts
    from govd_clip.reading_config import read_config
    from govd_clip.weights import load

    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig()).eval()
    pixels = (
        np.random.default_rng(0).normal(size=(BATCH, 3, 224, 224)).astype(np.float32)
    )
    ids = np.full((BATCH, WORDS), 320, np.int64)
    ids[:, -1] = 49407
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = read_config(Path(folder))
        ours = load(config, Path(folder))
        with torch.inference_mode():
            ours_i, theirs_i = rates(
                lambda: jax.block_until_ready(_images(ours, jnp.asarray(pixels))),
                lambda: model.get_image_features(pixel_values=torch.from_numpy(pixels)),
                BATCH,
            )
            ours_t, theirs_t = rates(
                lambda: jax.block_until_ready(
                    _texts(ours, jnp.asarray(ids.astype(np.int32)))
                ),
                lambda: model.get_text_features(input_ids=torch.from_numpy(ids)),
                BATCH,
            )
    print(
        f"| ViT-B/32, batch {BATCH} | govd (JAX {jax.default_backend()}) | torch (CPU) | ratio"
        " |\n|---|---|---|---|"
    )
    print(
        f"| pictures a second | {ours_i:.1f} | {theirs_i:.1f} | {ours_i / theirs_i:.2f} |"
    )
    print(
        f"| texts a second ({WORDS} tokens) | {ours_t:.1f} | {theirs_t:.1f} |"
        f" {ours_t / theirs_t:.2f} |"
    )


if __name__ == "__main__":
    main()
