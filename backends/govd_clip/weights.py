"""Weights from safetensors into the model: every weight used, every parameter filled, each misfit
named.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from govd.errors import BadCheckpoint
from govd.types import Floats
from govd_clip.card import PROJECTION
from govd_clip.config import Config
from govd_clip.headers import AGAIN, DTYPES, Slot, slots
from govd_clip.layouts import config_file
from govd_clip.model import Clip
from govd_clip.open_clip import stored as stored_in_open_clip
from govd_clip.registered import Hashed, opened
from govd_clip.siglip import Siglip

Towers = Clip | Siglip
"""What encodes: both towers of a family."""

TOP = (
    "text_model.",
    "vision_model.",
    "text_projection.",
    "visual_projection.",
    "logit_scale",
)
"""How the names of a CLIPModel's tensors begin."""
SAME = "Weights and config must be of the same model."


@dataclass(frozen=True)
class Place:
    """A parameter `path` of the model, and the tensor `name` of shape `shape` that it lies in:
    `third` of its rows where that is of queries, keys and values; `flipped`: torch's order of axes.
    """

    path: tuple[Any, ...]
    name: str
    shape: tuple[int, ...]
    third: int | None = None
    flipped: bool = True

    def value(self, tensor: Floats) -> Floats:
        """The parameter, of the stored tensor `(3·rows, …)` or `(rows, …)`."""
        if self.third is not None:
            rows = len(tensor) // 3
            tensor = tensor[self.third * rows : (self.third + 1) * rows]
        return _ours(self.path, tensor) if self.flipped else tensor


def _check_layers(config: Config, found: Mapping[str, Slot], folder: Path) -> None:
    """That no tower has more layers than the weights: a config that says a thousand costs nothing
    then.
    """
    for side, layers in (
        ("text", config.text.layers),
        ("vision", config.vision.layers),
    ):
        begin = f"{side}_model.encoder.layers."
        if config.family == "open_clip":
            begin = stored_in_open_clip(begin, found.keys()).name
        ends = [name[len(begin) :] for name in found if name.startswith(begin)]
        stored = {end.partition(".")[0] for end in ends}
        if layers > len(stored):
            setting = "num_hidden_layers"
            if config.family == "open_clip":
                setting = "layers"
            file = config_file(folder).name
            reason = (
                f"{side}_config.{setting} is {layers} in "
                f"{file}, the weights have {len(stored)}"
            )
            raise BadCheckpoint(
                f"missing: {begin}{len(stored)}: {reason}",
                where=str(folder),
                advice=SAME,
            )


def _check_prefix(found: Mapping[str, Slot], folder: Path) -> None:
    """That no wrapper's name stands before every tensor's, as training scripts leave it there
    (`module.`, `model.`, `_orig_mod.`).
    """
    prefixes = (
        name[: name.index(f".{top}")]
        for name in found
        for top in TOP
        if f".{top}" in name
    )
    prefix = next(prefixes, "")
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
    shapes = {place.name: place.shape for place in places(config, found.keys())}
    missing = sorted(shapes.keys() - found.keys())
    extra = sorted(found.keys() - shapes.keys())
    for kind, names in (("missing", missing), ("not used by this config", extra)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise BadCheckpoint(
                f"{kind}: {', '.join(names[:3])}{more}",
                where=str(folder),
                advice=SAME,
                names=names,
            )
    for name, shape in shapes.items():
        if found[name].shape != shape:
            file = config_file(folder).name
            slot = found[name]
            reason = f"{name} has shape {slot.shape}, where {file} asks for {shape}"
            raise BadCheckpoint(reason, where=str(slot.path), advice=SAME)


def tensors(
    folder: Path, file: str, digest: str | None, wanted: Mapping[str, Slot]
) -> Iterator[tuple[str, Floats]]:
    """Tensors of one file as they are stored, in one pass that hashes the file as well (`digest`
    None: of any bytes).

    Raises:
        BadCheckpoint: it is not the file that was registered; told when all are read.
    """
    with opened(folder, file) as raw:
        source = Hashed(raw)
        at = 0
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
                values = np.frombuffer(source.read(slot.size), DTYPES[slot.dtype])
                yield name, values.reshape(slot.shape)
                at = slot.begin + slot.size
        except EOFError:
            raise BadCheckpoint(
                "ends within a tensor", where=str(folder / file), advice=AGAIN
            ) from None
        if digest is not None:
            source.check(folder / file, digest)


def load(
    config: Config, folder: Path, files: Mapping[str, str] | None = None
) -> Towers:
    """The model with the folder's weights, as float32. `files`: SHA-256 of the registered files,
    which the weights must be of.

    Raises:
        BadCheckpoint: the weights are not those that the config asks for, or that were
        registered.
    """
    stored_slots = slots(folder)
    check(config, stored_slots, folder)
    graph, parameters = abstract(config)
    flat = dict(parameters)
    within: dict[str, list[Place]] = {}
    for place in places(config, stored_slots.keys()):
        within.setdefault(place.name, []).append(place)
    for file in sorted({stored_slots[name].path.name for name in within}):
        names = {
            name: stored_slots[name]
            for name in within
            if stored_slots[name].path.name == file
        }
        digest = None if files is None else files.get(file, "")
        for name, stored in tensors(folder, file, digest, names):
            value = stored.astype(np.float32)
            if not np.isfinite(value).all():
                advice = "Take another copy or another precision."
                raise BadCheckpoint(
                    f"{name} has values that are not finite",
                    where=str(folder / file),
                    advice=advice,
                )
            for place in within[name]:
                array = jnp.asarray(place.value(value))
                flat[place.path] = flat[place.path].replace(array)
    model: Towers = nnx.merge(graph, nnx.from_flat_state(flat))
    return model


class _SameKey(nnx.Rngs):
    """One key for all parameters, whose shapes depend on none. Where no number is computed,
    `nnx.Rngs` takes time for its count that grows with the square of the parameters: 2 s for a
    ViT-B/32.
    """

    def params(self) -> jax.Array:
        return jax.random.key(0)


@functools.lru_cache(maxsize=8)
def abstract(config: Config) -> tuple[Any, tuple[tuple[tuple[Any, ...], Any], ...]]:
    """The model's structure, and its parameters by their paths, as shapes without memory."""
    kind = Siglip if config.family == "siglip" else Clip
    model: Towers = nnx.eval_shape(lambda: kind(config, _SameKey(0)))
    graph, state = nnx.split(model)
    return graph, tuple(nnx.to_flat_state(state))


def places(config: Config, names: Collection[str]) -> list[Place]:
    """Where each parameter lies. `names`: of the tensors in the files."""
    _, parameters = abstract(config)
    listed = []
    for path, variable in parameters:
        name = _name(path)
        shape = variable.get_value().shape
        if config.family != "open_clip":
            listed.append(Place(path, name, _stored(path, shape)))
            continue
        stored = stored_in_open_clip(name, names)
        # open_clip multiplies by these from the right
        is_flipped = name not in PROJECTION.values()
        rows = _stored(path, shape) if is_flipped else shape
        if stored.third is not None:
            rows = (3 * rows[0], *rows[1:])
        listed.append(
            Place(
                path=path,
                name=stored.name,
                shape=rows,
                third=stored.third,
                flipped=is_flipped,
            )
        )
    return listed


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
    if len(shape) != 4:
        return shape[::-1]
    y, x, into, out = shape
    return (out, into, y, x)
