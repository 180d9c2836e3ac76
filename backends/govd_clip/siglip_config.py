"""What the config of a SiglipModel says about the model's shape."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from govd.errors import BadCheckpoint
from govd_clip.config import (
    Config,
    check,
    check_plain,
    fitting,
    refused,
    square,
    tower,
    whole,
)
from govd_clip.layouts import CONFIG
from govd_clip.regular import read_json


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Transformers warns of token ids that its own defaults for SigLIP have, and that no model of
    it reads.
    """
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def read_siglip_config(folder: Path) -> Config:
    """What `config.json` of a SiglipModel says of its shape.

    Raises:
        BadCheckpoint: transformers refuses it, or it says what cannot be.
    """
    from transformers import SiglipConfig

    path = folder / CONFIG
    raw = read_json(path)
    check_plain(raw, path)
    with refused(path), _quiet():
        full: Any = SiglipConfig.from_dict(raw)
    text = full.text_config
    vision = full.vision_config
    with fitting(path):
        config = Config(
            text=tower(text),
            vision=tower(vision),
            dim=whole(text, "projection_size"),
            vocab=whole(text, "vocab_size"),
            context=whole(text, "max_position_embeddings"),
            eos=0,
            channels=whole(vision, "num_channels"),
            image=square(vision.image_size),
            patch=square(vision.patch_size),
            family="siglip",
        )
    check(config, path)
    if not vision.vision_use_head or config.dim != config.vision.width:
        reason = "its towers do not end in one space: vision_use_head is off, or the widths differ"
        raise BadCheckpoint(
            reason,
            where=str(path),
            advice="Only whole SiglipModels can be compared with texts.",
        )
    return config
