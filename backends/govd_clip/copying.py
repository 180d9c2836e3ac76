"""A registered checkpoint's files, copied: byte for byte, and one of them with one tensor
changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadCheckpoint, GovdError
from govd.types import Floats
from govd_clip.headers import DTYPES, LONGEST
from govd_clip.registered import RESTORE, Hashed, opened


def copy(folder: Path, name: str, digest: str, target: Path) -> str:
    """Copy a registered file byte for byte; its SHA-256.

    Raises:
        BadCheckpoint: it is not the one that was registered.
    """
    with opened(folder, name) as file, target.open("wb") as out:
        source = Hashed(file)
        for data in source.rest():
            out.write(data)
        source.check(folder / name, digest)
    return digest


def copy_edited(
    folder: Path,
    name: str,
    digest: str,
    target: Path,
    tensor: str,
    change: Callable[[Floats], Floats],
) -> str:
    """Copy a registered safetensors file with one tensor changed, in one pass; the SHA-256 of what
    was written.

    Half precision would round the edit away where it matters, so the new tensor is float32 at
    least. Every other byte of data is as it was.

    Raises:
        BadCheckpoint: it is not the one that was registered. Unsupported: the tensor cannot be
        changed so.
    """
    written = hashlib.sha256()
    with opened(folder, name) as file, target.open("wb") as out:
        source = Hashed(file)
        fault: Exception | None = None
        try:
            for data in _edited(source, tensor, change):
                written.update(data)
                out.write(data)
        except (
            GovdError,
            EOFError,
            ValueError,
            KeyError,
            TypeError,
            IndexError,
            AttributeError,
        ) as error:
            # of a file that was registered it is told; of another one it is told that it is another
            fault = error
        source.check(folder / name, digest)
        if isinstance(fault, GovdError):
            raise fault
        if fault is not None:
            raise BadCheckpoint(
                f"{tensor} cannot be read ({fault})", where=str(folder / name), advice=RESTORE
            ) from fault
    return written.hexdigest()


def _edited(source: Hashed, tensor: str, change: Callable[[Floats], Floats]) -> Iterable[bytes]:
    """The bytes of a safetensors file with one tensor changed."""
    length = int.from_bytes(source.read(8), "little")
    entries: dict[str, Any] = json.loads(b"".join(source.blocks(min(length, LONGEST))))
    begin, end = entries[tensor]["data_offsets"]
    stored = entries[tensor]["dtype"]
    kind = "F64" if stored == "F64" else "F32"
    shape = entries[tensor]["shape"]
    grown = _bytes(kind, shape) - (end - begin)
    header = {key: _moved(key, entry, tensor, kind, end, grown) for key, entry in entries.items()}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    yield from source.blocks(begin)
    weight = np.frombuffer(source.read(end - begin), DTYPES[stored]).reshape(shape)
    yield np.ascontiguousarray(change(weight), DTYPES[kind]).tobytes()
    yield from source.rest()


def _bytes(kind: str, shape: Iterable[int]) -> int:
    return int(np.prod(list(shape), dtype=np.int64)) * int(np.dtype(DTYPES[kind]).itemsize)


def _moved(
    key: str, entry: Mapping[str, Any], name: str, kind: str, end: int, grown: int
) -> Mapping[str, Any]:
    """A header's line where one tensor has grown: that tensor has another type, those behind it
    begin later.
    """
    if key == "__metadata__":
        return entry
    first, last = entry["data_offsets"]
    if key == name:
        return {**entry, "dtype": kind, "data_offsets": [first, last + grown]}
    return {**entry, "data_offsets": [first + grown, last + grown]} if first >= end else entry
