"""A model in half precision: what works on every token is rounded, and what makes an embedding of
the last state stays float32, so that vectors keep their lengths and their last digits.
"""

from __future__ import annotations

from typing import Any, Final

import jax.numpy as jnp
from flax import nnx

from govd.types import SINGLE, Precision
from govd_clip.siglip import Siglip
from govd_clip.weights import Towers

TEXT_END: Final = (("text_model", "final_layer_norm"), ("text_model", "head"))
CLIP_END: Final = (
    *TEXT_END,
    ("text_projection",),
    ("visual_projection",),
    ("vision_model", "post_layernorm"),
)
"""Where parameters lie that see one row of each text or picture."""
SIGLIP_END: Final = (
    *TEXT_END,
    ("vision_model", "head", "layernorm"),
    ("vision_model", "head", "mlp"),
)
"""The same of SigLIP, whose last norm of the image tower sees every patch."""


def rounded(model: Towers, precision: Precision) -> Towers:
    """The model with its weights in another precision; itself in float32."""
    if precision == SINGLE:
        return model
    kind = jnp.dtype(precision)
    end = SIGLIP_END if isinstance(model, Siglip) else CLIP_END
    graph, state = nnx.split(model)
    parameters = {
        path: parameter
        if _begins(path, end)
        else parameter.replace(parameter[...].astype(kind))
        for path, parameter in nnx.to_flat_state(state)
    }
    made: Towers = nnx.merge(graph, nnx.from_flat_state(parameters))
    return made


def _begins(path: tuple[Any, ...], places: tuple[tuple[str, ...], ...]) -> bool:
    return any(path[: len(place)] == place for place in places)
