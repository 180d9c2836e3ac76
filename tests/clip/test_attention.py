"""Attention in half precision: by cuDNN where there is one, by plain products elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from govd_clip import model
from govd_clip.config import Tower

TOWER = Tower(width=64, inner=128, layers=1, heads=4, act="quick_gelu", eps=1e-5)


def both(causal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of the same drawn weights and tokens, in bfloat16 and in float32."""
    whole = model.Attention(TOWER, nnx.Rngs(0))
    graph, state = nnx.split(whole)
    tokens = jax.random.normal(jax.random.key(1), (3, 17, TOWER.width))
    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), state)
    run = jax.jit(lambda weights, x: nnx.merge(graph, weights)(x, causal))
    small, full = run(half, tokens.astype(jnp.bfloat16)), run(state, tokens)
    return np.asarray(small, np.float32), np.asarray(full)


@pytest.mark.parametrize("causal", [False, True])
def test_half_precision_is_near_single(causal: bool) -> None:
    half, single = both(causal)
    np.testing.assert_allclose(half, single, atol=0.02)


@pytest.mark.skipif(
    jax.default_backend() == "gpu", reason="a GPU is here: nothing is to be pretended"
)
@pytest.mark.parametrize("causal", [False, True])
def test_a_gpu_without_cudnn_goes_by_plain_products(
    causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = both(causal)
    asked = []

    def absent(*args: object, **options: object) -> None:
        asked.append(options["implementation"])
        raise RuntimeError("cuDNN is not detected.")

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax.nn, "dot_product_attention", absent)
    without, _ = both(causal)
    assert asked
    np.testing.assert_array_equal(without, plain)


@pytest.mark.skipif(
    jax.default_backend() != "gpu", reason="there is no GPU, and so no cuDNN"
)
def test_on_a_gpu_scores_are_not_written_to_memory() -> None:
    whole = model.Attention(TOWER, nnx.Rngs(0))
    graph, state = nnx.split(whole)
    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), state)
    tokens = jnp.ones((3, 17, TOWER.width), jnp.bfloat16)
    run = jax.jit(lambda weights, x: nnx.merge(graph, weights)(x, False))
    assert "cudnn" in run.lower(half, tokens).compile().as_text()
