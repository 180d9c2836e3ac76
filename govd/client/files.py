"""What the client reads from and writes to files of this machine, and how it is sent."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

from govd.errors import MachineFault, UnreadableImage, Usage
from govd.home.regular import PICTURE_BYTES, read_regular
from govd.home.whole import whole
from govd.records.limits import check_text


def new_file(name: str) -> Path:
    """A file that is to be written.

    Raises:
        Usage: it exists.
    """
    path = Path(name)
    if path.exists():
        raise Usage(
            "this file exists",
            where=name,
            advice="Choose another name; nothing is overwritten.",
        )
    return path


def save(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        MachineFault: it cannot be written.
    """
    try:
        with whole(path) as part:
            part.write_bytes(content)
    except OSError as fault:
        raise MachineFault(
            f"cannot be written ({fault.strerror})",
            where=str(path),
            advice="Nothing was written.",
        ) from None


def part_of_path(name: str) -> str:
    """A name as one part of a path: a name with a slash in it is not another path.

    Raises:
        Usage: it is no name.
    """
    if not name.strip("."):
        raise Usage(
            f"{name!r} is no name", advice="Say the name or id as it was printed."
        )
    check_text(name, "name")
    return quote(name, safe="")


def as_body(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a forget as JSON can say them: pictures in Base64."""
    body = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
    if body.get("examples"):
        body["examples"] = [
            base64.b64encode(data).decode() for data in body["examples"]
        ]
    return body


def picture_file(path: str) -> bytes:
    """A picture's bytes.

    Raises:
        UnreadableImage: it cannot be read; its path is in the error.
    """
    try:
        return read_regular(Path(path), PICTURE_BYTES)
    except OSError as fault:
        raise UnreadableImage(
            f"cannot be read ({fault.strerror})", where=str(path), path=str(path)
        ) from None
