"""Tiny checkpoints with random weights of the families beside CLIPModel: SigLIP, open_clip."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.clip.conftest import tokenizer


def siglip_config() -> dict[str, Any]:
    """A config.json of two layers a tower, with the joint space as wide as the pictures' tower."""
    shared = {
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6,
    }
    text = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "vocab_size": 512,
        "max_position_embeddings": 12,
        "projection_size": 12,
        "bos_token_id": 510,
        "eos_token_id": 511,
        "pad_token_id": 511,
    }
    vision = {
        "hidden_size": 12,
        "intermediate_size": 24,
        "image_size": 16,
        "patch_size": 8,
    }
    sides = {"text_config": text | shared, "vision_config": vision | shared}
    return {"model_type": "siglip", "architectures": ["SiglipModel"], **sides}


def siglip_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors of a SiglipModel, as transformers names them."""
    text, vision = config["text_config"], config["vision_config"]
    shapes: dict[str, tuple[int, ...]] = {"logit_scale": (1,), "logit_bias": (1,)}

    def linear(name: str, rows: int, columns: int) -> None:
        shapes.update({f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)})

    for side, tower in (("text_model", text), ("vision_model", vision)):
        w, inner = tower["hidden_size"], tower["intermediate_size"]
        for i in range(tower["num_hidden_layers"]):
            layer = f"{side}.encoder.layers.{i}"
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                linear(f"{layer}.self_attn.{name}", w, w)
            linear(f"{layer}.mlp.fc1", inner, w)
            linear(f"{layer}.mlp.fc2", w, inner)
            for name in ("layer_norm1", "layer_norm2"):
                shapes |= {
                    f"{layer}.{name}.{kind}": (w,) for kind in ("weight", "bias")
                }
    t, v, patch = text["hidden_size"], vision["hidden_size"], vision["patch_size"]
    embeddings = "vision_model.embeddings"
    shapes["text_model.embeddings.token_embedding.weight"] = (text["vocab_size"], t)
    shapes["text_model.embeddings.position_embedding.weight"] = (
        text["max_position_embeddings"],
        t,
    )
    shapes[f"{embeddings}.patch_embedding.weight"] = (v, 3, patch, patch)
    shapes[f"{embeddings}.patch_embedding.bias"] = (v,)
    shapes[f"{embeddings}.position_embedding.weight"] = (
        (vision["image_size"] // patch) ** 2,
        v,
    )
    head = "vision_model.head"
    shapes |= {
        f"{head}.probe": (1, 1, v),
        f"{head}.attention.in_proj_weight": (3 * v, v),
    }
    shapes[f"{head}.attention.in_proj_bias"] = (3 * v,)
    linear(f"{head}.attention.out_proj", v, v)
    linear(f"{head}.mlp.fc1", vision["intermediate_size"], v)
    linear(f"{head}.mlp.fc2", v, vision["intermediate_size"])
    linear("text_model.head", text["projection_size"], t)
    for name, w in (
        ("text_model.final_layer_norm", t),
        ("vision_model.post_layernorm", v),
        (f"{head}.layernorm", v),
    ):
        shapes |= {f"{name}.{kind}": (w,) for kind in ("weight", "bias")}
    return shapes


def siglip(folder: Path, dtype: Any = np.float32) -> Path:
    """A SiglipModel's folder."""
    said, draw = siglip_config(), np.random.default_rng(5)
    weights = {
        name: (0.3 * draw.standard_normal(shape)).astype(dtype)
        for name, shape in siglip_shapes(said).items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(said))
    pictures = {"size": {"height": 16, "width": 16}, "resample": 3}
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "SiglipImageProcessor", **pictures})
    )
    tokenizer(folder)
    return folder
