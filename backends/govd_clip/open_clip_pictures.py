"""Pictures as open_clip prepares them: `preprocess_cfg` of its config, on Pillow and NumPy.

What torchvision does there is the same to the last pixel: `Resize` of a picture is Pillow's, and
`CenterCrop` rounds half a pixel to the even one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from govd.errors import BadCheckpoint
from govd.types import Floats
from govd_clip.layouts import OPEN_CONFIG
from govd_clip.regular import read_json

MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
DEVIATION: Final = (0.26862954, 0.26130258, 0.27577711)
"""What CLIP was trained with, and open_clip takes where nothing is said."""
FILTERS: Final = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}
MODES: Final = ("shortest", "squash")
KNOWN: Final = frozenset(
    ["size", "mode", "mean", "std", "interpolation", "resize_mode"]
)


class OpenClipPreparation:
    """A picture as the `(3, size, size)` float32 input of the model."""

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self._where = str(folder / OPEN_CONFIG)
        settings = read_json(folder / OPEN_CONFIG).get("preprocess_cfg") or {}
        if not isinstance(settings, dict):
            raise self._bad("is no list of settings")
        self._check(settings)
        try:
            self._mean = _three(settings.get("mean") or MEAN)
            self._deviation = _three(settings.get("std") or DEVIATION)
        except (TypeError, ValueError) as error:
            raise self._bad(
                f"has a mean or std that cannot be used ({error})"
            ) from None
        self._filter = FILTERS[str(settings.get("interpolation") or "bicubic")]
        self._squashes = settings.get("resize_mode") == "squash"

    def __call__(self, image: Image.Image) -> Floats:
        """`(3, size, size)` float32 of an RGB picture."""
        size = self.size
        if self._squashes:
            sides = (size, size)
        else:
            short, long = sorted(image.size)
            scaled = int(size * long / short)
            sides = (size, scaled) if image.width <= image.height else (scaled, size)
        pixels = np.asarray(image.resize(sides, self._filter), np.float32)
        top, left = (round((side - size) / 2) for side in pixels.shape[:2])
        cropped = pixels[top : top + size, left : left + size] / np.float32(255)
        normal = (cropped - self._mean.astype(np.float32)) / self._deviation.astype(
            np.float32
        )
        prepared: Floats = np.ascontiguousarray(normal.transpose(2, 0, 1))
        return prepared

    def scaling(self) -> tuple[Floats, Floats]:
        """Mean and deviation `(3,)` that pixels from 0 to 1 are normalised with."""
        return self._mean, self._deviation

    def _check(self, settings: Mapping[str, Any]) -> None:
        size = settings.get("size")
        sides = set(size[-2:]) if isinstance(size, list) else {size}
        if size is not None and sides != {self.size}:
            raise self._bad(f"makes pictures of {size}, the model takes {self.size}")
        faults = {
            "mode": settings.get("mode") not in (None, "RGB"),
            "interpolation": settings.get("interpolation") not in (None, "", *FILTERS),
            "resize_mode": settings.get("resize_mode") not in (None, "", *MODES),
        }
        for name, is_fault in faults.items():
            if is_fault:
                raise self._bad(
                    f"says {name} {str(settings[name])[:40]!r}, which is not known here"
                )

    def _bad(self, what: str) -> BadCheckpoint:
        advice = "Correct it, or copy it from the original checkpoint."
        return BadCheckpoint(f"preprocess_cfg {what}", where=self._where, advice=advice)


def _three(numbers: Any) -> Floats:
    """Three finite numbers, of one or three.

    Raises:
        TypeError, ValueError: they are not.
    """
    values = np.broadcast_to(np.asarray(numbers, np.float64), 3)
    if not np.isfinite(values).all():
        raise ValueError("not finite")
    return np.array(values)
