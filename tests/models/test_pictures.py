"""One way of decoding: what a picture is, whatever file it comes in, and what is refused before
anything is decoded.
"""

import contextlib
import io
import os
import struct
import threading
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from govd import pictures
from govd.errors import TooManyPixels, UnreadableImage, Usage
from govd.pictures import decoded, limits, picture, pixels_of

ROWS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
UPRIGHT = np.random.default_rng(1).integers(0, 256, (2, 3, 3), np.uint8)


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def bare_png(width: int, height: int, rows: int = 0) -> bytes:
    """A PNG of one bit a pixel whose data hold only `rows` rows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body))
            + kind
            + body
            + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress((b"\0" + b"\xaa" * -(-width // 8)) * rows, 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "PPM"])
def test_a_file_and_its_bytes_are_the_same_pixels(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(
        saved(
            Image.fromarray(ROWS),
            kind,
            **({"lossless": True} if kind == "WEBP" else {}),
        )
    )
    assert (decoded(path) == ROWS).all()
    assert (decoded(path.read_bytes()) == np.asarray(picture(path))).all()
    assert pixels_of(path) == pixels_of(path.read_bytes()) == pixels_of(ROWS) == 240


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_exif_says(kind: str, orientation: int) -> None:
    # Pillow's transposition that brings the camera's view about
    undo = {
        2: 0,
        3: 3,
        4: 1,
        5: 5,
        6: 2,
        7: 6,
        8: 4,
    }
    smooth = Image.fromarray(UPRIGHT).resize((36, 24), Image.Resampling.BICUBIC)
    stored = smooth.transpose(undo[orientation]) if orientation in undo else smooth
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = decoded(
        saved(stored, kind, exif=exif, **({} if kind == "TIFF" else {"quality": 100}))
    )
    assert turned.shape == (24, 36, 3)
    assert np.abs(turned.astype(int) - np.asarray(smooth)).mean() < 6


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_grey_of_16_bits_is_scaled_to_8(kind: str, order: str) -> None:
    grey = np.arange(256, dtype=np.uint16).reshape(16, 16)
    for values in (grey * 257, grey * 256, grey * 256 + 255):
        image = (
            Image.fromarray(values.astype(order))
            if kind == "TIFF"
            else Image.fromarray(values)
        )
        assert (decoded(saved(image, kind)) == grey[..., None]).all()


def test_whole_numbers_without_a_known_white_are_refused() -> None:
    for rows in (
        np.arange(16, dtype=np.int32),
        np.linspace(0, 1, 16, dtype=np.float32),
    ):
        with pytest.raises(UnreadableImage, match="white is not known"):
            decoded(saved(Image.fromarray(rows.reshape(4, 4)), "TIFF"), "scan.tiff")


def test_modes_are_converted_as_pillow_does(tmp_path: Path) -> None:
    """`convert("RGB")`: CMYK without a profile, transparency dropped, not laid over white or
    black.
    """
    alpha = np.dstack(
        [ROWS, np.random.default_rng(2).integers(0, 256, ROWS.shape[:2], np.uint8)]
    )
    palette = Image.fromarray(ROWS).quantize(16)
    files = {
        "L": saved(Image.fromarray(ROWS[..., 0]), "PNG"),
        "1": saved(Image.fromarray(ROWS[..., 0] > 99), "PNG"),
        "LA": saved(Image.fromarray(alpha).convert("LA"), "PNG"),
        "RGBA": saved(Image.fromarray(alpha), "PNG"),
        "CMYK": saved(Image.fromarray(ROWS).convert("CMYK"), "TIFF"),
        "CMYK JPEG": saved(Image.fromarray(ROWS).convert("CMYK"), "JPEG"),
        "YCbCr": saved(Image.fromarray(ROWS).convert("YCbCr"), "JPEG"),
        "P": saved(palette, "PNG"),
        "GIF": saved(palette, "GIF", transparency=3),
        "one transparent colour": saved(palette, "PNG", transparency=3),
        "many transparent colours": saved(
            palette, "PNG", transparency=bytes(range(16))
        ),
    }
    for name, data in files.items():
        with Image.open(io.BytesIO(data)) as image:
            # what follows would warn of it, and give the same
            image.info.pop("transparency", None)
            assert (decoded(data, name) == np.asarray(image.convert("RGB"))).all(), name
    assert (decoded(files["RGBA"]) == ROWS).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert np.abs(decoded(data).astype(int) - (255, 0, 0)).max() <= 3


def test_other_formats_are_refused_by_name_and_never_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = tmp_path / "ran"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {ran}\n")
    (tmp_path / "gs").chmod(0o755)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    kinds = {
        eps: "PostScript",
        b"%PDF-1.7": "PDF",
        b"  <svg xmlns": "SVG",
        b"": "is empty",
        b"\0\0\0\x18ftypheic": "HEIF",
        saved(Image.fromarray(ROWS), "JPEG2000"): "JPEG 2000",
        saved(Image.fromarray(ROWS), "ICO"): "none of PNG",
        saved(Image.fromarray(ROWS), "TGA"): "none of PNG",
        b"words": "none of PNG",
    }
    for data, word in kinds.items():
        with pytest.raises(UnreadableImage, match=word) as raised:
            decoded(data, "upload")
        assert raised.value.details["path"] == "upload"
    path = tmp_path / "picture.png"
    path.write_bytes(eps)
    with pytest.raises(UnreadableImage, match="PostScript"):
        picture(path)
    assert not ran.exists()


def test_what_is_too_large_is_refused_by_its_header() -> None:
    for width, height in (
        (30_000, 30_000),
        (2**31 - 1, 2**31 - 1),
        (12_000, 12_000),
        (9_000, 4),
        (1, 501),
    ):
        data = bare_png(width, height)
        tracemalloc.start()
        with pytest.raises(UnreadableImage, match="pixels"):
            pixels_of(data, "huge.png")
        with pytest.raises(UnreadableImage, match="pixels"):
            decoded(data, "huge.png")
        assert tracemalloc.get_traced_memory()[1] < 2**22
        tracemalloc.stop()
    assert pixels_of(bare_png(11_000, 11_000)) == 121_000_000
    limits.check_request(limits.REQUEST_PIXELS)
    with pytest.raises(TooManyPixels, match="in all"):
        limits.check_request(limits.REQUEST_PIXELS + 1)


def test_a_jpeg_that_draws_itself_over_and_over_is_refused() -> None:
    data = saved(Image.fromarray(ROWS), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(UnreadableImage, match="scans"):
        decoded(data[:-2] + data[scan:-2] * 1000 + data[-2:])
    assert decoded(data).shape == ROWS.shape


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "folder.png").mkdir()
    started = time.monotonic()
    for path in (
        *sorted(tmp_path.iterdir()),
        tmp_path / "none.png",
        Path("/dev/zero"),
        Path("a\0b"),
    ):
        with pytest.raises(UnreadableImage) as raised:
            picture(path)
        assert raised.value.details["path"] == str(path)
    assert time.monotonic() - started < 5


def test_an_array_is_a_picture_or_wrong_usage() -> None:
    assert (np.asarray(picture(ROWS)) == ROWS).all()
    for rows in (ROWS[..., 0], ROWS.astype(np.float32), ROWS[:0]):
        with pytest.raises(Usage, match="uint8"):
            picture(rows)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "AVIF"]),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6
    ),
    st.floats(0, 1),
)
def test_damaged_files_are_read_or_refused(
    kind: str, hits: list[tuple[float, int]], kept: float
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x011A] = 72.0
    how = {"exif": exif} if kind in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF") else {}
    data = bytearray(saved(Image.fromarray(ROWS), kind, **how))
    for place, value in hits:
        data[int(place * min(len(data), 300))] = value
    cut = bytes(data[: max(1, int(kept * len(data)))]) if kept < 0.5 else bytes(data)
    with contextlib.suppress(UnreadableImage):
        assert decoded(cut).dtype == np.uint8


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"garbage",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\0\x01\x01\x1a\0\x05",
    ],
)
def test_a_broken_exif_block_leaves_the_pixels(block: bytes) -> None:
    data = saved(Image.fromarray(ROWS), "JPEG", quality=100)
    body = b"Exif\0\0" + block
    hurt = data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    assert (decoded(hurt) == decoded(data)).all()


def test_each_picture_has_its_own_verdict_and_large_ones_are_decoded_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "PART_PIXELS", 700)
    sources = [
        ROWS,
        b"none",
        saved(Image.fromarray(ROWS), "PNG"),
        saved(Image.fromarray(ROWS).resize((40, 40)), "PNG"),
        ROWS,
    ]
    parts = list(pictures.arrays(sources, list("abcde")))
    assert [sorted(part) for part in parts] == [[0, 1, 2], [3], [4]]
    verdicts = {i: verdict for part in parts for i, verdict in part.items()}
    assert isinstance(verdicts[1], UnreadableImage)
    assert verdicts[1].where == "b"
    assert (verdicts[2] == ROWS).all()


def test_large_pictures_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "LARGE", 100)
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with pictures.turn(ROWS):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
