"""What is a picture, and how large it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from govd.errors import TooManyPixels, UnreadableImage

if TYPE_CHECKING:
    pass

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
_ADVICE = "Give a PNG or JPEG file."
SMALLER = "Scale it down: a model sees a few hundred pixels a side."
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
    (
        b"version https://git-lfs",
        "Git LFS pointer (the file itself was not downloaded)",
    ),
)
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def check_request(pixels: int) -> None:
    """That the pictures of one request have at most `REQUEST_PIXELS` pixels in all.

    Raises:
        TooManyPixels: they have more.
    """
    if pixels > REQUEST_PIXELS:
        fault = (
            f"the pictures of this request have {pixels:,} pixels in all, more than"
            f" {REQUEST_PIXELS:,}"
        )
        raise TooManyPixels(fault, advice=f"Send fewer at once. {SMALLER}")


def check_size(width: int, height: int, where: str) -> None:
    """That a picture, called `where` in errors, has not too many pixels and is not too narrow;
    `width` and `height` in pixels.

    Raises:
        UnreadableImage: it has.
    """
    shape = f"is {width:,} × {height:,} pixels"
    if width < 1 or height < 1:
        raise unreadable_image(shape, where)
    if width * height > PIXELS:
        raise unreadable_image(f"{shape}, more than {PIXELS:,} in all", where, SMALLER)
    if max(width, height) > NARROWEST * min(width, height):
        raise unreadable_image(
            f"{shape}, narrower than 1 : {NARROWEST}", where, "Cut it into parts."
        )


def check_scans(file: BinaryIO, kind: str | None, where: str) -> None:
    """That a `file` that Pillow calls `kind`, and errors `where`, has at most `SCANS` scans where
    it is a JPEG: marker FFDA begins a scan, and does not occur within one (ITU T.81, B.1.1.5).

    Raises:
        UnreadableImage: it has more.
    """
    if kind not in ("JPEG", "MPO"):
        return
    at = file.tell()
    file.seek(0)
    scans = 0
    last = b""
    while block := file.read(1 << 20):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:]
    file.seek(at)
    if scans > SCANS:
        raise unreadable_image(
            f"is a JPEG of {scans:,} scans",
            where,
            "Save it again: a usual one has fewer than twenty.",
        )


def kind_of(file: BinaryIO) -> str:
    """Why a file is no picture that is read, by how it begins."""
    file.seek(0)
    begin = file.read(64)
    if not begin:
        return "is empty"
    if begin[4:8] == b"ftyp" and begin[8:12] in _HEIF:
        return f"is HEIF, which is not read; {', '.join(FORMATS)} are"
    kind = next(
        (kind for mark, kind in _KINDS if begin.lstrip().startswith(mark)), None
    )
    if kind:
        return f"is no picture but {kind}"
    return f"is no picture: none of {', '.join(FORMATS)}"


def unreadable_image(what: str, where: str, advice: str = _ADVICE) -> UnreadableImage:
    """An error about a picture: `what` is wrong, `where` it is, and what to do (`advice`)."""
    return UnreadableImage(what, where=where, advice=advice, path=where)
