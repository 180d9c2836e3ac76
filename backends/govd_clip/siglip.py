"""SigLIP in Flax NNX (arXiv 2303.15343; SigLIP 2 of fixed size, arXiv 2502.14786, is the same).
Attributes are named as in Hugging Face's SiglipModel, so that a weight's name is its path here.

A picture ends in attention pooling and an MLP with a residual, without a plain projection: nothing
there can carry a linear map, so an edit of that side is a map of its own behind the tower. A text
ends in a linear head, which carries it exactly, its bias included.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from govd_clip.config import Config
from govd_clip.model import (
    Encoder,
    Mlp,
    TextEmbeddings,
    in_kind,
    norm,
    shares,
    unit,
)


class PatchEmbeddings(nnx.Module):
    """Patches and their places; there is no class token."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        width = config.vision.width
        size = (config.patch, config.patch)
        self.patch_embedding = nnx.Conv(
            config.channels, width, size, strides=size, padding="VALID", rngs=rngs
        )
        self.position_embedding = nnx.Embed(config.patches, width, rngs=rngs)

    def __call__(self, pixels: Array) -> Array:
        patches = self.patch_embedding(in_kind(self.patch_embedding, pixels))
        rows = patches.reshape(pixels.shape[0], -1, patches.shape[-1])
        out: Array = rows + self.position_embedding.embedding[...]
        return out  # (n, s, w)


class Projections(nnx.Module):
    """torch's MultiheadAttention with queries, keys and values in one matrix, asked by one learned
    query.
    """

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        width = config.vision.width
        self.heads = config.vision.heads
        self.in_proj_weight = nnx.Param(jnp.zeros((3 * width, width)))
        self.in_proj_bias = nnx.Param(jnp.zeros(3 * width))
        self.out_proj = nnx.Linear(width, width, rngs=rngs)

    def __call__(self, query: Array, x: Array) -> Array:
        n, s, w = x.shape
        wq, wk, wv = jnp.split(self.in_proj_weight[...], 3)
        bq, bk, bv = jnp.split(self.in_proj_bias[...], 3)
        size = w // self.heads
        q = (query @ wq.T + bq).reshape(self.heads, size) * size**-0.5  # (h, w/h)
        k = (x @ wk.T + bk).reshape(n, s, self.heads, size)
        v = (x @ wv.T + bv).reshape(n, s, self.heads, size)
        mixed = shares(jnp.einsum("he,nshe->nhs", q, k))
        values = jnp.einsum("nhs,nshe->nhe", mixed, v).reshape(n, w)
        out: Array = self.out_proj(values)
        return out  # (n, w)


class PoolingHead(nnx.Module):
    """A picture's patches to one state, by attention; an MLP with a residual."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.probe = nnx.Param(jnp.zeros((1, 1, config.vision.width)))
        self.attention = Projections(config, rngs)
        self.layernorm = norm(config.vision, rngs)
        self.mlp = Mlp(config.vision, rngs)

    def __call__(self, x: Array) -> Array:
        pooled = self.attention(self.probe[0, 0], x)
        out: Array = pooled + self.mlp(self.layernorm(pooled))
        return out  # (n, w)


class SiglipText(nnx.Module):
    """Text, padded to the whole context, to the state at its last place, through a linear head."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.embeddings = TextEmbeddings(config, rngs)
        self.encoder = Encoder(config.text, rngs)
        self.final_layer_norm = norm(config.text, rngs)
        self.head = nnx.Linear(config.text.width, config.dim, rngs=rngs)

    def __call__(self, ids: Array) -> Array:
        last = jnp.full(ids.shape[0], ids.shape[1] - 1)
        state = self.encoder(self.embeddings(ids), last, causal=False)
        out: Array = self.head(self.final_layer_norm(state))
        return out  # (n, d)


class SiglipVision(nnx.Module):
    """A picture to its embedding."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.embeddings = PatchEmbeddings(config, rngs)
        self.encoder = Encoder(config.vision, rngs)
        self.post_layernorm = norm(config.vision, rngs)
        self.head = PoolingHead(config, rngs)

    def __call__(self, pixels: Array) -> Array:
        states = self.encoder.all(self.embeddings(pixels))
        out: Array = self.head(self.post_layernorm(states))
        return out  # (n, w)


class Siglip(nnx.Module):
    """Both towers. The bias of the sigmoid loss is kept, and changes no ranking."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.text_model = SiglipText(config, rngs)
        self.vision_model = SiglipVision(config, rngs)
        self.logit_scale = nnx.Param(jnp.zeros(1))
        self.logit_bias = nnx.Param(jnp.zeros(1))

    def texts(self, ids: Array) -> Array:
        """Unit embeddings `(n, d)` of token ids `(n, t)`, each row padded to the whole context."""
        with jax.default_matmul_precision("highest"):
            return unit(self.text_model(ids))

    def images(self, pixels: Array) -> Array:
        """Unit embeddings `(n, d)` of normalised pixels `(n, 3, H, W)`."""
        with jax.default_matmul_precision("highest"):
            return unit(self.vision_model(pixels))
