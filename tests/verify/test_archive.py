"""Zip files as bundles are: one after the other by name, nothing between, nothing twice."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from govd.errors import BadFile
from govd.verify import archive
from govd.verify.bundle import verified
from tests.ledger.forging import zipped

LIMIT = 1000


def read(data: bytes, limit: int = LIMIT) -> list[str]:
    return list(archive.Archive(io.BytesIO(data), limit).members)


def local(name: str, content: bytes = b"x") -> bytes:
    """A member as `write` begins and goes on, whatever its name."""
    (start,) = zipped({"a.txt": content}).getvalue().split(b"a.txt", 1)[:1]
    size = struct.pack("<H", len(name))
    return start[:26] + size + start[28:] + name.encode() + content


def test_what_is_written_is_read() -> None:
    written = zipped({"b.txt": b"2", "a.txt": b"1"})
    assert read(written.getvalue()) == ["a.txt", "b.txt"]
    opened = archive.Archive(written, LIMIT)
    assert opened.read("b.txt") == b"2"
    assert zlib.crc32(b"2") == zlib.crc32(opened.read("b.txt"))
    assert read(zipped({}).getvalue()) == []


@pytest.mark.parametrize(
    "names",
    [("b.txt", "a.txt"), ("a.txt", "a.txt"), ("../a",), ("/a",), ("a\\b",), ("",)],
)
def test_a_name_that_is_not_in_its_place_is_refused(names: tuple[str, ...]) -> None:
    whole = zipped({"a.txt": b"x"}).getvalue()
    end = whole[len(local("a.txt")) :]
    assert read(local("a.txt") + end) == ["a.txt"], "it is made as `write` makes it"
    with pytest.raises(BadFile, match="cannot be in a bundle, or not at this place"):
        read(b"".join(map(local, names)) + end)


def test_another_zip_is_refused_by_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "again.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as again:
        again.writestr("manifest.json", "{}")
    with pytest.raises(BadFile) as refused, verified(path):
        pass
    assert refused.value.where == f"{path}: manifest.json"
    assert "packed anew" in refused.value.advice


def test_no_more_is_read_than_may_be() -> None:
    data = zipped({"a.txt": b"x" * 10, "b.txt": b"y" * 10}).getvalue()
    assert read(data, len(data)) == ["a.txt", "b.txt"]
    with pytest.raises(BadFile, match="more than 9 bytes"):
        read(data, 9)
