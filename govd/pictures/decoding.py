"""A picture file decoded, whatever it says of its own orientation, depth and palette."""

from __future__ import annotations

import contextlib
import importlib
import io
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import numpy as np

from govd.errors import UnreadableImage

if TYPE_CHECKING:
    from PIL import Image
from govd.pictures.limits import (
    FORMATS,
    PIXELS,
    SMALLER,
    check_scans,
    check_size,
    kind_of,
    unreadable_image,
)

T = TypeVar("T")


def open_picture(
    source: Path | bytes, name: str, function: Callable[[Image.Image], T]
) -> T:
    """What `function` makes of a picture whose header was checked; whatever a damaged file makes
    Pillow raise is told as one error. `source`: its file or bytes; `name`: what errors call it.

    Raises:
        UnreadableImage: it is none, is damaged, or is over a bound.
    """
    place = name or (str(source) if isinstance(source, Path) else "picture")
    Image = _pillow()
    with _file(source, place) as file:
        try:
            with Image.open(file, formats=FORMATS) as image:
                check_size(image.width, image.height, place)
                check_scans(file, image.format, place)
                return function(image)
        except UnreadableImage:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise unreadable_image(
                f"has more than {PIXELS:,} pixels", place, SMALLER
            ) from None
        except Image.UnidentifiedImageError:
            raise unreadable_image(kind_of(file), place) from None
        # Pillow's decoders raise anything: struct.error, KeyError, SyntaxError, MemoryError, ...
        except Exception as error:
            raise unreadable_image(
                f"is damaged ({str(error).strip() or type(error).__name__})", place
            ) from error


def rgb(image: Image.Image) -> Image.Image:
    """The first frame, turned, as RGB.

    Raises:
        ValueError: nothing says what its white is.
    """
    image.load()
    turned = _TURNS[_orientation(image)]
    upright = image if turned is None else image.transpose(turned)
    if upright.mode.startswith("I;16") or (
        upright.mode == "I" and image.format == "PPM"
    ):
        return _from_grey(upright, _white(image))
    if upright.mode in ("I", "F"):
        kind = (
            "32-bit whole numbers" if upright.mode == "I" else "floating-point values"
        )
        raise ValueError(
            f"its pixels are {kind}, whose white is not known: save it with 8 or 16 bits"
        )
    if "transparency" in upright.info:
        upright = upright.convert("RGBA")
    return upright.convert("RGB")


def _from_grey(image: Image.Image, white: int) -> Image.Image:
    """Grey of more than eight bits as RGB: scaled so that `white` (2ⁿ − 1) is 255, by its upper
    eight bits.
    """
    from PIL import Image

    rows = np.asarray(image).astype(np.int64) >> (white.bit_length() - 8)
    grey = Image.fromarray(np.clip(rows, 0, 255).astype(np.uint8))
    return grey.convert("RGB")


def _white(image: Image.Image) -> int:
    """The greatest value of a grey picture of more than eight bits: a TIFF may say fewer than 16
    (tag 258, BitsPerSample).
    """
    bits = getattr(image, "tag_v2", {}).get(258, (16,))
    first = bits[0] if isinstance(bits, tuple) else bits
    return int(2 ** min(max(int(first), 8), 16) - 1)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8 (CIPA DC-008, tag 0x0112); 1 where the block is missing or
    cannot be read: its pixels can.
    """
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - a broken block raises whatever it happens upon
        return 1
    return value if type(value) is int and value in _TURNS else 1


_TURNS: Final[dict[int, Any]] = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""Pillow's `Transpose` that shows a picture of each orientation upright."""


@contextlib.contextmanager
def _file(source: Path | bytes, where: str) -> Iterator[BinaryIO]:
    """A picture's bytes as an open file; only a regular one is opened: reading a pipe or a device
    need not end.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
        return
    try:
        mode = source.stat().st_mode
        if not stat.S_ISREG(mode):
            raise unreadable_image(
                "is a folder" if stat.S_ISDIR(mode) else "is not a regular file", where
            )
        file = source.open("rb")
    except (OSError, ValueError) as error:
        raise unreadable_image(
            f"cannot be opened ({getattr(error, 'strerror', None) or error})", where
        ) from None
    with file:
        yield file


def _pillow() -> Any:
    """Pillow with the decoders of `FORMATS`, quiet about what is judged here."""
    from PIL import Image

    if not _ready.is_set():
        for decoder in ("Avif", "Bmp", "Gif", "Jpeg", "Png", "Ppm", "Tiff", "WebP"):
            importlib.import_module(f"PIL.{decoder}ImagePlugin")
        Image.MAX_IMAGE_PIXELS = PIXELS
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        _ready.set()
    return Image


_ready = threading.Event()
