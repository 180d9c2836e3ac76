"""Checkpoints of open_clip (github.com/mlfoundations/open_clip): what their config says, and under
which names their tensors lie.

Only the plain CLIP that open_clip and CLIPModel both have: a vision transformer that is read at its
class token, a causal text transformer that is read at its highest token, a linear projection each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govd.errors import BadCheckpoint, Unsupported
from govd_clip.config import LEGACY_EOS, Config, Tower, check, fitting
from govd_clip.layouts import OPEN_CONFIG
from govd_clip.regular import read_json

VISION: Final = (
    *("layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size"),
    *("patch_dropout", "norm_kwargs"),
)
TEXT: Final = (
    *(
        "context_length",
        "vocab_size",
        "width",
        "heads",
        "layers",
        "mlp_ratio",
        "norm_kwargs",
    ),
    *("hf_tokenizer_name", "tokenizer_kwargs"),
)
"""Settings of each tower that are read here, or change no embedding."""
PLAIN: Final[Mapping[str, Any]] = {
    "pool_type": ("tok", "argmax"),
    "proj_type": ("linear",),
    "text_arch": ("clip",),
    "pos_embed_type": ("learnable",),
    "pad_id": (0,),
    "timm_model_pretrained": (False,),
    "hf_model_pretrained": (True, False),
    "timm_pool": ("avg",),
    "timm_proj": ("linear",),
}
"""Other settings that may be given where they say what is so without them."""
NAMES: Final = (
    (
        r"^text_model\.embeddings\.token_embedding\.weight$",
        r"{text}token_embedding.weight",
    ),
    (
        r"^text_model\.embeddings\.position_embedding\.weight$",
        r"{text}positional_embedding",
    ),
    (r"^text_model\.final_layer_norm\.", r"{text}ln_final."),
    (r"^text_projection\.weight$", r"{text}text_projection"),
    (r"^vision_model\.embeddings\.class_embedding$", r"visual.class_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.weight$", r"visual.conv1.weight"),
    (
        r"^vision_model\.embeddings\.position_embedding\.weight$",
        r"visual.positional_embedding",
    ),
    (r"^vision_model\.pre_layrnorm\.", r"visual.ln_pre."),
    (r"^vision_model\.post_layernorm\.", r"visual.ln_post."),
    (r"^visual_projection\.weight$", r"visual.proj"),
    (r"^text_model\.encoder\.layers\.", r"{text}transformer.resblocks."),
    (r"^vision_model\.encoder\.layers\.", r"visual.transformer.resblocks."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", r".mlp.c_fc."),
    (r"\.mlp\.fc2\.", r".mlp.c_proj."),
    (r"\.self_attn\.out_proj\.", r".attn.out_proj."),
    (r"\.self_attn\.[qkv]_proj\.(weight|bias)$", r".attn.in_proj_\1"),
)
THIRDS: Final = ("q_proj", "k_proj", "v_proj")
CUSTOM: Final = "text."
"""What stands before the names of the text tower in models that keep it apart (`custom_text`)."""


@dataclass(frozen=True)
class Stored:
    """Where a tensor of CLIPModel lies in open_clip's file: its name there, and which third of it
    (0 to 2) where queries, keys and values are one; None: all of it.
    """

    name: str
    third: int | None = None


def stored(name: str, names: Collection[str]) -> Stored:
    """Where a tensor of CLIPModel lies.

    Args:
        name: as CLIPModel calls it.
        names: of the tensors in the file.
    """
    text = CUSTOM if f"{CUSTOM}token_embedding.weight" in names else ""
    new = name
    for pattern, replacement in NAMES:
        new = re.sub(pattern, replacement.replace("{text}", text), new)
    third = next((at for at, part in enumerate(THIRDS) if f".{part}." in name), None)
    return Stored(new, third)


def read_open_config(folder: Path) -> Config:
    """What `open_clip_config.json` says of the model's shape.

    Raises:
        BadCheckpoint: it is of another architecture, or says what cannot be.
    """
    path = folder / OPEN_CONFIG
    settings, vision, text = _settings(path)
    _check_plain(vision, VISION, path)
    _check_plain(text, TEXT, path)
    act = "quick_gelu" if settings.get("quick_gelu") else "gelu"
    with fitting(path):
        width = int(vision.get("width", 768))
        heads = width // int(vision.get("head_width", 64))
        config = Config(
            text=_tower(
                text, int(text.get("width", 512)), int(text.get("heads", 8)), act
            ),
            vision=_tower(vision, width, heads, act),
            dim=int(settings["embed_dim"]),
            vocab=int(text.get("vocab_size", 49408)),
            context=int(text.get("context_length", 77)),
            eos=LEGACY_EOS,
            channels=3,
            image=_side(vision.get("image_size", 224)),
            patch=_side(vision.get("patch_size", 16)),
            family="open_clip",
        )
    check(config, path)
    return config


def _settings(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The settings of a model, and of its image and text towers.

    Raises:
        BadCheckpoint: some are missing.
    """
    settings = read_json(path).get("model_cfg")
    if not isinstance(settings, dict):
        raise BadCheckpoint(
            "has no model_cfg",
            where=str(path),
            advice="Copy it from the original checkpoint.",
        )
    vision = settings.get("vision_cfg")
    text = settings.get("text_cfg")
    if not isinstance(vision, dict) or not isinstance(text, dict):
        raise BadCheckpoint(
            "has no vision_cfg or no text_cfg",
            where=str(path),
            advice="Copy it from the original checkpoint.",
        )
    return settings, vision, text


def _tower(settings: Mapping[str, Any], width: int, heads: int, act: str) -> Tower:
    eps = float((settings.get("norm_kwargs") or {}).get("eps", 1e-5))
    inner = int(width * float(settings.get("mlp_ratio", 4.0)))
    return Tower(width, inner, int(settings.get("layers", 12)), heads, act, eps)


def _side(size: Any) -> int:
    if isinstance(size, list):
        if len(set(size)) != 1:
            raise ValueError(f"size {size} is not square")
        size = size[0]
    return int(size)


def _check_plain(
    settings: Mapping[str, Any], known: Collection[str], path: Path
) -> None:
    """That a tower is of the plain architecture.

    Raises:
        BadCheckpoint: a setting makes it another one; it is named.
    """
    other = [
        name
        for name, value in settings.items()
        if name not in known
        and value not in (None, False, {})
        and value not in PLAIN.get(name, ())
    ]
    if isinstance(settings.get("layers"), list):
        other.insert(0, "layers")
    if other:
        advice = (
            "Known are plain vision transformers beside plain text transformers; compute the"
            " vectors with open_clip and register them: a .npz of vectors."
        )
        reason = f"{other[0]} is {str(settings[other[0]])[:60]!r}: another architecture"
        raise BadCheckpoint(reason, where=str(path), advice=advice)


def counterpart(config: Config, preparation: Mapping[str, Any]) -> dict[str, Any]:
    """The `open_clip_config.json` of a CLIPModel.

    Args:
        config: of the CLIPModel.
        preparation: what open_clip calls `preprocess_cfg`.

    Raises:
        Unsupported: open_clip has no such architecture.
    """
    text = config.text
    vision = config.vision
    faults = []
    if text.act != vision.act or text.act not in ("quick_gelu", "gelu"):
        faults.append(f"activations {text.act} and {vision.act}")
    if config.image % config.patch:
        faults.append(f"patches of {config.patch} in pictures of {config.image}")
    if faults:
        advice = "Export it for transformers: --format hf."
        raise Unsupported(f"open_clip has no {'; no '.join(faults)}", advice=advice)
    model: dict[str, Any] = {
        "embed_dim": config.dim,
        "quick_gelu": text.act == "quick_gelu",
        "vision_cfg": {
            "image_size": config.image,
            "layers": vision.layers,
            "width": vision.width,
            "head_width": vision.width // vision.heads,
            "mlp_ratio": vision.inner / vision.width,
            "patch_size": config.patch,
            "norm_kwargs": {"eps": vision.eps},
        },
        "text_cfg": {
            "context_length": config.context,
            "vocab_size": config.vocab,
            "width": text.width,
            "heads": text.heads,
            "layers": text.layers,
            "mlp_ratio": text.inner / text.width,
            "norm_kwargs": {"eps": text.eps},
        },
    }
    return {"model_cfg": model, "preprocess_cfg": dict(preparation)}
