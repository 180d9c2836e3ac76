"""The zip files that evidence travels in: one sequence of bytes for one set of files, and nothing else is read.

The format is PKWARE's APPNOTE 6.3 with what varies fixed: members stored without compression, in the order of their names (ASCII), dated
1 January 1980, no extra fields, no comments, no encryption, not zip64. Any zip tool opens such a file. Reading accepts these bytes alone:
so no member can be larger than the file, none can lie outside its place, and no bit of it can be changed unseen.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from govd.errors import BadFile

DATE: Final = (1 << 5) | 1  # 1 January 1980
MEMBERS: Final = 65_534
LARGEST: Final = 2**32 - 2
NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")
LOCAL, ENTRY, END = "<4s5H3I2H", "<4s4B4HIII5HII", "<4s4H2IH"


def _local(name: bytes, crc: int, size: int) -> bytes:
    return struct.pack(LOCAL, b"PK\x03\x04", 20, 0, 0, 0, DATE, crc, size, size, len(name), 0) + name


def _entry(name: bytes, crc: int, size: int, at: int) -> bytes:
    head = struct.pack(ENTRY, b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, DATE, crc, size, size, len(name), 0, 0, 0, 0, 0o100644 << 16, at)
    return head + name


def _end(count: int, size: int, at: int) -> bytes:
    return struct.pack(END, b"PK\x05\x06", 0, 0, count, count, size, at, 0)


def write(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The bytes of a zip file, piece by piece.

    Raises:
        BadFile: too many files, too large, or a name that is not allowed.
    """
    central, at = [], 0
    if len(files) > MEMBERS:
        raise BadFile(f"{len(files)} files are too many for one bundle", advice="Make bundles of single requests or revisions.")
    for name in sorted(files):
        data = files[name]
        if not _allowed(name) or at + len(data) > LARGEST:
            raise BadFile("this file cannot be in a bundle", where=name, advice="Make bundles of single requests or revisions.")
        crc = zlib.crc32(data)
        head = _local(name.encode(), crc, len(data))
        central.append(_entry(name.encode(), crc, len(data), at))
        yield head
        yield data
        at += len(head) + len(data)
    below = b"".join(central)
    yield below
    yield _end(len(files), len(below), at)


def read(file: BinaryIO, limit: int) -> dict[str, bytes]:
    """Names and contents of a zip file that `write` could have made, `limit` bytes in all at most.

    Raises:
        BadFile: anything else.
    """
    found: dict[str, bytes] = {}
    central, at, before = [], 0, ""
    while (signature := file.read(4)) == b"PK\x03\x04":
        head = signature + _exactly(file, struct.calcsize(LOCAL) - 4)
        fields = struct.unpack(LOCAL, head)
        crc, size, length = fields[6], fields[7], fields[9]
        name = _exactly(file, length).decode("ascii", "replace")
        if not _allowed(name) or name <= before:
            raise BadFile(f"a file called {name[:80]!r} cannot be in a bundle, or not at this place")
        if at + size > limit:
            raise BadFile(f"the bundle holds more than {limit} bytes", advice="Raise the limit, or ask for smaller bundles.")
        if head + name.encode() != _local(name.encode(), crc, size):
            raise BadFile("the header is not as bundles have it", where=name)
        data = _exactly(file, size)
        if zlib.crc32(data) != crc:
            raise BadFile("the contents were changed", where=name)
        found[name], before = data, name
        central.append(_entry(name.encode(), crc, size, at))
        at += len(head) + len(name) + size
        if len(found) > MEMBERS:
            raise BadFile("the bundle holds too many files")
    below = b"".join(central)
    expected = below + _end(len(found), len(below), at)
    if signature + file.read(len(expected) - 3) != expected:
        raise BadFile("this is no evidence bundle, or a damaged one", advice="Make it again: govd audit bundle FILE.")
    return found


def _exactly(file: BinaryIO, size: int) -> bytes:
    parts: list[bytes] = []
    while size:  # in pieces: a size that lies must not be allocated
        part = file.read(min(size, 1 << 20))
        if not part:
            raise BadFile("the bundle is truncated")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _allowed(name: str) -> bool:
    steps = name.split("/")
    return 0 < len(name) <= 200 and set(name) <= NAME and all(step not in ("", ".", "..") for step in steps)
