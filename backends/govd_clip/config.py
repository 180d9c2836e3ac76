"""A model's shape, checked as far as it can be without weights; `reading_config` finds it in the
config of a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govd.errors import BadCheckpoint
from govd_clip.layouts import Family

LARGEST: Final = 2**24
"""A model's widths, vocabulary and context at most."""
LAYERS: Final = 1024
"""Layers of a tower at most."""

ACTIVATIONS = ("quick_gelu", "gelu", "gelu_new", "gelu_pytorch_tanh")
LEGACY_EOS = 2
"""Configs from before transformers 4.31 say 2, whatever the tokenizer says; the model then pools at
the highest id.
"""

_SIZES = {
    384: "S",
    512: "S",
    768: "B",
    1024: "L",
    1152: "So400m",
    1280: "H",
    1408: "g",
    1664: "G",
}


@dataclass(frozen=True)
class Tower:
    """One transformer: `width` is the hidden size, `inner` the width within its MLPs."""

    width: int
    inner: int
    layers: int
    heads: int
    act: str
    eps: float


@dataclass(frozen=True)
class Config:
    """Both towers and what lies around them; hashable, so that it can be a static argument of a
    compiled function.
    """

    text: Tower
    vision: Tower
    dim: int
    vocab: int
    context: int
    eos: int
    channels: int
    image: int
    patch: int
    family: Family = "clip"

    @property
    def patches(self) -> int:
        """Patches in a picture."""
        return (self.image // self.patch) ** 2

    @property
    def architecture(self) -> str:
        """As people call it: `CLIP ViT-B/32`, with the picture's size where it is not 224."""
        size = _SIZES.get(self.vision.width, str(self.vision.width))
        name = "SigLIP" if self.family == "siglip" else "CLIP"
        return f"{name} ViT-{size}/{self.patch}" + (
            "" if self.image == 224 else f"@{self.image}"
        )


def check_plain(raw: dict[str, Any], path: Path) -> None:
    """That nothing in a config makes transformers load other weights, or load them otherwise, than
    the folder shows.

    Raises:
        BadCheckpoint: something does.
    """
    for key, meaning in (
        ("quantization_config", "the weights are quantised"),
        ("transformers_weights", "it names a file of weights by itself"),
        ("extra_files", "it names further files of weights"),
    ):
        if raw.get(key):
            advice = "Save the model with save_pretrained in full precision, and give that folder."
            raise BadCheckpoint(
                f"{key} is given: {meaning}", where=str(path), advice=advice
            )


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """While transformers parses the config at `path`.

    Raises:
        BadCheckpoint: it raised whatever it raises.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise BadCheckpoint(
            f"transformers refuses it: {error}",
            where=str(path),
            advice="Correct the config.",
        ) from error


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """While a `Config` is made of what the config at `path` says.

    Raises:
        BadCheckpoint: a value is missing, of another type, or no such number.
    """
    try:
        yield
    except (
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
        OverflowError,
        ZeroDivisionError,
    ) as error:
        raise BadCheckpoint(
            f"a value does not fit: {error}",
            where=str(path),
            advice="Correct the config.",
        ) from None


def tower(config: Any) -> Tower:
    """A tower as transformers' config of it says.

    Raises:
        TypeError, ValueError, AttributeError: it does not say it.
    """
    return Tower(
        width=whole(config, "hidden_size"),
        inner=whole(config, "intermediate_size"),
        layers=whole(config, "num_hidden_layers"),
        heads=whole(config, "num_attention_heads"),
        act=str(config.hidden_act),
        eps=float(config.layer_norm_eps),
    )


def whole(config: Any, name: str) -> int:
    """A whole number that a config of transformers says.

    Raises:
        ValueError: it says something else. AttributeError: it does not say it.
    """
    return counted(getattr(config, name), name)


def counted(value: Any, name: str) -> int:
    """A whole number that is called `name` in a config.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        written = "null" if value is None else repr(value)
        raise ValueError(f"{name} is {written}, which is no whole number")
    return value


def square(size: Any) -> int:
    """A size of one number, or of two equal ones.

    Raises:
        ValueError: it is another.
    """
    if isinstance(size, (list, tuple)):
        if len(set(size)) != 1:
            raise ValueError(f"size {size} is not square")
        size = size[0]
    return int(size)


def check(config: Config, path: Path) -> None:
    """That what a config says can be.

    Raises:
        BadCheckpoint: it cannot.
    """
    _check_sizes(config, path)
    _check_towers(config, path)
    if config.channels != 3:
        raise BadCheckpoint(
            f"num_channels is {config.channels}, not 3",
            where=str(path),
            advice="Only RGB models can be used.",
        )
    if (
        config.patch < 1
        or config.image < config.patch
        or min(config.dim, config.vocab, config.context) < 1
    ):
        reason = (
            f"patch_size is {config.patch} and image_size {config.image}, projection_dim"
            f" {config.dim}, vocab_size {config.vocab}"
        )
        raise BadCheckpoint(reason, where=str(path), advice="Correct the config.")


def _check_sizes(config: Config, path: Path) -> None:
    """That no number is so large that no computer could hold the model."""
    sizes = {
        "projection_dim": config.dim,
        "vocab_size": config.vocab,
        "max_position_embeddings": config.context,
        "image_size": config.image,
        "patch_size": config.patch,
        "eos_token_id": config.eos,
    }
    for side, tower in (("text_config", config.text), ("vision_config", config.vision)):
        sizes[f"{side}.hidden_size"] = tower.width
        sizes[f"{side}.intermediate_size"] = tower.inner
        if tower.layers > LAYERS:
            reason = (
                f"{side}.num_hidden_layers is {tower.layers:,}, more than {LAYERS:,}"
            )
            raise BadCheckpoint(reason, where=str(path), advice="Correct the config.")
    for name, size in sizes.items():
        if size > LARGEST:
            raise BadCheckpoint(
                f"{name} is {size:,}, more than {LARGEST:,}",
                where=str(path),
                advice="Correct the config.",
            )


def _check_towers(config: Config, path: Path) -> None:
    for side, tower in (("text_config", config.text), ("vision_config", config.vision)):
        if not (math.isfinite(tower.eps) and tower.eps >= 0):
            raise BadCheckpoint(
                f"{side}.layer_norm_eps is {tower.eps}",
                where=str(path),
                advice="Correct the config.",
            )
        if tower.act not in ACTIVATIONS:
            activations = ", ".join(ACTIVATIONS)
            raise BadCheckpoint(
                f"{side}.hidden_act is {tower.act!r}",
                where=str(path),
                advice=f"Known are {activations}.",
            )
        if min(tower.width, tower.inner, tower.layers, tower.heads) < 1:
            reason = (
                f"{side}.hidden_size is {tower.width}, intermediate_size {tower.inner},"
                f" num_hidden_layers {tower.layers}, num_attention_heads {tower.heads}"
            )
            raise BadCheckpoint(reason, where=str(path), advice="Correct the config.")
        if tower.width % tower.heads:
            reason = f"{side}.hidden_size {tower.width} does not divide among {tower.heads} heads"
            raise BadCheckpoint(reason, where=str(path), advice="Correct the config.")
