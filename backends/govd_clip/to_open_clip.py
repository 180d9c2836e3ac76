"""A CLIPModel's checkpoint written as open_clip reads it (`--format open_clip`): the same tensors
under other names, queries, keys and values as one, projections the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

from govd.errors import MachineFault, Unsupported
from govd.types import Floats, LinearEdit
from govd_clip.card import PROJECTION
from govd_clip.checkpoint import TOKENIZER, fold, sha256
from govd_clip.config import LEGACY_EOS, Config
from govd_clip.copying import copy
from govd_clip.headers import slots
from govd_clip.layouts import OPEN_CONFIG, OPEN_WEIGHTS
from govd_clip.open_clip import counterpart, stored
from govd_clip.preparation import Preparation, Processor
from govd_clip.weights import places, tensors

STANDARD: Final = 49408
"""Tokens of the vocabulary that CLIP was trained with, and that open_clip brings."""
FILTERS: Final = {2: "bilinear", 3: "bicubic"}
"""Pillow's resampling as open_clip calls it."""


def write_open_clip(
    folder: Path,
    files: Mapping[str, str],
    edit: LinearEdit,
    out: Path,
    config: Config,
    preparation: Preparation,
) -> dict[str, str]:
    """The checkpoint in `folder` with the edit, into `out`, for open_clip; file names with their
    SHA-256.

    Args:
        folder: of the CLIPModel.
        files: its registered files with their SHA-256; no others are read.
        edit: of either side.
        out: an empty folder.
        config: of the model.
        preparation: of its pictures.

    Raises:
        Unsupported: open_clip has no such architecture, or the edit is not of this model.
        BadCheckpoint: a file is not the one that was registered. MachineFault: `out` cannot be
        written.
    """
    description = counterpart(config, _preprocessing(preparation, config))
    _check_end(config)
    if config.vocab != STANDARD:
        description["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = (
            "."  # the files beside it
        )
    renamed = _renamed(_read(folder, files, config), edit, config)
    try:
        save_file(renamed, out / OPEN_WEIGHTS, metadata={"format": "pt"})
        text = json.dumps(description, indent=2, sort_keys=True) + "\n"
        (out / OPEN_CONFIG).write_text(text, encoding="utf-8")
        written = {
            file: copy(folder, file, digest, out / file)
            for file, digest in files.items()
            if file in TOKENIZER
        }
    except OSError as error:
        reason = f"cannot be written ({error.strerror or error})"
        raise MachineFault(
            reason, where=str(out), advice="Make room, or choose another folder."
        ) from error
    return written | {name: sha256(out / name) for name in (OPEN_WEIGHTS, OPEN_CONFIG)}


def _read(folder: Path, files: Mapping[str, str], config: Config) -> dict[str, Floats]:
    """Every tensor of the registered files, as stored."""
    stored_slots = slots(folder)
    names = {place.name for place in places(config, stored_slots.keys())}
    read: dict[str, Floats] = {}
    for file in sorted({stored_slots[name].path.name for name in names}):
        stored_names = {
            name: stored_slots[name]
            for name in names
            if stored_slots[name].path.name == file
        }
        for name, value in tensors(folder, file, files.get(file, ""), stored_names):
            read[name] = value
    return read


def _renamed(
    read: Mapping[str, Floats], edit: LinearEdit, config: Config
) -> dict[str, Floats]:
    """The tensors as open_clip names and shapes them, the edited one among them."""
    whole: dict[str, Floats] = {}
    parts: dict[str, dict[int, Floats]] = {}
    for name, value in read.items():
        place = stored(name, ())
        if name == PROJECTION[edit.side] and np.asarray(edit.L).size:
            wide = np.float32 if value.dtype.itemsize < 4 else value.dtype
            value = fold(value, edit).astype(wide)
        if place.third is not None:
            parts.setdefault(place.name, {})[place.third] = value
        else:
            is_projection = name in PROJECTION.values()
            whole[place.name] = (
                np.ascontiguousarray(value.T) if is_projection else value
            )
    joined = {
        name: np.concatenate([of[i] for i in range(3)]) for name, of in parts.items()
    }
    return whole | joined


def _check_end(config: Config) -> None:
    """That a text ends with its highest token, where open_clip reads it."""
    if config.eos not in (LEGACY_EOS, config.vocab - 1):
        reason = f"open_clip reads a text at its highest token, this model at token {config.eos}"
        raise Unsupported(reason, advice="Export it for transformers: --format hf.")


def _preprocessing(preparation: Preparation, config: Config) -> dict[str, Any]:
    """`preprocess_cfg` of a CLIPModel.

    Raises:
        Unsupported: it prepares pictures in a way that open_clip cannot.
    """
    resizing = preparation.resizing() if isinstance(preparation, Processor) else None
    if (
        resizing is None
        or resizing.side != config.image
        or resizing.filter not in FILTERS
    ):
        reason = (
            "open_clip cannot prepare pictures as this model's image processor does"
        )
        raise Unsupported(reason, advice="Export it for transformers: --format hf.")
    mean, deviation = preparation.scaling()
    return {
        "size": [config.image, config.image],
        "mode": "RGB",
        "mean": [float(value) for value in mean],
        "std": [float(value) for value in deviation],
        "interpolation": FILTERS[resizing.filter],
        "resize_mode": resizing.mode,
    }
