"""`python -m tests.benchmarks.encode`: pictures and texts a second, beside torch's `CLIPModel` on the same machine in the same run.

The shape of ViT-B/32 with random weights (speed does not depend on them); needs the extra `parity`.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

BATCH, WORDS = 32, 16


def rate(work: Callable[[], object], count: int) -> float:
    work()
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        work()
        best = max(best, count / (time.perf_counter() - began))
    return best


def main() -> None:
    import jax
    import jax.numpy as jnp

    from govd_clip.config import read_config
    from govd_clip.encode import _images, _texts
    from govd_clip.weights import load

    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig()).eval()
    pixels = np.random.default_rng(0).normal(size=(BATCH, 3, 224, 224)).astype(np.float32)
    ids = np.full((BATCH, WORDS), 320, np.int64)
    ids[:, -1] = 49407
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = read_config(Path(folder))
        ours = load(config, Path(folder))
        with torch.inference_mode():
            theirs_i = rate(lambda: model.get_image_features(pixel_values=torch.from_numpy(pixels)), BATCH)
            theirs_t = rate(lambda: model.get_text_features(input_ids=torch.from_numpy(ids)), BATCH)
        ours_i = rate(lambda: jax.block_until_ready(_images(ours, jnp.asarray(pixels))), BATCH)
        ours_t = rate(lambda: jax.block_until_ready(_texts(ours, jnp.asarray(ids.astype(np.int32)))), BATCH)
    print(f"| ViT-B/32, batch {BATCH} | govd (JAX {jax.default_backend()}) | torch (CPU) | ratio |\n|---|---|---|---|")
    print(f"| pictures a second | {ours_i:.1f} | {theirs_i:.1f} | {ours_i / theirs_i:.2f} |")
    print(f"| texts a second ({WORDS} tokens) | {ours_t:.1f} | {theirs_t:.1f} | {ours_t / theirs_t:.2f} |")


if __name__ == "__main__":
    main()
