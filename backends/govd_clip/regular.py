"""Small files of a checkpoint, read only where they are regular files of a sensible size."""

from __future__ import annotations

import codecs
import json
import stat
from pathlib import Path
from typing import Any, Final

from govd.errors import BadCheckpoint
from govd_clip.layouts import LARGEST_CONFIG

LARGEST_JSON: Final = 2**28
"""Bytes of a JSON or text file beside the weights at most; the largest, a tokenizer.json, has some
ten million.
"""
POINTER: Final = b"version https://git-lfs"
POINTER_BYTES: Final = 1024
"""How a Git LFS pointer begins, and bytes of one at most (its specification says fewer)."""

MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_regular(path: Path, largest: int = LARGEST_JSON) -> None:
    """That a file of a checkpoint is a regular file of at most `largest` bytes: reading a pipe or a
    device need not end.

    Raises:
        BadCheckpoint: it is not. FileNotFoundError: there is none.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise BadCheckpoint(
            "is not a regular file",
            where=str(path),
            advice="Copy the file itself there.",
        )
    if status.st_size > largest:
        reason = f"has {status.st_size:,} bytes, more than {largest:,}"
        raise BadCheckpoint(
            reason, where=str(path), advice="Download the checkpoint again."
        )
    if status.st_size <= POINTER_BYTES and _begins(path, POINTER):
        reason = "is a Git LFS pointer: the file itself was not downloaded"
        raise BadCheckpoint(
            reason,
            where=str(path),
            advice="Run `git lfs pull` where it was cloned, or download the checkpoint again.",
        )


def check_unmarked(path: Path) -> None:
    """That a JSON file is UTF-8 without a byte order mark: `json` reads others from bytes, and
    whoever opens the file as a text, as transformers does, cannot.

    Raises:
        BadCheckpoint: it begins with a mark.
    """
    if any(_begins(path, mark) for mark in MARKS):
        raise BadCheckpoint(
            "begins with a byte order mark, with which transformers does not read it",
            where=str(path),
            advice="Save it as UTF-8 without one.",
        )


def _begins(path: Path, begin: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(begin)) == begin
    except OSError:  # who reads it tells
        return False


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a checkpoint.

    Raises:
        BadCheckpoint: it is missing, or no JSON object.
    """
    try:
        check_regular(path, LARGEST_CONFIG)
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadCheckpoint(
            f"{path.name} is missing",
            where=str(path.parent),
            advice="Copy it from the original checkpoint.",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadCheckpoint(
            f"cannot be read as JSON ({error})",
            where=str(path),
            advice="Download the checkpoint again.",
        ) from None
    if not isinstance(value, dict):
        raise BadCheckpoint(
            "is not a JSON object",
            where=str(path),
            advice="Download the checkpoint again.",
        )
    return value
