"""Weights from safetensors into the model: every weight used, every parameter filled, each misfit
named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from govd.errors import BadCheckpoint
from govd.types import Floats
from govd_clip.config import Config
from govd_clip.headers import AGAIN, DTYPES, Slot, slots
from govd_clip.model import Clip
from govd_clip.registered import Hashed, opened

TOP = ("text_model.", "vision_model.", "text_projection.", "visual_projection.", "logit_scale")
"""How the names of a CLIPModel's tensors begin."""
SAME = "Weights and config.json must be of the same CLIPModel."


def _check_layers(config: Config, found: Mapping[str, Slot], folder: Path) -> None:
    """That no tower has more layers than the weights: a config that says a thousand costs nothing
    then.
    """
    for side, layers in (("text", config.text.layers), ("vision", config.vision.layers)):
        begin = f"{side}_model.encoder.layers."
        stored = {name[len(begin) :].partition(".")[0] for name in found if name.startswith(begin)}
        if layers > len(stored):
            reason = (
                f"{side}_config.num_hidden_layers is {layers} in config.json, the weights have"
                f" {len(stored)}"
            )
            raise BadCheckpoint(
                f"missing: {begin}{len(stored)}: {reason}", where=str(folder), advice=SAME
            )


def _check_prefix(found: Mapping[str, Slot], folder: Path) -> None:
    """That no wrapper's name stands before every tensor's, as training scripts leave it there
    (`module.`, `model.`, `_orig_mod.`).
    """
    prefix = next(
        (name[: name.index(f".{top}")] for name in found for top in TOP if f".{top}" in name), ""
    )
    if prefix and all(name.startswith(f"{prefix}.") for name in found):
        reason = f"every weight's name begins with {prefix}., as a wrapper of the model saved it"
        raise BadCheckpoint(
            reason,
            where=str(folder),
            advice="Save the CLIPModel inside it with save_pretrained, and give that folder.",
        )


def check(config: Config, found: Mapping[str, Slot], folder: Path) -> None:
    """That names and shapes are exactly those that the config asks for, in both directions.
    `found`: the tensors of the files in `folder`, by name.

    Raises:
        BadCheckpoint: they are not; it names some.
    """
    _check_prefix(found, folder)
    _check_layers(config, found, folder)
    wanted = {name: _stored(path, value.shape) for path, name, value in _parameters(config)}
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    for kind, names in (("missing", missing), ("not used by this config", extra)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise BadCheckpoint(
                f"{kind}: {', '.join(names[:3])}{more}", where=str(folder), advice=SAME, names=names
            )
    for name, shape in wanted.items():
        if found[name].shape != shape:
            kind = f"{name} has shape {found[name].shape}, where config.json asks for {shape}"
            raise BadCheckpoint(kind, where=str(found[name].path), advice=SAME)


def tensors(
    folder: Path, file: str, digest: str | None, wanted: Mapping[str, Slot]
) -> Iterator[tuple[str, Floats]]:
    """Tensors of one file as they are stored, in one pass that hashes the file as well (`digest`
    None: of any bytes).

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
                    raise BadCheckpoint(
                        f"{name} begins within another tensor",
                        where=str(folder / file),
                        advice=AGAIN,
                    )
                yield (
                    name,
                    np.frombuffer(source.read(slot.size), DTYPES[slot.dtype]).reshape(slot.shape),
                )
                at = slot.begin + slot.size
        except EOFError:
            raise BadCheckpoint(
                "ends within a tensor", where=str(folder / file), advice=AGAIN
            ) from None
        if digest is not None:
            source.check(folder / file, digest)


def load(config: Config, folder: Path, files: Mapping[str, str] | None = None) -> Clip:
    """The model with the folder's weights, as float32. `files`: SHA-256 of the registered files,
    which the weights must be of.

    Raises:
        BadCheckpoint: the weights are not those that the config asks for, or that were
        registered.
    """
    stored_slots = slots(folder)
    check(config, stored_slots, folder)
    graph, state = nnx.split(abstract(config))
    flat = dict(nnx.to_flat_state(state))
    places = {name: path for path, name, _ in _parameters(config)}
    for file in sorted({stored_slots[name].path.name for name in places}):
        wanted = {
            name: stored_slots[name] for name in places if stored_slots[name].path.name == file
        }
        for name, stored in tensors(
            folder, file, None if files is None else files.get(file, ""), wanted
        ):
            value = stored.astype(np.float32)
            if not np.isfinite(value).all():
                advice = "Take another copy or another precision."
                raise BadCheckpoint(
                    f"{name} has values that are not finite",
                    where=str(folder / file),
                    advice=advice,
                )
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
