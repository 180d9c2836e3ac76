"""Picture files as arrays and back: the one way in which govd reads a picture, whether it comes
from a file, over HTTP, as an example or in a folder. Backends decode with `picture`, so that the
same file means the same pixels everywhere.

What a picture is: the first frame, turned as its EXIF orientation says, as 8-bit RGB. Transparency
is dropped and the colours stored under it remain, palettes are looked up and CMYK is converted
without a colour profile, all as Pillow's `convert("RGB")` and therefore transformers' image
processors do. 16-bit grey keeps its upper eight bits (Pillow itself would clip it to white). Whole
numbers of 32 bits and floating-point values are refused: nothing in the file says what their white
is.

What is checked before anything is decoded: a regular file, one of `FORMATS`, at most `PIXELS`
pixels, not narrower than 1 : `NARROWEST`, and of a JPEG at most `SCANS` scans, each of which costs
a pass over all pixels.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import stat
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import numpy as np

from govd.errors import TooManyPixels, UnreadableImage, Usage
from govd.types import Bytes

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")
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
FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
"""What is decoded, as Pillow calls it. Nothing else is tried: other decoders run programs (EPS) or
fetch what a file names.
"""
PIXELS: Final = 2**27
"""Pixels of a picture at most: 134 million, half a gigabyte as Pillow keeps RGB."""
REQUEST_PIXELS: Final = 2**28
"""Pixels of all pictures of an HTTP request at most."""
NARROWEST: Final = 500
"""How many times longer than wide a picture may be; a model's preparation scales the shorter side
to its own size.
"""
SCANS: Final = 500
"""Scans of a JPEG at most; cameras and encoders write up to about twenty."""
LARGE: Final = 2**24
"""Pictures of more pixels than this are decoded one at a time."""
PART: Final = 32
PART_PIXELS: Final = 2**25
"""Pictures, and pixels of them, that are decoded ahead of a model."""

_ADVICE = "Give a PNG or JPEG file."
_SMALLER = "Scale it down: a model sees a few hundred pixels a side."
_KINDS = (
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"8BPS", "Photoshop"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x93NUMPY", "NumPy"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"version https://git-lfs", "Git LFS pointer (the file itself was not downloaded)"),
)
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
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
    return _opened(source, name, _rgb)


def decoded(source: Path | bytes, name: str = "") -> Bytes:
    """A picture file as `(H, W, 3)` uint8.

    Raises:
        UnreadableImage: as `picture`.
    """
    return np.asarray(picture(source, name))


def pixels_of(source: Source, name: str = "") -> int:
    """How many pixels a picture has, by its header: nothing is decoded.

    Raises:
        UnreadableImage: the header is of no picture, or says one that is over a bound.
    """
    if isinstance(source, np.ndarray):
        return int(source.shape[0] * source.shape[1]) if source.ndim == 3 else 0
    return _opened(source, name, lambda image: int(image.width * image.height))


def check_request(pixels: int) -> None:
    """That the pictures of one request have at most `REQUEST_PIXELS` pixels in all.

    Raises:
        TooManyPixels: they have more.
    """
    if pixels > REQUEST_PIXELS:
        what = (
            f"the pictures of this request have {pixels:,} pixels in all, more than"
            f" {REQUEST_PIXELS:,}"
        )
        raise TooManyPixels(what, advice=f"Send fewer at once. {_SMALLER}")


def turn(source: Source) -> contextlib.AbstractContextManager[Any]:
    """What to hold while a picture is decoded and prepared: large ones take turns, so that threads
    do not multiply their memory.
    """
    try:
        return _large if pixels_of(source) > LARGE else contextlib.nullcontext()
    except UnreadableImage:
        return contextlib.nullcontext()


def arrays(
    sources: Sequence[Source], names: Sequence[str]
) -> Iterator[dict[int, Bytes | UnreadableImage]]:
    """Pictures as `(H, W, 3)` uint8 by their place, or what is wrong with each; in parts that are
    bounded in number and pixels.
    """
    if not sources:
        return
    with ThreadPoolExecutor(min(4, len(sources))) as threads:
        for places in _parts(sources):
            yield dict(
                zip(
                    places,
                    threads.map(lambda i: _verdict(sources[i], names[i]), places),
                    strict=True,
                )
            )


def unreadable(sources: Sequence[Path]) -> dict[int, UnreadableImage]:
    """What is wrong with those files that are no pictures, by their place."""
    faults: dict[int, UnreadableImage] = {}
    for part in arrays(sources, [str(path) for path in sources]):
        faults |= {
            i: verdict for i, verdict in part.items() if isinstance(verdict, UnreadableImage)
        }
    return faults


def png(rows: Bytes) -> bytes:
    """`(H, W, 3)` uint8 as people look at it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rows).save(buffer, "PNG")
    return buffer.getvalue()


def _parts(sources: Sequence[Source]) -> Iterator[list[int]]:
    """Places of pictures that are decoded at once; a picture of more than `PART_PIXELS` is a part
    of its own.
    """
    part: list[int] = []
    total = 0
    for i, source in enumerate(sources):
        try:
            pixels = pixels_of(source)
        except UnreadableImage:
            pixels = 0
        if part and (len(part) == PART or total + pixels > PART_PIXELS):
            yield part
            part, total = [], 0
        part.append(i)
        total += pixels
    if part:
        yield part


def _verdict(source: Source, name: str) -> Bytes | UnreadableImage:
    try:
        return _checked_array(source) if isinstance(source, np.ndarray) else decoded(source, name)
    except UnreadableImage as error:
        return error


def _checked_array(rows: Bytes) -> Bytes:
    if rows.dtype != np.uint8 or rows.ndim != 3 or rows.shape[2] != 3 or not rows.size:
        raise Usage(
            f"a picture must be (H, W, 3) uint8, not {rows.shape} {rows.dtype}",
            advice="Convert it first.",
        )
    _check_size(rows.shape[1], rows.shape[0], "array")
    return rows


def _opened(source: Path | bytes, name: str, function: Callable[[Image.Image], T]) -> T:
    """What `function` makes of a picture whose header was checked; whatever a damaged file makes
    Pillow raise is told as one error.
    """
    where = name or (str(source) if isinstance(source, Path) else "picture")
    Image = _pillow()
    with _file(source, where) as file:
        try:
            with Image.open(file, formats=FORMATS) as image:
                _check_size(image.width, image.height, where)
                _check_scans(file, image.format, where)
                return function(image)
        except UnreadableImage:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _no_picture(f"has more than {PIXELS:,} pixels", where, _SMALLER) from None
        except Image.UnidentifiedImageError:
            raise _no_picture(_kind(file), where) from None
        # Pillow's decoders raise anything: struct.error, KeyError, SyntaxError, MemoryError, ...
        except Exception as error:
            raise _no_picture(
                f"is damaged ({str(error).strip() or type(error).__name__})", where
            ) from error


def _rgb(image: Image.Image) -> Image.Image:
    """The first frame, turned, as RGB."""
    image.load()
    turned = _TURNS[_orientation(image)]
    upright = image if turned is None else image.transpose(turned)
    if upright.mode.startswith("I;16") or (upright.mode == "I" and image.format == "PPM"):
        return _from_grey(upright, _white(image))
    if upright.mode in ("I", "F"):
        kind = "32-bit whole numbers" if upright.mode == "I" else "floating-point values"
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


def _check_size(width: int, height: int, where: str) -> None:
    shape = f"is {width:,} × {height:,} pixels"
    if width < 1 or height < 1:
        raise _no_picture(shape, where)
    if width * height > PIXELS:
        raise _no_picture(f"{shape}, more than {PIXELS:,} in all", where, _SMALLER)
    if max(width, height) > NARROWEST * min(width, height):
        raise _no_picture(f"{shape}, narrower than 1 : {NARROWEST}", where, "Cut it into parts.")


def _check_scans(file: BinaryIO, kind: str | None, where: str) -> None:
    """Marker FFDA begins a scan, and does not occur within one (ITU T.81, B.1.1.5)."""
    if kind not in ("JPEG", "MPO"):
        return
    at = file.tell()
    file.seek(0)
    scans, last = 0, b""
    while block := file.read(1 << 20):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:]
    file.seek(at)
    if scans > SCANS:
        raise _no_picture(
            f"is a JPEG of {scans:,} scans",
            where,
            "Save it again: a usual one has fewer than twenty.",
        )


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
            raise _no_picture("is a folder" if stat.S_ISDIR(mode) else "is no regular file", where)
        file = source.open("rb")
    except (OSError, ValueError) as error:
        raise _no_picture(
            f"cannot be opened ({getattr(error, 'strerror', None) or error})", where
        ) from None
    with file:
        yield file


def _kind(file: BinaryIO) -> str:
    """Why a file is no picture that is read, by how it begins."""
    file.seek(0)
    begin = file.read(64)
    if not begin:
        return "is empty"
    if begin[4:8] == b"ftyp" and begin[8:12] in _HEIF:
        return f"is HEIF, which is not read; {', '.join(FORMATS)} are"
    kind = next((kind for mark, kind in _KINDS if begin.lstrip().startswith(mark)), None)
    return f"is no picture but {kind}" if kind else f"is no picture: none of {', '.join(FORMATS)}"


def _no_picture(what: str, where: str, advice: str = _ADVICE) -> UnreadableImage:
    return UnreadableImage(what, where=where, advice=advice, path=where)


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
