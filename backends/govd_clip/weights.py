"""Weights from safetensors into the model: every weight used, every parameter filled, each misfit named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from flax import nnx

from govd.errors import BadCheckpoint
from govd.types import Floats
from govd_clip.config import Config, read_json
from govd_clip.model import Clip
from govd_clip.registered import Hashed, opened

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
BUFFERS = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
"""Written by older transformers; no parameters."""

DTYPES: dict[str, Any] = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
AGAIN = "Download the checkpoint again."


@dataclass(frozen=True)
class Slot:
    """Where one tensor lies: its file and first byte, its type and shape as stored."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    size: int

    def read(self, name: str) -> Floats:
        """The tensor, as stored."""
        raw = np.fromfile(self.path, np.uint8, self.size, offset=self.begin)
        if raw.size != self.size:
            raise BadCheckpoint(f"ends within {name}", where=str(self.path), advice=AGAIN)
        return raw.view(DTYPES[self.dtype]).reshape(self.shape)


def weight_files(folder: Path) -> list[Path]:
    """The files with weights, in the order of their names; the index is not among them."""
    if (folder / INDEX).exists():
        shards = read_json(folder / INDEX).get("weight_map")
        if not isinstance(shards, dict) or not shards or not all(isinstance(s, str) and Path(s).name == s for s in shards.values()):
            raise BadCheckpoint("weight_map names no files of this folder", where=str(folder / INDEX), advice=AGAIN)
        paths = [folder / name for name in sorted(set(shards.values()))]
    elif (folder / SINGLE).exists():
        return [folder / SINGLE]
    elif list(folder.glob("pytorch_model*.bin")):
        convert = f"from transformers import CLIPModel; CLIPModel.from_pretrained({str(folder)!r}).save_pretrained('converted')"
        advice = f'Where torch is installed, run: python -c "{convert}", and copy the tokenizer files and preprocessor_config.json along.'
        raise BadCheckpoint("has its weights only as pytorch_model.bin, which can run code", where=str(folder), advice=advice)
    else:
        raise BadCheckpoint(f"{SINGLE} is missing", where=str(folder), advice="A checkpoint needs its weights as safetensors.")
    for path in paths:
        if not path.exists():
            raise BadCheckpoint(f"shard {path.name} is missing", where=str(folder), advice=AGAIN)
    return paths


def header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and where its data begin; the file's length must be what the header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise BadCheckpoint("is truncated: its header does not fit into it", where=str(path), advice=AGAIN)
        try:
            entries = json.loads(file.read(length))
            end = max((int(e["data_offsets"][1]) for n, e in entries.items() if n != "__metadata__"), default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            raise BadCheckpoint("has a header that is no safetensors header", where=str(path), advice=AGAIN) from None
    if 8 + length + end != size:
        raise BadCheckpoint(f"is truncated: {size} bytes where its header says {8 + length + end}", where=str(path), advice=AGAIN)
    return entries, 8 + length


def slots(folder: Path) -> dict[str, Slot]:
    """Every tensor of the checkpoint by name, without reading one."""
    found: dict[str, Slot] = {}
    for path in weight_files(folder):
        entries, start = header(path)
        for name, entry in entries.items():
            if name == "__metadata__" or name in BUFFERS:
                continue
            kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
            if kind not in DTYPES:
                raise BadCheckpoint(f"{name} is {kind}", where=str(path), advice=f"Weights must be one of {', '.join(DTYPES)}.")
            if name in found:
                raise BadCheckpoint(f"{name} is also in {found[name].path.name}", where=str(path), advice=AGAIN)
            if begin < 0 or end - begin != int(np.prod(shape, dtype=np.int64)) * np.dtype(DTYPES[kind]).itemsize:
                raise BadCheckpoint(f"{name} has another size than its shape {shape} needs", where=str(path), advice=AGAIN)
            found[name] = Slot(path, kind, shape, start + begin, end - begin)
    return found


def check(config: Config, found: Mapping[str, Slot], folder: Path) -> None:
    """That names and shapes are exactly those that the config asks for, in both directions."""
    wanted = {name: _stored(path, value.shape) for path, name, value in _parameters(config)}
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    for what, names in (("missing", missing), ("not used by this config", extra)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            advice = "Weights and config.json must be of the same CLIPModel."
            raise BadCheckpoint(f"{what}: {', '.join(names[:3])}{more}", where=str(folder), advice=advice, names=names)
    for name, shape in wanted.items():
        if found[name].shape != shape:
            what = f"{name} has shape {found[name].shape}, where config.json asks for {shape}"
            raise BadCheckpoint(what, where=str(found[name].path), advice="Weights and config.json must be of the same CLIPModel.")


def tensors(folder: Path, file: str, digest: str | None, wanted: Mapping[str, Slot]) -> Iterator[tuple[str, Floats]]:
    """Tensors of one file as they are stored, in one pass that hashes the file as well (`digest` None: of any bytes).

    Raises:
        BadCheckpoint: it is not the file that was registered; told when all are read.
    """
    with opened(folder, file) as raw:
        source, at = Hashed(raw), 0
        try:
            for name, slot in sorted(wanted.items(), key=lambda item: item[1].begin):
                for _ in source.blocks(slot.begin - at):
                    pass
                if at > slot.begin:
                    raise BadCheckpoint(f"{name} begins within another tensor", where=str(folder / file), advice=AGAIN)
                yield name, np.frombuffer(source.read(slot.size), DTYPES[slot.dtype]).reshape(slot.shape)
                at = slot.begin + slot.size
        except EOFError:
            raise BadCheckpoint("ends within a tensor", where=str(folder / file), advice=AGAIN) from None
        if digest is not None:
            source.check(folder / file, digest)


def load(config: Config, folder: Path, files: Mapping[str, str] | None = None) -> Clip:
    """The model with the folder's weights, as float32. `files`: SHA-256 of the registered files, which the weights must be of."""
    found = slots(folder)
    check(config, found, folder)
    graph, state = nnx.split(abstract(config))
    flat = dict(nnx.to_flat_state(state))
    places = {name: path for path, name, _ in _parameters(config)}
    for file in sorted({found[name].path.name for name in places}):
        wanted = {name: found[name] for name in places if found[name].path.name == file}
        for name, stored in tensors(folder, file, None if files is None else files.get(file, ""), wanted):
            value = stored.astype(np.float32)
            if not np.isfinite(value).all():
                advice = "Take another copy or another precision."
                raise BadCheckpoint(f"{name} has values that are not finite", where=str(folder / file), advice=advice)
            flat[places[name]] = flat[places[name]].replace(jnp.asarray(_ours(places[name], value)))
    model: Clip = nnx.merge(graph, nnx.from_flat_state(flat))
    return model


def abstract(config: Config) -> Clip:
    """The model's shapes, without memory for its parameters."""
    model: Clip = nnx.eval_shape(lambda: Clip(config, nnx.Rngs(0)))
    return model


def _parameters(config: Config) -> list[tuple[tuple[Any, ...], str, jax.ShapeDtypeStruct]]:
    flat = nnx.to_flat_state(nnx.state(abstract(config), nnx.Param))
    return [(path, _name(path), value.get_value()) for path, value in flat]


def _name(path: tuple[Any, ...]) -> str:
    ends = {"kernel": "weight", "scale": "weight", "embedding": "weight"}
    return ".".join([*map(str, path[:-1]), ends.get(path[-1], path[-1])])


def _ours(path: tuple[Any, ...], value: Floats) -> Floats:
    """torch keeps (out, in) and (out, in, y, x), we (in, out) and (y, x, in, out)."""
    if path[-1] != "kernel":
        return value
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T


def _stored(path: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    if path[-1] != "kernel":
        return shape
    return (shape[3], shape[2], shape[0], shape[1]) if len(shape) == 4 else shape[::-1]
