"""What safetensors files say of their tensors, read without reading one: names, types, shapes and
where each lies.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ml_dtypes
import numpy as np

from govd.errors import BadCheckpoint
from govd.types import Floats
from govd_clip.layouts import LARGEST_CONFIG, OPEN_WEIGHTS, is_open_clip
from govd_clip.regular import check_regular, read_json

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
BUFFERS = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
"""Written by older transformers; no parameters."""

DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
}
AGAIN = "Download the checkpoint again."
LONGEST: Final = LARGEST_CONFIG
"""Bytes of a safetensors header at most. The format admits six times as many; a thousand layers in
each tower need a third.
"""
OTHERS = (
    "model*.safetensors",
    "*.safetensors",
    "tf_model*.h5",
    "flax_model*.msgpack",
    "*.ckpt",
    "*.pt",
    "*.gguf",
)
"""What weights are called that transformers does not load by themselves."""


@dataclass(frozen=True)
class Slot:
    """Where one tensor lies: its file and first byte, its type and shape as stored."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    size: int

    def read(self, name: str) -> Floats:
        """The tensor, as stored. Its shape is `shape`, (m, n) of a matrix.

        Raises:
            BadCheckpoint: the file ends within it.
        """
        raw = np.fromfile(self.path, np.uint8, self.size, offset=self.begin)
        if raw.size != self.size:
            raise BadCheckpoint(
                f"ends within {name}", where=str(self.path), advice=AGAIN
            )
        return raw.view(DTYPES[self.dtype]).reshape(self.shape)


def weight_files(folder: Path) -> list[Path]:
    """The files with weights, in the order of their names; the index is not among them.

    Of several that lie there, those that transformers would load: `model.safetensors`, else the
    shards of the index; `pytorch_model.bin` is never opened, since it can run code.

    Raises:
        BadCheckpoint: there are none, or some are missing.
    """
    if is_open_clip(folder):
        return [folder / OPEN_WEIGHTS]
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    if (folder / INDEX).exists():
        return _shards(folder)
    if list(folder.glob("pytorch_model*.bin")):
        convert = (
            "from transformers import CLIPModel;"
            f" CLIPModel.from_pretrained({str(folder)!r}).save_pretrained('converted')"
        )
        advice = (
            f'Where torch is installed, run: python -c "{convert}", and copy the tokenizer files'
            " and preprocessor_config.json along."
        )
        raise BadCheckpoint(
            "has its weights only as pytorch_model.bin, which can run code",
            where=str(folder),
            advice=advice,
        )
    if (folder / SINGLE).is_symlink():
        raise BadCheckpoint(
            f"{SINGLE} is a link to {os.readlink(folder / SINGLE)}, where nothing is",
            where=str(folder),
            advice=AGAIN,
        )
    names = {path.name for pattern in OTHERS for path in folder.glob(pattern)}
    listed = ", ".join(sorted(names)[:3])
    advice = "A checkpoint needs its weights as safetensors."
    if listed:
        advice = (
            f"There is {listed}, which is not loaded by itself: save the model with save_pretrained"
            " as safetensors, or rename a variant."
        )
    raise BadCheckpoint(f"{SINGLE} is missing", where=str(folder), advice=advice)


def _shards(folder: Path) -> list[Path]:
    shards = read_json(folder / INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards or not _are_names(shards.values()):
        raise BadCheckpoint(
            "weight_map names no files of this folder",
            where=str(folder / INDEX),
            advice=AGAIN,
        )
    paths = [folder / name for name in sorted(set(shards.values()))]
    for path in paths:
        if path.suffix != ".safetensors":
            raise BadCheckpoint(
                f"weight_map names {path.name}, which is no safetensors file",
                where=str(folder / INDEX),
                advice=AGAIN,
            )
        if not path.exists():
            raise BadCheckpoint(
                f"shard {path.name} is missing", where=str(folder), advice=AGAIN
            )
    return paths


def _are_names(values: Iterable[Any]) -> bool:
    """Whether these are names of files of one folder."""
    return all(
        isinstance(name, str) and name and Path(name).name == name for name in values
    )


def header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and where its data begin; the tensors lie one behind the
    other up to the file's end.

    Format: https://github.com/huggingface/safetensors#format.

    Raises:
        BadCheckpoint: the file is cut off, or no safetensors file.
    """
    check_regular(path, 2**63)
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise BadCheckpoint(
                "is truncated: its header does not fit into it",
                where=str(path),
                advice=AGAIN,
            )
        if length > LONGEST:
            raise BadCheckpoint(
                f"has a header of {length:,} bytes, more than {LONGEST:,}",
                where=str(path),
                advice=AGAIN,
            )
        try:
            entries = _entries(file.read(length))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise BadCheckpoint(
                "has a header that is no safetensors header",
                where=str(path),
                advice=AGAIN,
            ) from None
    start = 8 + length
    expected = start + _data_bytes(entries, path)
    if expected != size:
        reason = "has more than its header says"
        if size < expected:
            reason = "is truncated"
        raise BadCheckpoint(
            f"{reason}: {size:,} bytes, not {expected:,}",
            where=str(path),
            advice=AGAIN,
        )
    return entries, start


def _data_bytes(entries: Mapping[str, Any], path: Path) -> int:
    """How many bytes the tensors of a header take, one behind the other.

    Raises:
        BadCheckpoint: there is a gap between two, or they overlap.
    """
    tensors = [
        (*entry["data_offsets"], name)
        for name, entry in entries.items()
        if name != "__metadata__"
    ]
    end = 0
    for begin, stop, name in sorted(tensors, key=lambda tensor: tensor[:2]):
        if begin != end or stop < begin:
            raise BadCheckpoint(
                f"{name} does not begin where the tensor before it ends",
                where=str(path),
                advice=AGAIN,
            )
        end = stop
    return end


def _entries(data: bytes) -> dict[str, Any]:
    """A header's lines, each name once and each of the types that the format has.

    Raises:
        ValueError, TypeError, KeyError: they are not.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name occurs twice")
        return dict(pairs)

    entries: dict[str, Any] = json.loads(data, object_pairs_hook=once)
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        shape = entry["shape"]
        offsets = entry["data_offsets"]
        if not (
            isinstance(shape, list)
            and isinstance(offsets, list)
            and len(offsets) == 2
            and isinstance(entry["dtype"], str)
        ):
            raise TypeError(name)
        if not all(
            type(number) is int and 0 <= number < 2**63 for number in (*shape, *offsets)
        ):
            raise ValueError(name)
    return entries


def slots(folder: Path) -> dict[str, Slot]:
    """Every tensor of the checkpoint by name, without reading one.

    Raises:
        BadCheckpoint: a tensor is of another type than weights, or is there twice.
    """
    slot_of: dict[str, Slot] = {}
    for path in weight_files(folder):
        entries, start = header(path)
        for name, entry in entries.items():
            if name == "__metadata__" or name in BUFFERS:
                continue
            kind = entry["dtype"]
            shape = tuple(entry["shape"])
            begin, end = entry["data_offsets"]
            if kind not in DTYPES:
                raise BadCheckpoint(
                    f"{name} is {kind}",
                    where=str(path),
                    advice=f"Weights must be one of {', '.join(DTYPES)}.",
                )
            if name in slot_of:
                raise BadCheckpoint(
                    f"{name} is also in {slot_of[name].path.name}",
                    where=str(path),
                    advice=AGAIN,
                )
            if end - begin != math.prod(shape) * np.dtype(DTYPES[kind]).itemsize:
                raise BadCheckpoint(
                    f"{name} has another size than its shape {shape} needs",
                    where=str(path),
                    advice=AGAIN,
                )
            slot_of[name] = Slot(
                path=path,
                dtype=kind,
                shape=shape,
                begin=start + begin,
                size=end - begin,
            )
    return slot_of
