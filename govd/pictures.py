"""Picture files as arrays and back."""

from __future__ import annotations

import io
from typing import Final

import numpy as np

from govd.errors import UnreadableImage
from govd.types import Bytes

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def decoded(data: bytes, name: str) -> Bytes:
    """A picture file as `(H, W, 3)` uint8.

    Raises:
        UnreadableImage: it is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        what = "is no picture" if isinstance(fault, UnidentifiedImageError) else f"is no picture ({fault})"
        raise UnreadableImage(what, where=name, advice="Give a PNG or JPEG file.", path=name) from None


def png(rows: Bytes) -> bytes:
    """`(H, W, 3)` uint8 as people look at it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rows).save(buffer, "PNG")
    return buffer.getvalue()
