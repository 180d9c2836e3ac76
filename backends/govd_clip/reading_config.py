"""What the config of a checkpoint of any family says about the model's shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from govd.errors import BadCheckpoint
from govd_clip.config import (
    Config,
    check,
    check_plain,
    counted,
    fitting,
    refused,
    square,
    tower,
    whole,
)
from govd_clip.first_import import import_transformers
from govd_clip.layouts import CONFIG, family_of
from govd_clip.open_clip import read_open_config
from govd_clip.regular import read_json
from govd_clip.siglip_config import read_siglip_config


def read_config(folder: Path) -> Config:
    """The config in `folder`, with the defaults that transformers (or open_clip) gives to what it
    leaves out.

    Raises:
        BadCheckpoint: it is of another model, or says what cannot be.
    """
    family = family_of(folder)
    if family == "open_clip":
        return read_open_config(folder)
    import_transformers()
    if family == "siglip":
        return read_siglip_config(folder)
    return _read_clip_config(folder)


def _read_clip_config(folder: Path) -> Config:
    from transformers import CLIPConfig

    path = folder / CONFIG
    raw = read_json(path)
    if raw.get("model_type") != "clip":
        raise BadCheckpoint(
            f"model_type is {raw.get('model_type')!r}, not 'clip'",
            where=str(path),
            advice="Only CLIPModel, SiglipModel and open_clip are known here.",
        )
    check_plain(raw, path)
    with refused(path):
        full: Any = CLIPConfig.from_dict(raw)
    text = full.text_config
    vision = full.vision_config
    with fitting(path):
        config = Config(
            text=tower(text),
            vision=tower(vision),
            dim=whole(full, "projection_dim"),
            vocab=whole(text, "vocab_size"),
            context=whole(text, "max_position_embeddings"),
            eos=_one(text.eos_token_id),
            channels=whole(vision, "num_channels"),
            image=square(vision.image_size),
            patch=square(vision.patch_size),
        )
    check(config, path)
    return config


def _one(token: Any) -> int:
    if isinstance(token, (list, tuple)):
        if len(token) != 1:
            raise ValueError(f"eos_token_id {token} is not one token")
        token = token[0]
    return counted(token, "eos_token_id")
