"""An edit folded into a checkpoint: only one projection changes, every other byte stays as it was.

On pictures z' = z - B(Lᵀz), and z = W x, so W' = W - B(LᵀW). On texts t' = t - L(Bᵀt), so W_t' =
W_t - L(BᵀW_t). Scaling to unit length comes afterwards in both and is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from govd.errors import BadCheckpoint, MachineFault, Unsupported
from govd.types import Floats, LinearEdit
from govd_clip.card import PROJECTION
from govd_clip.config import Config
from govd_clip.copying import Change, copy, copy_edited
from govd_clip.families import MERGE
from govd_clip.headers import INDEX, SINGLE, header, weight_files
from govd_clip.layouts import (
    CONFIG,
    LARGEST_CONFIG,
    MAP,
    OPEN_CONFIG,
    OPEN_WEIGHTS,
    SPIECE,
    Family,
    config_file,
    is_open_clip,
)
from govd_clip.linear_map import write_map
from govd_clip.open_clip import stored
from govd_clip.registered import inside, read
from govd_clip.regular import LARGEST_JSON, check_regular, check_unmarked

TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    SPIECE,
)
PICTURES = ("preprocessor_config.json", "processor_config.json")
SETTINGS = (
    CONFIG,
    OPEN_CONFIG,
    INDEX,
    *PICTURES,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""Files that say how to read others, and are small."""
ADAPTER = "adapter_config.json"
READ = (".json", ".txt", ".jinja", ".model")
"""Endings of files that transformers may read beside the weights."""


def checkpoint_files(folder: Path) -> list[Path]:
    """The files that make up the checkpoint in `folder`, and that its embeddings depend on.

    Raises:
        BadCheckpoint: one is a link that leads out of the checkpoint.
    """
    weights = weight_files(folder)
    is_open = is_open_clip(folder)
    index = [] if is_open or weights == [folder / SINGLE] else [folder / INDEX]
    beside = (*TOKENIZER,) if is_open else (*PICTURES, *TOKENIZER, MAP)
    others = [config_file(folder), *(folder / name for name in beside)]
    files = sorted([*weights, *index, *(path for path in others if path.exists())])
    for path in files:
        inside(folder, path.name)
    return files


def check_beside(folder: Path) -> None:
    """That nothing lies beside the weights that changes what transformers makes of them, or that is
    no file to read.

    Raises:
        BadCheckpoint: an adapter lies there, or something other than a regular file of a usual
            size, or JSON that begins with a byte order mark.
    """
    if (folder / ADAPTER).exists():
        reason = (
            f"{ADAPTER} lies beside the weights: with peft installed, transformers puts that"
            " adapter upon the model"
        )
        raise BadCheckpoint(
            reason,
            where=str(folder),
            advice=f"{MERGE} Or move the adapter's files away.",
        )
    for entry in sorted(folder.iterdir()):
        if entry.suffix in READ and entry.exists() and not entry.is_dir():
            check_regular(
                entry, LARGEST_CONFIG if entry.name in SETTINGS else LARGEST_JSON
            )
        if entry.suffix == ".json" and entry.name in {*SETTINGS, *TOKENIZER}:
            check_unmarked(entry)


def sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fold(weight: Floats, edit: LinearEdit) -> Floats:
    """The projection `(d, w)` after the edit, computed in float64.

    Raises:
        Unsupported: the edit is of another model, or not finite.
    """
    w = weight.astype(np.float64)
    left = np.asarray(edit.L, np.float64)
    right = np.asarray(edit.B, np.float64)
    if left.shape != right.shape or left.ndim != 2 or left.shape[0] != w.shape[0]:
        reason = f"the edit is of shape {left.shape}, the model's joint space of {w.shape[0]}"
        raise Unsupported(
            reason, advice="An edit fits only the model that it was computed for."
        )
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise Unsupported(
            "the edited projection is not finite", advice="Check the edit."
        )
    new: Floats = (
        w - right @ (left.T @ w) if edit.side == "image" else w - left @ (right.T @ w)
    )
    if not np.isfinite(new).all():
        raise Unsupported(
            "the edited projection is not finite", advice="Check the edit."
        )
    return new


def write(
    folder: Path, files: Mapping[str, str], edit: LinearEdit, out: Path, config: Config
) -> dict[str, str]:
    """The checkpoint in `folder` with the edit, into `out`; file names with their SHA-256.

    `files` are the registered ones with their SHA-256: they are copied, whatever else lies in the
    folder by now, and hashed as they are copied. Only the file with the last layer of the edited
    side differs, in that layer alone; where no layer can carry the edit (pictures of SigLIP), it is
    a file of its own.

    Raises:
        BadCheckpoint: a file is not the one that was registered. Unsupported: the edit is not of
        this model. MachineFault: `out` cannot be written. What was begun stays in `out`.
    """
    has_edit = bool(np.asarray(edit.L).size)
    changes = changes_of(config.family, edit, folder) if has_edit else {}
    is_map = has_edit and not changes
    edited = {layer_file(folder, files, name) for name in changes}
    if len(edited) > 1:
        reason = f"{' and '.join(sorted(changes))} lie in two files of the checkpoint"
        raise Unsupported(reason, advice="Save it again in one file (save_pretrained).")
    written: dict[str, str] = {}
    try:
        for file, digest in files.items():
            if file in edited:
                written[file] = copy_edited(folder, file, digest, out / file, changes)
            elif not (is_map and file == MAP):
                written[file] = copy(folder, file, digest, out / file)
        if is_map:
            before = read(folder, MAP, files[MAP]) if MAP in files else None
            written[MAP] = write_map(edit, config.dim, before, out / MAP)
    except OSError as error:
        reason = f"cannot be written ({error.strerror or error})"
        raise MachineFault(
            reason, where=str(out), advice="Make room, or choose another folder."
        ) from error
    return written


def changes_of(family: Family, edit: LinearEdit, folder: Path) -> dict[str, Change]:
    """The tensors that carry an edit, with what becomes of them; none where no layer can.

    Raises:
        BadCheckpoint: the weights have no such layer.
    """
    if family == "siglip":
        if edit.side == "image":
            return {}
        return {
            "text_model.head.weight": lambda weight: fold(weight, edit),
            "text_model.head.bias": lambda bias: fold(bias[:, None], edit)[:, 0],
        }
    name = PROJECTION[edit.side]
    if family == "open_clip":  # (w, d), multiplied from the right
        names = header(folder / OPEN_WEIGHTS)[0]
        return {stored(name, names).name: lambda weight: fold(weight.T, edit).T}
    return {name: lambda weight: fold(weight, edit)}


def layer_file(folder: Path, files: Mapping[str, str], name: str) -> str:
    """Which of the registered files has a tensor.

    Raises:
        BadCheckpoint: the index is not the registered one, or names no such file.
    """
    for whole in (SINGLE, OPEN_WEIGHTS):
        if whole in files:
            return whole
    index = read(folder, INDEX, files.get(INDEX))
    try:
        shard = str(json.loads(index)["weight_map"][name])
    except (ValueError, KeyError, TypeError):
        shard = ""
    if shard not in files:
        raise BadCheckpoint(
            f"it names no file with {name}",
            where=str(folder / INDEX),
            advice="Download the checkpoint again.",
        )
    return shard
