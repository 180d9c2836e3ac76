"""CLIP in plain JAX: parameters in one dict, named and laid out as in Hugging Face's `CLIPModel`,
so that export is a copy.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

Params = dict[str, jax.Array]


@dataclass(frozen=True)
class Tower:
    """One transformer: `layers` blocks of `width` with `heads` heads and an MLP of `4 * width`."""

    width: int
    layers: int
    heads: int


@dataclass(frozen=True)
class Shape:
    """Both towers, and the width of the joint space."""

    vision: Tower
    text: Tower
    projection: int


MINI = Shape(Tower(192, 6, 3), Tower(128, 2, 4), 128)
IMAGE_SIZE = 48
PATCH = 8
POSITIONS = 16
PATCHES = (IMAGE_SIZE // PATCH) ** 2
# of white paper with some ink; part of the shipped preprocessor
MEAN = 0.75
STD = 0.35
LOGIT_SCALE_MAX = float(np.log(100.0))


def config(vocabulary: int, bos: int, eos: int, shape: Shape = MINI) -> dict:
    """`config.json` of the model."""

    def tower(of: Tower, kind: str) -> dict:
        return {
            "model_type": kind,
            "hidden_size": of.width,
            "intermediate_size": 4 * of.width,
            "num_hidden_layers": of.layers,
            "num_attention_heads": of.heads,
            "projection_dim": shape.projection,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-5,
            "attention_dropout": 0.0,
        }

    text = {
        "vocab_size": vocabulary,
        "max_position_embeddings": POSITIONS,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": eos,
    }
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": shape.projection,
        "logit_scale_init_value": 2.6592,
        "text_config": tower(shape.text, "clip_text_model") | text,
        "vision_config": (
            tower(shape.vision, "clip_vision_model")
            | {
                "image_size": IMAGE_SIZE,
                "patch_size": PATCH,
                "num_channels": 3,
            }
        ),
    }


class _Drawn:
    """Parameters by their Hugging Face names, drawn one after the other: their order is part of
    what a seed means. Linear weights are `(out, in)`.
    """

    def __init__(self, seed: int) -> None:
        self.params: dict[str, np.ndarray] = {}
        self._random = np.random.default_rng(seed)

    def normal(self, name: str, *shape: int, scale: float) -> None:
        self.params[name] = self._random.normal(0, scale, shape).astype(np.float32)

    def norm(self, name: str, width: int) -> None:
        self.params[f"{name}.weight"] = np.ones(width, np.float32)
        self.params[f"{name}.bias"] = np.zeros(width, np.float32)

    def linear(self, name: str, out: int, into: int, scale: float) -> None:
        self.normal(f"{name}.weight", out, into, scale=scale)
        self.params[f"{name}.bias"] = np.zeros(out, np.float32)

    def blocks(self, name: str, tower: Tower) -> None:
        width = tower.width
        inner = tower.width**-0.5
        outer = inner * (2 * tower.layers) ** -0.5
        for layer in range(tower.layers):
            at = f"{name}.encoder.layers.{layer}"
            for role, scale in (
                ("q", inner),
                ("k", inner),
                ("v", inner),
                ("out", outer),
            ):
                self.linear(f"{at}.self_attn.{role}_proj", width, width, scale)
            self.linear(f"{at}.mlp.fc1", 4 * width, width, inner)
            self.linear(f"{at}.mlp.fc2", width, 4 * width, outer / 2)
            self.norm(f"{at}.layer_norm1", width)
            self.norm(f"{at}.layer_norm2", width)

    def text_tower(self, vocabulary: int, text: Tower) -> None:
        embeddings = "text_model.embeddings"
        self.normal(
            f"{embeddings}.token_embedding.weight", vocabulary, text.width, scale=0.05
        )
        self.normal(
            f"{embeddings}.position_embedding.weight", POSITIONS, text.width, scale=0.02
        )
        self.blocks("text_model", text)
        self.norm("text_model.final_layer_norm", text.width)

    def vision_tower(self, vision: Tower) -> None:
        embeddings = "vision_model.embeddings"
        width = vision.width
        scale = (3 * PATCH * PATCH) ** -0.5
        self.normal(f"{embeddings}.class_embedding", width, scale=0.02)
        self.normal(
            f"{embeddings}.patch_embedding.weight", width, 3, PATCH, PATCH, scale=scale
        )
        self.normal(
            f"{embeddings}.position_embedding.weight", PATCHES + 1, width, scale=0.02
        )
        self.norm("vision_model.pre_layrnorm", width)
        self.blocks("vision_model", vision)
        self.norm("vision_model.post_layernorm", width)


def init(vocabulary: int, seed: int, shape: Shape = MINI) -> Params:
    """Random parameters by their Hugging Face names; linear weights are `(out, in)`.

    Args:
        vocabulary: how many tokens the tokenizer has.
        seed: the same one gives the same parameters.
        shape: widths and layers of both towers, and the width of the joint space.
    """
    text = shape.text
    vision = shape.vision
    projection = shape.projection
    drawn = _Drawn(seed)
    drawn.text_tower(vocabulary, text)
    drawn.vision_tower(vision)
    drawn.normal(
        "text_projection.weight", projection, text.width, scale=text.width**-0.5
    )
    drawn.normal(
        "visual_projection.weight", projection, vision.width, scale=vision.width**-0.5
    )
    drawn.params["logit_scale"] = np.array(2.6592, np.float32)
    return {name: jnp.asarray(value) for name, value in drawn.params.items()}


@jax.custom_vjp
def _affine(x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    """`x @ weight.T + bias` over rows. XLA's CPU multiplies much faster by a transposed copy than
    by a view: hence the barriers.
    """
    return x @ jax.lax.optimization_barrier(weight.T) + bias


def _affine_backward(kept, slope):
    x, weight = kept
    return slope @ weight, jax.lax.optimization_barrier(x.T @ slope).T, slope.sum(0)


_affine.defvjp(
    lambda x, weight, bias: (_affine(x, weight, bias), (x, weight)), _affine_backward
)


def _norm(params: Params, name: str, x: jax.Array) -> jax.Array:
    centred = x - x.mean(-1, keepdims=True)
    scale = jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred * scale * params[f"{name}.weight"] + params[f"{name}.bias"]


def _linear(params: Params, name: str, x: jax.Array) -> jax.Array:
    weight = params[f"{name}.weight"]
    bias = params[f"{name}.bias"]
    rows = _affine(x.reshape(-1, x.shape[-1]), weight, bias)
    return rows.reshape(*x.shape[:-1], -1)


def _blocks(
    params: Params, name: str, tower: Tower, x: jax.Array, causal: bool
) -> jax.Array:
    batch, length, width = x.shape
    size = width // tower.heads
    mask: jax.Array | float = 0.0
    if causal:
        is_past = jnp.tril(jnp.ones((length, length), bool))
        mask = jnp.where(is_past, 0.0, -1e9)
    for layer in range(tower.layers):
        at = f"{name}.encoder.layers.{layer}"
        y = _norm(params, f"{at}.layer_norm1", x)
        projected = [_linear(params, f"{at}.self_attn.{p}_proj", y) for p in "qkv"]
        by_head = [rows.reshape(batch, length, tower.heads, size) for rows in projected]
        # [B, H, L, D]
        q, k, v = (
            jax.lax.optimization_barrier(rows.transpose(0, 2, 1, 3)) for rows in by_head
        )
        scores = jnp.einsum("bhqd,bhkd->bhqk", q, k) * size**-0.5 + mask
        y = jnp.einsum("bhqk,bhkd->bhqd", jax.nn.softmax(scores), v)
        y = jax.lax.optimization_barrier(y.transpose(0, 2, 1, 3))
        y = y.reshape(batch, length, width)
        x = x + _linear(params, f"{at}.self_attn.out_proj", y)
        y = _linear(params, f"{at}.mlp.fc1", _norm(params, f"{at}.layer_norm2", x))
        x = x + _linear(params, f"{at}.mlp.fc2", y * jax.nn.sigmoid(1.702 * y))
    return x


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.sqrt((x**2).sum(-1, keepdims=True) + 1e-12)


def encode_images(
    params: Params,
    pixels: jax.Array,
    keep: jax.Array | None = None,
    shape: Shape = MINI,
) -> jax.Array:
    """Normalised pixels `(B, 48, 48, 3)` → unit embeddings `(B, d)`; `keep` `(B, K)` are the
    patches seen (all where None).
    """
    batch = pixels.shape[0]
    side = IMAGE_SIZE // PATCH
    grid = pixels.reshape(batch, side, PATCH, side, PATCH, 3)
    patches = grid.transpose(0, 1, 3, 5, 2, 4).reshape(batch, PATCHES, -1)
    position = jnp.broadcast_to(
        params["vision_model.embeddings.position_embedding.weight"],
        (batch, PATCHES + 1, shape.vision.width),
    )
    first = params["vision_model.embeddings.class_embedding"] + position[:, :1]
    position = position[:, 1:]
    if keep is not None:
        patches, position = (
            jnp.take_along_axis(x, keep[..., None], axis=1) for x in (patches, position)
        )
    kernel = params["vision_model.embeddings.patch_embedding.weight"].reshape(
        shape.vision.width, -1
    )
    # [B, 1 + patches, D]
    x = jnp.concatenate([first, patches @ kernel.T + position], axis=1)
    x = _norm(params, "vision_model.pre_layrnorm", x)
    x = _blocks(params, "vision_model", shape.vision, x, causal=False)
    state = _norm(params, "vision_model.post_layernorm", x[:, 0])
    return _unit(state @ params["visual_projection.weight"].T)


def encode_texts(
    params: Params, ids: jax.Array, eos: int, shape: Shape = MINI
) -> jax.Array:
    """Token ids `(B, L)`, L ≤ 16, padded with `eos` → unit embeddings `(B, d)`, read at the first
    `eos`.
    """
    position = params["text_model.embeddings.position_embedding.weight"][: ids.shape[1]]
    x = params["text_model.embeddings.token_embedding.weight"][ids] + position
    x = _blocks(params, "text_model", shape.text, x, causal=True)
    last = jnp.argmax(ids == eos, axis=1)
    x = jnp.take_along_axis(x, last[:, None, None], axis=1)[:, 0]
    state = _norm(params, "text_model.final_layer_norm", x)
    return _unit(state @ params["text_projection.weight"].T)
