"""Picture files as arrays and back: the one way in which govd reads a picture, whether it comes
from a file, over HTTP, as an example or in a folder. Backends decode with `picture`, so that the
same file means the same pixels everywhere.

What a picture is: the first frame, turned as its EXIF orientation says, as 8-bit RGB. Transparency
is dropped and the colours stored under it remain, palettes are looked up and CMYK is converted
without a colour profile, all as Pillow's `convert("RGB")` does, and with it transformers'
`load_image` and open_clip. A processor of transformers that is handed a picture with transparency
itself lays it over white in newer versions: such pictures it sees otherwise. 16-bit grey keeps its
upper eight bits (Pillow itself would clip it to white). Whole numbers of 32 bits and floating-point
values are refused: nothing in the file says what their white is.

What is checked before anything is decoded: a regular file, one of `limits.FORMATS`, at most
`limits.PIXELS` pixels, not narrower than 1 : `limits.NARROWEST`, and of a JPEG at most
`limits.SCANS` scans, each of which costs a pass over all pixels.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from govd.errors import UnreadableImage, Usage
from govd.pictures.decoding import open_picture, rgb
from govd.pictures.limits import check_size
from govd.types import Bytes

if TYPE_CHECKING:
    from PIL import Image

Source = Path | bytes | Bytes
"""A picture as a file, as the bytes of a file, or as an `(H, W, 3)` uint8 array."""
SUFFIXES: Final = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".webp",
    ".avif",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
)
"""Endings of file names, in lower case, that are taken for pictures in a folder."""
LARGE: Final = 2**24
"""Pictures of more pixels than this are decoded one at a time."""
PART: Final = 32
PART_PIXELS: Final = 2**25
"""Pictures, and pixels of them, that are decoded ahead of a model."""
FEW_PIXELS: Final = 2**18
"""Pixels of a part that one thread decodes sooner than several would be begun."""
_large = threading.Lock()


def picture(source: Source, name: str = "") -> Image.Image:
    """A picture as Pillow's RGB image. `name`: what errors call it (a path is its own name).

    Raises:
        UnreadableImage: it is no picture, is damaged, or is over a bound; `details["path"]` names
        it. Usage: an array that is not `(H, W, 3)` uint8.
    """
    if isinstance(source, np.ndarray):
        from PIL import Image

        return Image.fromarray(_checked_array(source))
    return open_picture(source, name, rgb)


def decoded(source: Path | bytes, name: str = "") -> Bytes:
    """A picture file as `(H, W, 3)` uint8.

    Raises:
        UnreadableImage: as `picture`.
    """
    return np.asarray(picture(source, name))


def decoded_small(source: Path | bytes, pixels: int, name: str = "") -> Bytes | None:
    """A picture file as `(H, W, 3)` uint8; None where it has more than so many pixels, which its
    header tells: nothing is decoded then.

    Raises:
        UnreadableImage: as `picture`.
    """

    def rows(image: Image.Image) -> Bytes | None:
        if image.width * image.height > pixels:
            return None
        return np.asarray(rgb(image))

    return open_picture(source, name, rows)


def pixels_of(source: Source, name: str = "") -> int:
    """How many pixels a picture has, by its header: nothing is decoded.

    Raises:
        UnreadableImage: the header is of no picture, or says one that is over a bound.
    """
    if isinstance(source, np.ndarray):
        if source.ndim == 3:
            return int(source.shape[0] * source.shape[1])
        return 0
    return open_picture(source, name, lambda image: int(image.width * image.height))


def turn(source: Source) -> contextlib.AbstractContextManager[Any]:
    """What to hold while a picture is decoded and prepared: large ones take turns, so that threads
    do not multiply their memory.
    """
    try:
        if pixels_of(source) > LARGE:
            return _large
        return contextlib.nullcontext()
    except UnreadableImage:
        return contextlib.nullcontext()


def arrays(
    sources: Sequence[Source], names: Sequence[str]
) -> Iterator[dict[int, Bytes | UnreadableImage]]:
    """Pictures as `(H, W, 3)` uint8 by their place, or what is wrong with each; in parts that are
    bounded in number and pixels.
    """

    def verdict(place: int) -> Bytes | UnreadableImage:
        return _verdict(sources[place], names[place])

    with contextlib.ExitStack() as stack:
        threads: ThreadPoolExecutor | None = None
        for places, pixels in _parts(sources):
            if len(places) == 1 or pixels <= FEW_PIXELS:
                yield dict(zip(places, map(verdict, places), strict=True))
                continue
            if threads is None:
                threads = stack.enter_context(ThreadPoolExecutor(4))
            yield dict(zip(places, threads.map(verdict, places), strict=True))


def unreadable(sources: Sequence[Path]) -> dict[int, UnreadableImage]:
    """What is wrong with those files that are no pictures, by their place."""
    faults: dict[int, UnreadableImage] = {}
    for part in arrays(sources, [str(path) for path in sources]):
        faults |= {
            i: verdict
            for i, verdict in part.items()
            if isinstance(verdict, UnreadableImage)
        }
    return faults


def png(rows: Bytes) -> bytes:
    """`(H, W, 3)` uint8 as people look at it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rows).save(buffer, "PNG")
    return buffer.getvalue()


def _parts(sources: Sequence[Source]) -> Iterator[tuple[list[int], int]]:
    """Places of pictures that are decoded at once, and how many pixels they have; a picture of more
    than `PART_PIXELS` is a part of its own.
    """
    part: list[int] = []
    total = 0
    for i, source in enumerate(sources):
        try:
            pixels = pixels_of(source)
        except UnreadableImage:
            pixels = 0
        if part and (len(part) == PART or total + pixels > PART_PIXELS):
            yield part, total
            part = []
            total = 0
        part.append(i)
        total += pixels
    if part:
        yield part, total


def _verdict(source: Source, name: str) -> Bytes | UnreadableImage:
    try:
        if isinstance(source, np.ndarray):
            return _checked_array(source)
        return decoded(source, name)
    except UnreadableImage as error:
        return error


def _checked_array(rows: Bytes) -> Bytes:
    if rows.dtype != np.uint8 or rows.ndim != 3 or rows.shape[2] != 3 or not rows.size:
        raise Usage(
            f"a picture must be (H, W, 3) uint8, not {rows.shape} {rows.dtype}",
            advice="Convert it first.",
        )
    check_size(rows.shape[1], rows.shape[0], "array")
    return rows
