"""Visual prototypes: pictures found by gradient ascent on pixels, from the model alone.

Each step looks at a few random crops of every picture, jittered in brightness and contrast and with
noise, and moves the pixels towards the prompt's embedding; total variation keeps them smooth. A
prompt's picture depends on the seed and on the prompt, not on the prompts beside it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from govd.errors import Usage
from govd.types import Progress, Prototypes, silent
from govd_clip.encode import Encoder

BATCH, STEPS, CHUNK = 4, 120, 20
"""Prompts at once, steps where none are asked for, steps between two reports of progress."""
CROPS = 2
RATE = 0.06
VARIATION = 0.15
NOISE = 0.05
SMALLEST = 0.6

_optimiser = optax.adam(RATE)


def synthesise(
    encoder: Encoder,
    prompts: Sequence[str],
    *,
    seed: int,
    steps: int | None = None,
    progress: Progress = silent,
) -> Prototypes:
    """One picture for each prompt, with the embedding of the picture as it is given. Pictures are
    `(n, H, W, 3)` uint8, embeddings `(n, d)`.

    `encoder`: the model. `prompts`: n texts. `seed` and the prompt decide where a picture starts;
    `steps` of ascent, `STEPS` where None; `progress` is called after each batch.

    Raises:
        Usage: no steps.
    """
    steps = STEPS if steps is None else steps
    if steps < 1:
        raise Usage(f"steps is {steps}", advice="Take at least one.")
    size = encoder.config.image
    total = len(prompts) * steps
    pictures = np.zeros((len(prompts), size, size, 3), np.uint8)
    if not prompts:
        return Prototypes((), np.zeros((0, encoder.config.dim), np.float32), pictures)
    goals = encoder.encode_texts(prompts)
    root = jax.random.key(seed % 2**32)
    graph, params = nnx.split(encoder.model)
    scaling = encoder.preparation.scaling()
    mean, std = (jnp.asarray(value, jnp.float32).reshape(3, 1, 1) for value in scaling)
    for start in range(0, len(prompts), BATCH):
        rows = list(range(start, min(start + BATCH, len(prompts))))
        padded = rows + rows[:1] * (BATCH - len(rows))
        checksums = [zlib.crc32(prompts[i].encode()) for i in padded]
        keys = jnp.stack([jax.random.fold_in(root, number) for number in checksums])
        pixels = _begin(keys, size)
        state = _optimiser.init(pixels)
        step = 0
        while step < steps:
            upto = min(step + CHUNK, steps)
            target = jnp.asarray(goals[padded])
            pixels, state = _climb(
                graph, params, pixels, state, target, keys, mean, std, step, upto
            )
            progress("prototypes", start * steps + upto * len(rows), total)
            step = upto
        colours = jax.nn.sigmoid(pixels)
        drawn = np.asarray(jnp.round(colours * 255), np.uint8)
        pictures[rows] = drawn[: len(rows)].transpose(0, 2, 3, 1)
    return Prototypes(tuple(prompts), encoder.encode_images(list(pictures)), pictures)


@partial(jax.jit, static_argnames="size")
def _begin(keys: Array, size: int) -> Array:
    """Grey with faint noise: `(n, 3, H, W)` before the sigmoid."""
    noise = jax.vmap(lambda key: jax.random.normal(key, (3, size, size)))
    return 0.1 * noise(keys)


@partial(jax.jit, static_argnames="graph")
def _climb(
    graph: Any,
    params: Any,
    pixels: Array,
    state: Any,
    goals: Array,
    keys: Array,
    mean: Array,
    std: Array,
    first: Any,
    last: Any,
) -> tuple[Array, Any]:
    """Steps `first` to `last` as one compiled loop, whatever their number."""
    model = nnx.merge(graph, params)

    def loss(pixels: Array, step: Array) -> Array:
        colours = jax.nn.sigmoid(pixels)  # (n, 3, H, W)
        crop_keys = jax.vmap(lambda key: _crop_keys(key, step))(keys)  # (n, CROPS)
        crops_of = jax.vmap(_view, (0, None))
        views = jax.vmap(crops_of)(crop_keys, colours)  # (n, CROPS, 3, H, W)
        scaled = (views - mean) / std
        embeddings = model.images(scaled.reshape(-1, *pixels.shape[1:]))  # (n·CROPS, d)
        by_picture = embeddings.reshape(pixels.shape[0], CROPS, -1)
        near = jnp.einsum("ncd,nd->nc", by_picture, goals).mean(axis=1)
        across = jnp.diff(colours, axis=3)
        down = jnp.diff(colours, axis=2)
        rough_across = jnp.abs(across).mean(axis=(1, 2, 3))
        rough = rough_across + jnp.abs(down).mean(axis=(1, 2, 3))
        # a sum: every picture has a gradient of its own
        return jnp.sum(VARIATION * rough - near)

    def step(at: Array, carry: tuple[Array, Any]) -> tuple[Array, Any]:
        pixels, state = carry
        updates, state = _optimiser.update(jax.grad(loss)(pixels, at), state)
        return optax.apply_updates(pixels, updates), state

    return jax.lax.fori_loop(first, last, step, (pixels, state))


def _crop_keys(key: Array, step: Array) -> Array:
    """A key for each crop of a picture at a step."""
    return jax.random.split(jax.random.fold_in(key, step + 1), CROPS)


def _view(key: Array, shown: Array) -> Array:
    """One random crop of a picture `(3, H, W)`, scaled back to its size, jittered, with noise."""
    keys = jax.random.split(key, 4)
    _, height, width = shown.shape
    part = jax.random.uniform(keys[0], (), minval=SMALLEST, maxval=1.0)
    position = jax.random.uniform(keys[1], (2,))
    corner = position * (1 - part) * jnp.asarray([height, width])
    crop = jax.image.scale_and_translate(
        shown,
        shown.shape,
        (1, 2),
        jnp.stack([1 / part, 1 / part]),
        -corner / part,
        "linear",
        antialias=False,
    )
    bright, contrast = jax.random.uniform(keys[2], (2,), minval=-0.1, maxval=0.1)
    jittered = (crop - 0.5) * (1 + contrast) + 0.5 + bright
    return jittered + NOISE * jax.random.normal(keys[3], shown.shape)
