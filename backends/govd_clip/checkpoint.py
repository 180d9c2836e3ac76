"""An edit folded into a checkpoint: only one projection changes, every other byte stays as it was.

On pictures z' = z - B(Lᵀz), and z = W x, so W' = W - B(LᵀW). On texts t' = t - L(Bᵀt), so W_t' = W_t - L(BᵀW_t).
Scaling to unit length comes afterwards in both and is the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from govd.errors import MachineFault, Unsupported
from govd.types import Floats
from govd_clip.config import read_json
from govd_clip.weights import INDEX, header, slots, weight_files

if TYPE_CHECKING:
    from govd.edit import Edit

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json")
PICTURES = ("preprocessor_config.json", "processor_config.json")
PROJECTION = {"image": "visual_projection.weight", "text": "text_projection.weight"}


def checkpoint_files(folder: Path) -> list[Path]:
    """The files that make up the checkpoint in `folder`, and that its embeddings depend on."""
    index = [folder / INDEX] if (folder / INDEX).exists() else []
    named = [folder / name for name in ("config.json", *PICTURES, *TOKENIZER)]
    return sorted([*weight_files(folder), *index, *(path for path in named if path.exists())])


def sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fold(weight: Floats, edit: Edit) -> Floats:
    """The projection `(d, w)` after the edit, computed in float64."""
    w, left, right = weight.astype(np.float64), np.asarray(edit.L, np.float64), np.asarray(edit.B, np.float64)
    if left.shape != right.shape or left.ndim != 2 or left.shape[0] != w.shape[0]:
        what = f"the edit is of shape {left.shape}, the model's joint space of {w.shape[0]}"
        raise Unsupported(what, advice="An edit fits only the model that it was computed for.")
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise Unsupported("the edited projection is not finite", advice="Check the edit.")
    new: Floats = w - right @ (left.T @ w) if edit.side == "image" else w - left @ (right.T @ w)
    if not np.isfinite(new).all():
        raise Unsupported("the edited projection is not finite", advice="Check the edit.")
    return new


def write(folder: Path, edit: Edit, out: Path) -> dict[str, str]:
    """The checkpoint in `folder` with the edit, into `out`; file names with their SHA-256."""
    files, name = checkpoint_files(folder), PROJECTION[edit.side]
    slot = slots(folder)[name] if np.asarray(edit.L).size else None
    try:
        grown = 0
        for path in files:
            if slot is None or path != slot.path:
                shutil.copyfile(path, out / path.name)
        if slot is not None:
            grown = _replace(slot.path, out / slot.path.name, name, fold(slot.read(name), edit))
        if grown and (out / INDEX).exists():
            index = read_json(out / INDEX)
            if "total_size" in index.get("metadata", {}):
                index["metadata"]["total_size"] += grown
            (out / INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise MachineFault(f"cannot be written ({error})", where=str(out), advice="Make room, or choose another folder.") from error
    return {path.name: sha256(out / path.name) for path in files}


def _replace(source: Path, target: Path, name: str, value: Floats) -> int:
    """Copy a safetensors file with one tensor replaced; how many bytes it grew.

    Half precision would round the edit away where it matters, so the new tensor is then float32.
    """
    entries, start = header(source)
    kind = "F64" if entries[name]["dtype"] == "F64" else "F32"
    data = np.ascontiguousarray(value, np.float64 if kind == "F64" else np.float32).tobytes()
    begin, end = entries[name]["data_offsets"]
    grown = len(data) - (end - begin)
    changed = {key: _moved(key, entry, name, kind, end, grown) for key, entry in entries.items()}
    text = json.dumps(changed, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with source.open("rb") as old, target.open("wb") as new:
        new.write(len(text).to_bytes(8, "little") + text)
        old.seek(start)
        _copy(old, new, begin)
        new.write(data)
        old.seek(start + end)
        shutil.copyfileobj(old, new, 1 << 22)
    return grown


def _moved(key: str, entry: Mapping[str, Any], name: str, kind: str, end: int, grown: int) -> Mapping[str, Any]:
    if key == "__metadata__":
        return entry
    first, last = entry["data_offsets"]
    if key == name:
        return {**entry, "dtype": kind, "data_offsets": [first, last + grown]}
    return {**entry, "data_offsets": [first + grown, last + grown]} if first >= end else entry


def _copy(old: Any, new: Any, count: int) -> None:
    while count:
        block = old.read(min(count, 1 << 22))
        if not block:
            raise OSError("the base checkpoint ends early")
        new.write(block)
        count -= len(block)
