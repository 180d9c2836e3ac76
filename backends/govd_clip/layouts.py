"""How a checkpoint lies in its folder: which file says its shape, and which have its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Literal

Family = Literal["clip", "siglip", "open_clip"]
CONFIG: Final = "config.json"
OPEN_CONFIG: Final = "open_clip_config.json"
OPEN_WEIGHTS: Final = "open_clip_model.safetensors"
MAP: Final = "govd_edit.safetensors"
"""The linear map behind an image tower whose last layer cannot carry it."""
SPIECE: Final = "spiece.model"
"""The SentencePiece model that SigLIP's tokenizer reads."""
LARGEST_CONFIG: Final = 2**24
"""Bytes of a file at most that is parsed as JSON here: such a file makes some thirty times as much
memory of objects.
"""
MODEL_TYPES: Final[dict[str, Family]] = {"clip": "clip", "siglip": "siglip"}
"""What config.json says of models that are opened here."""
HUGGING_FACE: Final = ("model.safetensors", "model.safetensors.index.json")


def family_of(folder: Path) -> Family:
    """Whose layout a folder has. One with the weights of transformers as well as open_clip's is
    read as transformers reads it.
    """
    if is_open_clip(folder):
        return "open_clip"
    return MODEL_TYPES.get(str(model_type(folder / CONFIG)), "clip")


def is_open_clip(folder: Path) -> bool:
    """Whether a folder has open_clip's config and weights, and none that transformers loads."""
    return (
        (folder / OPEN_CONFIG).exists()
        and (folder / OPEN_WEIGHTS).exists()
        and not any((folder / name).exists() for name in HUGGING_FACE)
    )


def config_file(folder: Path) -> Path:
    """The file that says the model's shape."""
    return folder / (OPEN_CONFIG if is_open_clip(folder) else CONFIG)


def model_type(config: Path) -> object:
    """The `model_type` of a config, None where it cannot be read."""
    try:
        if not config.is_file() or config.stat().st_size > LARGEST_CONFIG:
            return None
        value = json.loads(config.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        return value.get("model_type")
    return None
