"""The zip files that evidence travels in: one sequence of bytes for one set of files, and nothing
else is read.

The format is PKWARE's APPNOTE 6.3 with what varies fixed: members stored without compression, in
the order of their names (ASCII), dated 1 January 1980, no extra fields, no comments, no encryption,
not zip64. Any zip tool opens such a file. Reading accepts these bytes alone: so no member can be
larger than the file, none can lie outside its place, and no bit of it can be changed unseen.
Neither writing nor reading holds more than a piece of a member in memory, unless asked for a whole
one.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from govd.errors import BadFile

DATE: Final = (1 << 5) | 1  # 1 January 1980
MEMBERS: Final = 65_534
LARGEST: Final = 2**32 - 2
PIECE: Final = 1 << 20
NAME: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"
)
LOCAL = "<4s5H3I2H"
ENTRY = "<4s4B4HIII5HII"
END = "<4s4H2IH"
NOT_AS_WRITTEN: Final = "the header is not as bundles have it"
ITSELF: Final = (
    "It is another zip file, or a bundle that was packed anew: take the file itself that govd"
    " wrote."
)
SMALLER: Final = "Make bundles of single requests or revisions."


def _local(name: bytes, crc: int, size: int) -> bytes:
    return (
        struct.pack(
            LOCAL, b"PK\x03\x04", 20, 0, 0, 0, DATE, crc, size, size, len(name), 0
        )
        + name
    )


def _entry(name: bytes, crc: int, size: int, at: int) -> bytes:
    head = struct.pack(
        ENTRY,
        b"PK\x01\x02",
        20,
        3,
        20,
        0,
        0,
        0,
        0,
        DATE,
        crc,
        size,
        size,
        len(name),
        0,
        0,
        0,
        0,
        0o100644 << 16,
        at,
    )
    return head + name


def _end(count: int, size: int, at: int) -> bytes:
    return struct.pack(END, b"PK\x05\x06", 0, 0, count, count, size, at, 0)


@dataclass(frozen=True)
class Content:
    """A file that is going to be written: what its header says, and its bytes, as often as they are
    asked for.
    """

    size: int
    crc: int
    sha256: str
    pieces: Callable[[], Iterable[bytes]]

    @staticmethod
    def of(pieces: Callable[[], Iterable[bytes]]) -> Content:
        """Measured by reading it once."""
        size = 0
        crc = 0
        digest = hashlib.sha256()
        for piece in pieces():
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            digest.update(piece)
        return Content(size, crc, digest.hexdigest(), pieces)

    @staticmethod
    def whole(data: bytes) -> Content:
        """Bytes that are at hand."""
        return Content.of(lambda: (data,))


def write(files: Mapping[str, Content]) -> Iterator[bytes]:
    """The bytes of a zip file, piece by piece.

    Raises:
        BadFile: too many files, too large, a name that is not allowed, or contents that changed
        since they were measured.
    """
    central = []
    at = 0
    if len(files) > MEMBERS:
        raise BadFile(f"{len(files)} files are too many for one bundle", advice=SMALLER)
    for name in sorted(files):
        content = files[name]
        if not _allowed(name) or at + content.size > LARGEST:
            raise BadFile("this file cannot be in a bundle", where=name, advice=SMALLER)
        head = _local(name.encode(), content.crc, content.size)
        central.append(_entry(name.encode(), content.crc, content.size, at))
        yield head
        crc = size = 0
        for piece in content.pieces():
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            yield piece
        if (crc, size) != (content.crc, content.size):
            raise BadFile(
                "it changed while it was written", where=name, advice="Try again."
            )
        at += len(head) + size
    below = b"".join(central)
    yield below
    yield _end(len(files), len(below), at)


@dataclass(frozen=True)
class Member:
    """Where a file of an archive lies, and what it comes to."""

    at: int
    size: int
    sha256: str


class Archive:
    """A zip file that `write` could have made, checked whole when it is opened; its files are read
    when they are asked for.
    """

    def __init__(self, file: BinaryIO, limit: int) -> None:
        """Read it once, from where `file` is, `limit` bytes of contents at most.

        Raises:
            BadFile: `write` would not have made this.
        """
        self._file = file
        self.members: dict[str, Member] = {}
        central = []
        at = 0
        before = ""
        start = file.tell()
        while (signature := file.read(4)) == b"PK\x03\x04":
            head = signature + _exactly(file, struct.calcsize(LOCAL) - 4)
            fields = struct.unpack(LOCAL, head)
            crc = fields[6]
            size = fields[7]
            length = fields[9]
            name = _exactly(file, length).decode("ascii", "replace")
            if not _allowed(name) or name <= before:
                raise BadFile(
                    f"a file called {name[:80]!r} cannot be in a bundle, or not at this place"
                )
            if at + size > limit:
                raise BadFile(
                    f"the bundle holds more than {limit} bytes",
                    advice="Raise the limit, or ask for smaller bundles.",
                )
            if head + name.encode() != _local(name.encode(), crc, size):
                raise BadFile(NOT_AS_WRITTEN, where=name, advice=ITSELF)
            sha256 = _sha256(file, name, crc, size)
            begin = start + at + len(head) + length
            self.members[name] = Member(begin, size, sha256)
            before = name
            central.append(_entry(name.encode(), crc, size, at))
            at += len(head) + len(name) + size
            if len(self.members) > MEMBERS:
                raise BadFile("the bundle holds too many files")
        below = b"".join(central)
        expected = below + _end(len(self.members), len(below), at)
        if signature + file.read(len(expected) - 3) != expected:
            raise BadFile(
                "this is no evidence bundle, or a damaged one",
                advice="Make it again: govd audit bundle FILE.",
            )

    def read(self, name: str, most: int = LARGEST) -> bytes:
        """A whole file.

        Raises:
            BadFile: it is not there, or larger than `most` bytes.
        """
        member = self.members.get(name)
        if member is None:
            raise BadFile("this file is missing", where=name)
        if member.size > most:
            raise BadFile(f"larger than {most} bytes", where=name)
        self._file.seek(member.at)
        return _exactly(self._file, member.size)

    def lines(self, name: str, longest: int) -> Iterator[bytes]:
        """A file's lines without their ends, read as they are asked for; several files may be read
        by turns.

        Raises:
            BadFile: a line is longer than `longest` bytes, or the last one has no end.
        """
        member = self.members.get(name)
        at = 0
        rest = b""
        while member is not None and at < member.size:
            self._file.seek(member.at + at)
            piece = _exactly(self._file, min(PIECE, member.size - at))
            at += len(piece)
            *whole, rest = (rest + piece).split(b"\n")
            for line in (*whole, rest):
                if len(line) > longest:
                    raise BadFile(f"a line is longer than {longest} bytes", where=name)
            yield from whole
        if rest:
            raise BadFile("the last line is cut off", where=name)


def _sha256(file: BinaryIO, name: str, crc: int, size: int) -> str:
    """SHA-256 of a member's contents.

    Raises:
        BadFile: they have another CRC-32 than its header says.
    """
    checksum = 0
    digest = hashlib.sha256()
    for piece in _pieces(file, size):
        checksum = zlib.crc32(piece, checksum)
        digest.update(piece)
    if checksum != crc:
        raise BadFile("the contents were changed", where=name)
    return digest.hexdigest()


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:  # in pieces: a size that lies must not be allocated
        part = file.read(min(size, PIECE))
        if not part:
            raise BadFile("the bundle is truncated")
        yield part
        size -= len(part)


def _exactly(file: BinaryIO, size: int) -> bytes:
    return b"".join(_pieces(file, size))


def _allowed(name: str) -> bool:
    steps = name.split("/")
    return (
        0 < len(name) <= 200
        and set(name) <= NAME
        and all(step not in ("", ".", "..") for step in steps)
    )
