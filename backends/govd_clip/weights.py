"""Weights from safetensors into the model: every weight used, every parameter filled, each misfit named."""

from __future__ import annotations

import json
import math
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
from govd_clip.config import Config, check_regular, read_json
from govd_clip.model import Clip
from govd_clip.registered import Hashed, opened

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
BUFFERS = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
"""Written by older transformers; no parameters."""

TOP = ("text_model.", "vision_model.", "text_projection.", "visual_projection.", "logit_scale")
"""How the names of a CLIPModel's tensors begin."""

DTYPES: dict[str, Any] = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
AGAIN = "Download the checkpoint again."
SAME = "Weights and config.json must be of the same CLIPModel."
LONGEST = 100_000_000
"""Bytes of a safetensors header at most, as the format has it."""
OTHERS = ("model*.safetensors", "*.safetensors", "tf_model*.h5", "flax_model*.msgpack", "*.ckpt", "*.pt", "*.gguf")
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
        """The tensor, as stored."""
        raw = np.fromfile(self.path, np.uint8, self.size, offset=self.begin)
        if raw.size != self.size:
            raise BadCheckpoint(f"ends within {name}", where=str(self.path), advice=AGAIN)
        return raw.view(DTYPES[self.dtype]).reshape(self.shape)


def weight_files(folder: Path) -> list[Path]:
    """The files with weights, in the order of their names; the index is not among them.

    Of several that lie there, those that transformers would load: `model.safetensors`, else the shards of the index; `pytorch_model.bin`
    is never opened, since it can run code.
    """
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    if (folder / INDEX).exists():
        return _shards(folder)
    if list(folder.glob("pytorch_model*.bin")):
        convert = f"from transformers import CLIPModel; CLIPModel.from_pretrained({str(folder)!r}).save_pretrained('converted')"
        advice = f'Where torch is installed, run: python -c "{convert}", and copy the tokenizer files and preprocessor_config.json along.'
        raise BadCheckpoint("has its weights only as pytorch_model.bin, which can run code", where=str(folder), advice=advice)
    others = ", ".join(sorted({path.name for pattern in OTHERS for path in folder.glob(pattern)})[:3])
    advice = "A checkpoint needs its weights as safetensors."
    if others:
        advice = (
            f"There is {others}, which is not loaded by itself: save the model with save_pretrained as safetensors, or rename a variant."
        )
    raise BadCheckpoint(f"{SINGLE} is missing", where=str(folder), advice=advice)


def _shards(folder: Path) -> list[Path]:
    shards = read_json(folder / INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards or not all(isinstance(s, str) and s and Path(s).name == s for s in shards.values()):
        raise BadCheckpoint("weight_map names no files of this folder", where=str(folder / INDEX), advice=AGAIN)
    paths = [folder / name for name in sorted(set(shards.values()))]
    for path in paths:
        if path.suffix != ".safetensors":
            raise BadCheckpoint(f"weight_map names {path.name}, which is no safetensors file", where=str(folder / INDEX), advice=AGAIN)
        if not path.exists():
            raise BadCheckpoint(f"shard {path.name} is missing", where=str(folder), advice=AGAIN)
    return paths


def header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and where its data begin; the tensors lie one behind the other up to the file's end.

    Format: https://github.com/huggingface/safetensors#format.
    """
    check_regular(path, 2**63)
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise BadCheckpoint("is truncated: its header does not fit into it", where=str(path), advice=AGAIN)
        if length > LONGEST:
            raise BadCheckpoint(f"has a header of {length:,} bytes, more than {LONGEST:,}", where=str(path), advice=AGAIN)
        try:
            entries = _entries(file.read(length))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise BadCheckpoint("has a header that is no safetensors header", where=str(path), advice=AGAIN) from None
    end = 0
    for name, entry in sorted(((n, e) for n, e in entries.items() if n != "__metadata__"), key=lambda item: item[1]["data_offsets"]):
        begin, after = entry["data_offsets"]
        if begin != end or after < begin:
            raise BadCheckpoint(f"{name} does not begin where the tensor before it ends", where=str(path), advice=AGAIN)
        end = after
    if 8 + length + end != size:
        what = "is truncated" if size < 8 + length + end else "has more than its header says"
        raise BadCheckpoint(f"{what}: {size:,} bytes, not {8 + length + end:,}", where=str(path), advice=AGAIN)
    return entries, 8 + length


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
        shape, offsets = entry["shape"], entry["data_offsets"]
        if not (isinstance(shape, list) and isinstance(offsets, list) and len(offsets) == 2 and isinstance(entry["dtype"], str)):
            raise TypeError(name)
        if not all(type(number) is int and 0 <= number < 2**63 for number in (*shape, *offsets)):
            raise ValueError(name)
    return entries


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
            if end - begin != math.prod(shape) * np.dtype(DTYPES[kind]).itemsize:
                raise BadCheckpoint(f"{name} has another size than its shape {shape} needs", where=str(path), advice=AGAIN)
            found[name] = Slot(path, kind, shape, start + begin, end - begin)
    return found


def _check_layers(config: Config, found: Mapping[str, Slot], folder: Path) -> None:
    """That no tower has more layers than the weights: a config that says a thousand costs nothing then."""
    for side, layers in (("text", config.text.layers), ("vision", config.vision.layers)):
        begin = f"{side}_model.encoder.layers."
        stored = {name[len(begin) :].partition(".")[0] for name in found if name.startswith(begin)}
        if layers > len(stored):
            what = f"{side}_config.num_hidden_layers is {layers} in config.json, the weights have {len(stored)}"
            raise BadCheckpoint(f"missing: {begin}{len(stored)}: {what}", where=str(folder), advice=SAME)


def _check_prefix(found: Mapping[str, Slot], folder: Path) -> None:
    """That no wrapper's name stands before every tensor's, as training scripts leave it there (`module.`, `model.`, `_orig_mod.`)."""
    prefix = next((name[: name.index(f".{top}")] for name in found for top in TOP if f".{top}" in name), "")
    if prefix and all(name.startswith(f"{prefix}.") for name in found):
        what = f"every weight's name begins with {prefix}., as a wrapper of the model saved it"
        raise BadCheckpoint(what, where=str(folder), advice="Save the CLIPModel inside it with save_pretrained, and give that folder.")


def check(config: Config, found: Mapping[str, Slot], folder: Path) -> None:
    """That names and shapes are exactly those that the config asks for, in both directions."""
    _check_prefix(found, folder)
    _check_layers(config, found, folder)
    wanted = {name: _stored(path, value.shape) for path, name, value in _parameters(config)}
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    for what, names in (("missing", missing), ("not used by this config", extra)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise BadCheckpoint(f"{what}: {', '.join(names[:3])}{more}", where=str(folder), advice=SAME, names=names)
    for name, shape in wanted.items():
        if found[name].shape != shape:
            what = f"{name} has shape {found[name].shape}, where config.json asks for {shape}"
            raise BadCheckpoint(what, where=str(found[name].path), advice=SAME)


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
