"""Bodies of the type `multipart/form-data` (RFC 7578): parts with their names, as browsers, curl
and HTTP libraries write them. The whole body is in memory by then, and bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Final

from govd.errors import Usage

MOST: Final = 10_000
"""Parts of a body at most."""
HEADERS: Final = 8192
"""Bytes of a part's headers at most."""
BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
"""RFC 2046, section 5.1.1."""
ADVICE: Final = "Send it as `curl -F images=@photo.png` does."


@dataclass(frozen=True)
class Part:
    """A part: the field's `name`, the `file` name where it is one, its media type (empty where it
    says none), its bytes.
    """

    name: str
    file: str | None
    kind: str
    data: bytes


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """The parts of a body of this Content-Type, in their order.

    Raises:
        Usage: it is not what it says.
    """
    boundary = _parameter(content_type, "content-type", "boundary")
    if boundary is None or not BOUNDARY.fullmatch(boundary):
        raise Usage("the multipart body has no boundary", advice=ADVICE)
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("ascii"), MOST + 2)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        fault = f"the multipart body does not end, or has more than {MOST} parts"
        raise Usage(fault, advice=ADVICE)
    # before the first there is a preamble
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    line, _, rest = piece.partition(b"\r\n")
    if line.strip(b" \t"):
        raise Usage("the multipart body has a boundary within a line", advice=ADVICE)
    if rest.startswith(b"\r\n"):
        raise Usage("a part of the multipart body has no name", advice=ADVICE)
    head, end, data = rest.partition(b"\r\n\r\n")
    if not end or len(head) > HEADERS:
        raise Usage(
            "a part of the multipart body has no end of its headers", advice=ADVICE
        )
    headers = dict[str, str]()
    for row in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = row.partition(":")
        headers[key.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    name = _parameter(disposition, "content-disposition", "name")
    if name is None or not disposition.lower().startswith("form-data"):
        raise Usage("a part of the multipart body has no name", advice=ADVICE)
    file = _parameter(disposition, "content-disposition", "filename")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Part(name, file if file is None else _written(file), kind, data)


def _parameter(value: str, header: str, name: str) -> str | None:
    """A parameter of a header's value, its quotes taken off (RFC 2045, section 5.1; RFC 5987)."""
    message = Message()
    message[header] = value.replace("\r", " ").replace("\n", " ")
    parameter = message.get_param(name, None, header)
    return None if parameter is None else collapse_rfc2231_value(parameter)


def _written(file: str) -> str:
    """A file's name with what browsers write as an escape (HTML, multipart/form-data encoding)."""
    for escape, character in (("%0A", "\n"), ("%0D", "\r"), ("%22", '"')):
        file = file.replace(escape, character)
    return file
