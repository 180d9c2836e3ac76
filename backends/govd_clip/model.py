"""CLIP in Flax NNX. Attributes are named as in Hugging Face's CLIPModel, so that a weight's name is
its path here.

Shapes: n a batch, t tokens, s patches + 1, w a tower's width, h heads, d the joint space.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from govd_clip.config import LEGACY_EOS, Config, Tower

ACT: dict[str, Callable[[Array], Array]] = {
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_new": lambda x: jax.nn.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: jax.nn.gelu(x, approximate=True),
}


def laid_out(x: Array) -> Array:
    """The same array `(B, L, D)`, on a CPU written out in this order: it otherwise multiplies by
    strided views, more than a tenth slower in all.
    """
    out: Array = jax.lax.platform_dependent(
        x, cpu=jax.lax.optimization_barrier, default=lambda x: x
    )
    return out


def shares(scores: Array) -> Array:
    """The softmax over the last axis of scores `(n, h, t)` or `(n, h, t, t)`, in float32 at least:
    a sum of many small numbers.
    """
    wide = scores.astype(jnp.promote_types(scores.dtype, jnp.float32))
    return jax.nn.softmax(wide, axis=-1).astype(scores.dtype)


def in_kind(patches: nnx.Conv, pixels: Array) -> Array:
    """Pictures `(n, 3, H, W)` as `(n, H, W, 3)`, as precise as the weights that they meet."""
    return pixels.transpose(0, 2, 3, 1).astype(patches.kernel[...].dtype)


class Attention(nnx.Module):
    """Multi-head self-attention, causal where asked."""

    def __init__(self, tower: Tower, rngs: nnx.Rngs) -> None:
        self.heads = tower.heads
        self.q_proj = nnx.Linear(tower.width, tower.width, rngs=rngs)
        self.k_proj = nnx.Linear(tower.width, tower.width, rngs=rngs)
        self.v_proj = nnx.Linear(tower.width, tower.width, rngs=rngs)
        self.out_proj = nnx.Linear(tower.width, tower.width, rngs=rngs)

    def __call__(self, x: Array, causal: bool) -> Array:
        if (fused := self._fused(x, causal)) is not None:
            return fused
        n, t, w = x.shape
        size = w // self.heads
        q = self._split(self.q_proj, x)  # (n, h, t, w/h)
        k = self._split(self.k_proj, x)
        v = self._split(self.v_proj, x)
        scores = jnp.einsum("nhqe,nhke->nhqk", q * size**-0.5, k)  # (n, h, t, t)
        if causal:
            is_past = jnp.tril(jnp.ones((t, t), bool))
            scores = jnp.where(is_past, scores, jnp.finfo(scores.dtype).min)
        mixed = jnp.einsum("nhqk,nhke->nhqe", shares(scores), v)  # (n, h, t, w/h)
        rows = laid_out(mixed.transpose(0, 2, 1, 3)).reshape(n * t, w)
        out: Array = self.out_proj(rows)
        return out.reshape(n, t, w)

    def _fused(self, x: Array, causal: bool) -> Array | None:
        """What `__call__` gives by cuDNN's attention, which writes no scores `(n, h, t, t)` to
        memory: a third more pictures a second on an H200. For weights that were cast to half
        precision; None without a GPU, or where cuDNN or this width of a head is not to be had,
        which JAX tells by these errors alone.
        """
        if x.dtype.itemsize != 2 or jax.default_backend() != "gpu":
            return None
        n, t, w = x.shape
        q, k, v = (
            projection(x.reshape(n * t, w)).reshape(n, t, self.heads, w // self.heads)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        attend = partial(jax.nn.dot_product_attention, is_causal=causal)
        try:
            mixed = jax.lax.platform_dependent(
                q,
                k,
                v,
                cuda=partial(attend, implementation="cudnn"),
                default=partial(attend, implementation="xla"),
            )  # (n, t, h, w/h)
        except (RuntimeError, NotImplementedError):
            return None
        out: Array = self.out_proj(mixed.reshape(n * t, w))
        return out.reshape(n, t, w)

    def _split(self, projection: nnx.Linear, x: Array) -> Array:
        """A projection of every token, by heads: `(n, t, w)` to `(n, h, t, w/h)`."""
        n, t, w = x.shape
        rows: Array = projection(x.reshape(n * t, w))
        by_head = rows.reshape(n, t, self.heads, w // self.heads)
        return laid_out(by_head.transpose(0, 2, 1, 3))

    def at(self, x: Array, place: Array, causal: bool) -> Array:
        """What `__call__` gives at one place `(n,)` of each row: every token is looked at, one only
        looks.
        """
        n, t, w = x.shape
        size = w // self.heads
        k = self._split(self.k_proj, x)
        v = self._split(self.v_proj, x)
        query: Array = self.q_proj(x[jnp.arange(n), place])
        q = query.reshape(n, self.heads, size) * size**-0.5  # (n, h, w/h)
        scores = jnp.einsum("nhe,nhke->nhk", q, k)  # (n, h, t)
        if causal:
            is_past = jnp.arange(t) <= place[:, None, None]
            scores = jnp.where(is_past, scores, jnp.finfo(scores.dtype).min)
        mixed = jnp.einsum("nhk,nhke->nhe", shares(scores), v)  # (n, h, w/h)
        out: Array = self.out_proj(mixed.reshape(n, w))
        return out  # (n, w)


class Mlp(nnx.Module):
    """Two linear maps with an activation between."""

    def __init__(self, tower: Tower, rngs: nnx.Rngs) -> None:
        self.act = tower.act
        self.fc1 = nnx.Linear(tower.width, tower.inner, rngs=rngs)
        self.fc2 = nnx.Linear(tower.inner, tower.width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        inner: Array = self.fc1(x.reshape(-1, x.shape[-1]))  # (n·t, inner)
        out: Array = self.fc2(ACT[self.act](inner))  # (n·t, w)
        return out.reshape(x.shape)


class Layer(nnx.Module):
    """One pre-norm transformer block."""

    def __init__(self, tower: Tower, rngs: nnx.Rngs) -> None:
        self.layer_norm1 = norm(tower, rngs)
        self.self_attn = Attention(tower, rngs)
        self.layer_norm2 = norm(tower, rngs)
        self.mlp = Mlp(tower, rngs)

    def __call__(self, x: Array, causal: bool) -> Array:
        x = x + self.self_attn(self.layer_norm1(x), causal)
        return x + self.mlp(self.layer_norm2(x))

    def at(self, x: Array, place: Array, causal: bool) -> Array:
        """What `__call__` gives at one place `(n,)` of each row: `(n, w)`."""
        before = x[jnp.arange(x.shape[0]), place]
        here = before + self.self_attn.at(self.layer_norm1(x), place, causal)
        return here + self.mlp(self.layer_norm2(here))


class Encoder(nnx.Module):
    """The stack of blocks, and of its last one only the place `(n,)` that the model reads: most of
    that block need not be computed.
    """

    def __init__(self, tower: Tower, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([Layer(tower, rngs) for _ in range(tower.layers)])

    def __call__(self, x: Array, place: Array, causal: bool) -> Array:
        *first, last = self.layers
        for layer in first:
            x = layer(x, causal)
        out: Array = last.at(x, place, causal)
        return out  # (n, w)

    def all(self, x: Array) -> Array:
        """Every place `(n, t, w)`, where the model reads them all."""
        for layer in self.layers:
            x = layer(x, causal=False)
        return x


class TextEmbeddings(nnx.Module):
    """Tokens and their places."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.token_embedding = nnx.Embed(config.vocab, config.text.width, rngs=rngs)
        self.position_embedding = nnx.Embed(
            config.context, config.text.width, rngs=rngs
        )

    def __call__(self, ids: Array) -> Array:
        tokens = self.token_embedding.embedding[...]
        places = self.position_embedding.embedding[...]
        out: Array = tokens[ids] + places[: ids.shape[1]]
        return out  # (n, t, w), as precise as the weights are


class VisionEmbeddings(nnx.Module):
    """Patches and their places, the class token first."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        width = config.vision.width
        size = (config.patch, config.patch)
        self.class_embedding = nnx.Param(jnp.zeros(width))
        self.patch_embedding = nnx.Conv(
            config.channels,
            width,
            size,
            strides=size,
            padding="VALID",
            use_bias=False,
            rngs=rngs,
        )
        self.position_embedding = nnx.Embed(config.patches + 1, width, rngs=rngs)

    def __call__(self, pixels: Array) -> Array:
        n = pixels.shape[0]
        width = self.class_embedding.shape[0]
        grid = self.patch_embedding(in_kind(self.patch_embedding, pixels))
        patches = grid.reshape(n, -1, width)  # (n, s-1, w)
        first = jnp.broadcast_to(self.class_embedding[...], (n, 1, width))
        rows = jnp.concatenate([first, patches], axis=1)
        out: Array = rows + self.position_embedding.embedding[...]
        return out  # (n, s, w)


class TextTower(nnx.Module):
    """Text to the state at its end-of-text token. Padding follows that token, so the causal mask
    alone hides it.
    """

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.eos = config.eos
        self.embeddings = TextEmbeddings(config, rngs)
        self.encoder = Encoder(config.text, rngs)
        self.final_layer_norm = norm(config.text, rngs)

    def __call__(self, ids: Array) -> Array:
        marks = ids if self.eos == LEGACY_EOS else ids == self.eos
        end = jnp.argmax(marks, axis=-1)  # (n,), the first of equals
        state = self.encoder(self.embeddings(ids), end, causal=True)
        out: Array = self.final_layer_norm(state)
        return out  # (n, w)


class VisionTower(nnx.Module):
    """A picture to the state of its class token."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.embeddings = VisionEmbeddings(config, rngs)
        self.pre_layrnorm = norm(config.vision, rngs)  # spelled so in every checkpoint
        self.encoder = Encoder(config.vision, rngs)
        self.post_layernorm = norm(config.vision, rngs)

    def __call__(self, pixels: Array) -> Array:
        first = jnp.zeros(pixels.shape[0], int)
        rows = self.pre_layrnorm(self.embeddings(pixels))
        state = self.encoder(rows, first, causal=False)
        out: Array = self.post_layernorm(state)
        return out  # (n, w)


class Clip(nnx.Module):
    """Both towers and their projections into the joint space."""

    def __init__(self, config: Config, rngs: nnx.Rngs) -> None:
        self.text_model = TextTower(config, rngs)
        self.vision_model = VisionTower(config, rngs)
        self.text_projection = nnx.Linear(
            config.text.width, config.dim, use_bias=False, rngs=rngs
        )
        self.visual_projection = nnx.Linear(
            config.vision.width, config.dim, use_bias=False, rngs=rngs
        )
        self.logit_scale = nnx.Param(jnp.zeros(()))

    def texts(self, ids: Array) -> Array:
        """Unit embeddings `(n, d)` of token ids `(n, t)`."""
        with jax.default_matmul_precision("highest"):
            return unit(self.text_projection(self.text_model(ids)))

    def images(self, pixels: Array) -> Array:
        """Unit embeddings `(n, d)` of normalised pixels `(n, 3, H, W)`."""
        with jax.default_matmul_precision("highest"):
            return unit(self.visual_projection(self.vision_model(pixels)))


def unit(x: Array) -> Array:
    """Rows `(B, d)` of length one, in float32 where they are less."""
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    squared = jnp.sum(x * x, axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(squared, 1e-24))


def norm(tower: Tower, rngs: nnx.Rngs) -> nnx.LayerNorm:
    """A tower's normalisation of rows `(n, w)`."""
    return nnx.LayerNorm(
        tower.width, epsilon=tower.eps, use_fast_variance=False, rngs=rngs
    )
