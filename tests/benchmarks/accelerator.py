"""`python -m tests.benchmarks.accelerator`: what JAX finds, beside the host: encoding, and `--part
edits`, prototypes and composing.

Encoding: pictures a second of a CLIP of random weights (speed does not depend on them), by default
ViT-L/14 in bfloat16, as a share of what that device multiplies at its best. The best rate is
measured in the same run with products of large square matrices in the same precision. The work
of a picture is counted from the model's widths: two operations for a weight and a token, and
attention. Embeddings are held against the same weights in float32 on the host. The edits:
`tests.benchmarks.accelerator_edits`.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from transformers import CLIPConfig

from govd.types import PRECISIONS
from govd_clip.model import Clip
from govd_clip.precision import rounded
from govd_clip.reading_config import read_config

SHAPES = {
    "vit-b-32": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "patch_size": 32,
    },
    "vit-l-14": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
    },
}
WIDTHS = {"vit-b-32": 512, "vit-l-14": 768}
SQUARE = 8192
"""Side of the matrices whose product is the best rate; on a CPU a quarter of it."""
IMAGE_SIDE = 224
COMPARED = 4
"""Pictures that are encoded on the host as well."""


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.accelerator", description=__doc__
    )
    options.add_argument("--shape", choices=SHAPES, default="vit-l-14")
    options.add_argument("--dtype", choices=PRECISIONS, default="bfloat16")
    options.add_argument("--batch", type=int, default=256)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--part", choices=("encoding", "edits"), default="encoding")
    given = options.parse_args()
    if given.part == "edits":
        from tests.benchmarks.accelerator_edits import report

        for line in report():
            print(line, flush=True)
        return
    dtype = jnp.dtype(given.dtype)
    device = jax.devices()[0]
    whole = clip(given.shape)
    graph, state = nnx.split(whole)
    _, half = nnx.split(rounded(whole, given.dtype))
    moved = jax.device_put(half, device)

    def encode(weights: nnx.State, pixels: jax.Array) -> jax.Array:
        return nnx.merge(graph, weights).images(pixels)

    draw = np.random.default_rng(0)
    pixels = draw.normal(size=(given.batch, 3, IMAGE_SIDE, IMAGE_SIDE)).astype(
        np.float32
    )
    batch = jax.device_put(pixels, device)
    compiled = jax.jit(encode).lower(moved, batch).compile()
    work = operations(given.shape) * given.batch
    seconds = median(lambda: compiled(moved, batch), given.rounds)
    best = peak(device, dtype, given.rounds)
    host = jax.devices("cpu")[0]
    with jax.default_device(host):
        there = np.asarray(
            encode(jax.device_put(state, host), jnp.asarray(pixels[:COMPARED])),
            np.float64,
        )
    here = np.asarray(compiled(moved, batch)[:COMPARED], np.float64)
    cosine = float((unit(here) * unit(there)).sum(1).min())
    print(
        f"{given.shape}, {given.dtype}, batch {given.batch}, on {device.device_kind}"
        f" ({device.platform})\n"
    )
    print("| | |\n|---|---|")
    print(f"| pictures a second | {given.batch / seconds:.1f} |")
    print(
        f"| work | {work / given.batch / 1e9:.1f} GFLOP a picture, {work / seconds / 1e9:,.0f}"
        " GFLOP/s |"
    )
    print(f"| best rate of products, same precision | {best / 1e9:,.0f} GFLOP/s |")
    print(f"| share of it | {work / seconds / best:.0%} |")
    print(
        f"| least cosine to float32 on the host, of {len(here)} pictures | {cosine:.6f} |"
    )


def clip(shape: str) -> Clip:
    """A model of random weights, in float32."""
    known = CLIPConfig(
        vision_config={**SHAPES[shape], "image_size": IMAGE_SIDE},
        projection_dim=WIDTHS[shape],
    )
    with tempfile.TemporaryDirectory() as folder:
        known.save_pretrained(folder)
        return Clip(read_config(Path(folder)), nnx.Rngs(0))


def operations(shape: str) -> float:
    """Floating-point operations of one picture: products of weights, and of queries, keys and
    values; the last block reads one token.
    """
    sizes = SHAPES[shape]
    width, inner, layers = (
        sizes["hidden_size"],
        sizes["intermediate_size"],
        sizes["num_hidden_layers"],
    )
    patches = (IMAGE_SIDE // sizes["patch_size"]) ** 2
    tokens = patches + 1
    weights = 4 * width * width + 2 * width * inner
    block = 2 * tokens * weights + 4 * tokens * tokens * width
    last = 2 * (2 * tokens + 2) * width * width + 4 * width * inner + 4 * tokens * width
    ends = (
        2 * patches * 3 * sizes["patch_size"] ** 2 * width + 2 * width * WIDTHS[shape]
    )
    return float((layers - 1) * block + last + ends)


def peak(device: jax.Device, dtype: jnp.dtype, rounds: int) -> float:
    """Operations a second of products of large square matrices; on an accelerator 20 are queued, so
    that it does not wait for the host in between.
    """
    side = SQUARE if device.platform != "cpu" else SQUARE // 4
    drawn = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    square = jax.device_put(jnp.asarray(drawn, dtype), device)
    # as the model multiplies
    precise = "highest" if dtype == jnp.float32 else "default"
    multiply = jax.jit(lambda a: jnp.matmul(a, a, precision=precise))
    queued = 20 if device.platform != "cpu" else 1
    products = median(lambda: [multiply(square) for _ in range(queued)], rounds)
    return 2.0 * side**3 * queued / products


def median(work: Callable[[], jax.Array | list[jax.Array]], rounds: int) -> float:
    """Seconds of one run, the first of which does not count."""
    jax.block_until_ready(work())
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        jax.block_until_ready(work())
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
