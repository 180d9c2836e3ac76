"""Pictures as a checkpoint wants them: by the image processor that transformers would open beside
it, in its form for Pillow and NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from PIL import Image

from govd.errors import BadCheckpoint
from govd.types import Bytes, Floats
from govd_clip.config import Config
from govd_clip.first_import import import_transformers

KNOWN: Final = (
    "CLIP",
    "ChineseCLIP",
    "ViT",
    "DeiT",
    "Bit",
    "ConvNext",
    "Blip",
    "Siglip",
)
"""Families whose image processors only resize, crop, rescale and normalise; others run programs or
make several inputs of one picture.
"""
STEPS: Final = (
    "resize",
    "center_crop",
    "rescale",
    "normalize",
    "_preprocess",
    "process_image",
    "convert_to_rgb",
)
"""Steps of a processor, by their names in transformers."""
LARGEST: Final = 4096
"""Pixels a side that a processor may ask for at most."""

_AGAIN = "Copy preprocessor_config.json from the original checkpoint."


@dataclass(frozen=True)
class Resizing:
    """A picture made a square of `side` pixels: its shorter side resized to that and the middle cut
    out (`mode` shortest), or both sides (squash). `filter`: as Pillow numbers it.
    """

    side: int
    filter: int
    mode: str


class Preparation(Protocol):
    """A picture as the `(3, size, size)` float32 input of a model."""

    size: int

    def __call__(self, image: Image.Image) -> Floats:
        """`(3, size, size)` float32 of an RGB picture.

        Raises:
            BadCheckpoint: its settings make another shape of it.
        """
        ...

    def scaling(self) -> tuple[Floats, Floats]:
        """Mean and deviation `(3,)` that pixels from 0 to 1 are normalised with."""
        ...


def prepared(folder: Path, config: Config) -> Preparation:
    """The preparation of a checkpoint's pictures, as its family's library does it.

    Raises:
        BadCheckpoint: its settings cannot be used.
    """
    if config.family == "open_clip":
        from govd_clip.open_clip_pictures import OpenClipPreparation

        return OpenClipPreparation(folder, config.image)
    return Processor(folder, config.image)


class Processor:
    """The image processor of transformers that a checkpoint names."""

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self._where = str(folder)
        self._processor = _opened(folder)
        self._shortcut = _has_steps_of_pillow(type(self._processor))
        self._table = self._values() if self._shortcut else None
        for sides in _sizes(self._processor):
            if not 1 <= sides <= LARGEST:
                raise self._bad(
                    f"asks for {sides} pixels a side; 1 to {LARGEST} can be"
                )
        for shape in (
            (2 * size, size),
            (size, 3 * size),
            (size // 2 + 1, size // 2 + 1),
            (size + 1, size),
        ):
            try:
                prepared = self(Image.new("RGB", shape, (255, 128, 0)))
            except (BadCheckpoint, MemoryError):
                raise
            except Exception as error:
                raise self._bad(f"does not load: {error}", _AGAIN) from error
            if not np.isfinite(prepared).all():
                raise self._bad("makes values that are not finite", _AGAIN)

    def __call__(self, image: Image.Image) -> Floats:
        """`(3, size, size)` float32 of an RGB picture.

        Raises:
            BadCheckpoint: the processor makes another shape of it.
        """
        options: dict[str, Any] = {}
        target = self._target(image) if self._shortcut else None
        if target is not None:
            image = image.resize(
                target, resample=Image.Resampling(int(self._processor.resample))
            )
            options["do_resize"] = False
            square = self._square(image)
            if self._table is not None and square is not None:
                return _looked_up(self._table, np.asarray(square))
        with np.errstate(all="ignore"):
            rows = np.asarray(
                self._processor(image, return_tensors="np", **options)["pixel_values"],
                np.float32,
            )
        if rows.shape != (1, 3, self.size, self.size):
            raise self._bad(
                f"makes pictures of {rows.shape[2:]}, the model takes {self.size}",
                "They must be of the same checkpoint.",
            )
        prepared: Floats = rows[0]
        return prepared

    def scaling(self) -> tuple[Floats, Floats]:
        """Mean and deviation `(3,)` that pixels from 0 to 1 are normalised with, the processor's
        own scale included.
        """
        processor = self._processor
        scale = 255.0
        if processor.do_rescale:
            scale = 255 * float(processor.rescale_factor)
        mean, deviation = (
            (
                np.asarray(processor.image_mean, np.float64),
                np.asarray(processor.image_std, np.float64),
            )
            if processor.do_normalize
            else (np.zeros(3), np.ones(3))
        )
        return np.broadcast_to(mean / scale, 3), np.broadcast_to(deviation / scale, 3)

    def resizing(self) -> Resizing | None:
        """How it makes squares of pictures; None where it is not one of two usual ways."""
        processor = self._processor
        if not processor.do_resize or not isinstance(processor.resample, int):
            return None
        size = {
            name: int(value)
            for name, value in dict(processor.size or {}).items()
            if value
        }
        crop = dict(getattr(processor, "crop_size", None) or {})
        is_cut = bool(getattr(processor, "do_center_crop", False))
        if is_cut and set(size) == {"shortest_edge"}:
            sides = {*size.values(), *map(int, crop.values())}
            mode = "shortest"
        else:
            sides = set(size.values())
            mode = "squash"
            if is_cut or set(size) != {"height", "width"}:
                return None
        if len(sides) == 1:
            return Resizing(sides.pop(), int(processor.resample), mode)
        return None

    def _target(self, image: Image.Image) -> tuple[int, int] | None:
        """Width and height that the processor resizes to, where that is all that it does; None:
        leave it to the processor.

        What it does itself is the same on an array that is made a picture again: for a large
        picture a gigabyte more.
        """
        processor = self._processor
        size = dict(self._processor.size or {})
        sides = {name: int(value) for name, value in size.items() if value}
        # of other things its own code makes what it can
        if not processor.do_resize or not isinstance(processor.resample, int):
            return None
        if set(sides) == {"height", "width"}:
            return sides["width"], sides["height"]
        if set(sides) != {"shortest_edge"}:
            return None
        short, long = sorted(image.size)
        scaled = int(sides["shortest_edge"] * long / short)
        if image.width <= image.height:
            return (sides["shortest_edge"], scaled)
        return (scaled, sides["shortest_edge"])

    def _values(self) -> Floats | None:
        """What the processor makes of each value in each channel `(3, 256)` float32, where that is
        all that it does to a square of its size. Asking it costs a fifth of a millisecond a
        picture, most of it in Python; looking up gives the same bits.
        """
        if getattr(self._processor, "do_pad", False):
            return None
        every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
        try:
            with np.errstate(all="ignore"):
                made = self._processor(
                    Image.fromarray(every),
                    return_tensors="np",
                    do_resize=False,
                    do_center_crop=False,
                )["pixel_values"]
        except MemoryError:
            raise
        # a processor raises whatever it likes; it is told where a picture is prepared
        except Exception:  # noqa: BLE001
            return None
        rows = np.asarray(made, np.float32)
        return rows.reshape(3, 256) if rows.shape == (1, 3, 16, 16) else None

    def _square(self, image: Image.Image) -> Image.Image | None:
        """The square of this size that the processor cuts out of a resized picture; None where it
        cuts something else.
        """
        size = self.size
        if getattr(self._processor, "do_center_crop", False):
            crop = dict(self._processor.crop_size or {})
            if {crop.get("height"), crop.get("width")} != {size}:
                return None
            left, top = (image.width - size) // 2, (image.height - size) // 2
            if left < 0 or top < 0:
                return None
            return image.crop((left, top, left + size, top + size))
        return image if image.size == (size, size) else None

    def _bad(
        self,
        what: str,
        advice: str = "Correct it, or copy it from the original checkpoint.",
    ) -> BadCheckpoint:
        return BadCheckpoint(
            f"preprocessor_config.json {what}", where=self._where, advice=advice
        )


def _opened(folder: Path) -> Any:
    import_transformers()
    from transformers.models.auto.image_processing_auto import AutoImageProcessor

    try:
        processor: Any = AutoImageProcessor.from_pretrained(
            str(folder), backend="pil", local_files_only=True, trust_remote_code=False
        )
    except MemoryError:
        raise
    except Exception as error:
        raise BadCheckpoint(
            f"preprocessor_config.json does not load: {error}",
            where=str(folder),
            advice=_AGAIN,
        ) from error
    name = type(processor).__name__
    if name.removesuffix("Pil").removesuffix(
        "ImageProcessor"
    ) not in KNOWN or not name.endswith("ImageProcessorPil"):
        processors = ", ".join(f"{family}ImageProcessor" for family in KNOWN)
        advice = f"Known are {processors}."
        raise BadCheckpoint(
            f"its image processor is {name.removesuffix('Pil')}, which is not known here",
            where=str(folder),
            advice=advice,
        )
    return processor


def _looked_up(table: Floats, pixels: Bytes) -> Floats:
    """`(3, H, W)` float32 of `(H, W, 3)` uint8, from a table `(3, 256)`."""
    return np.stack([table[channel][pixels[:, :, channel]] for channel in range(3)])


def _has_steps_of_pillow(kind: type) -> bool:
    """Whether a processor's own steps are those of transformers' Pillow backend, so that resizing
    may be done before them, and the others be looked up.
    """
    import_transformers()
    from transformers.image_processing_backends import PilBackend

    return all(getattr(kind, step) is getattr(PilBackend, step) for step in STEPS)


def _sizes(processor: Any) -> Iterator[int]:
    """Every number of pixels that a processor's settings ask for."""
    for name in ("size", "crop_size", "pad_size"):
        value = getattr(processor, name, None)
        sides = (
            []
            if value is None
            else [value]
            if isinstance(value, int)
            else dict(value).values()
        )
        yield from (int(side) for side in sides)
