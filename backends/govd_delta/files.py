"""Safetensors files, tensor by tensor: where each lies, its values as float64, and a copy of a file
in which some have changed and every other byte has not.

Format: an unsigned 64-bit length, so many bytes of JSON, then the tensors' bytes
(https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from govd.types import Floats

KINDS: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Types of tensors that deltas may have and be added to, as NumPy spells their bytes."""
LONGEST_HEADER: Final = 100_000_000
"""Bytes of a header, as the format bounds it."""
BLOCK: Final = 1 << 22


@dataclass(frozen=True)
class Slot:
    """A tensor in a file: its type, shape, and where its bytes begin and end."""

    path: Path
    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int

    def read(self) -> Floats:
        """Its values, float64.

        Raises:
            ValueError: it has no type of `KINDS`, or the file ends before it does.
        """
        with self.path.open("rb") as file:
            file.seek(self.begin)
            return values(file.read(self.end - self.begin), self.kind, self.shape)


def slots(path: Path) -> dict[str, Slot]:
    """The tensors of a file by name.

    Raises:
        ValueError: it is no safetensors file, or its header and its length do not agree.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LONGEST_HEADER, size - 8):
            raise ValueError("it is no safetensors file: it has no header")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("it is no safetensors file: its header is no mapping")
    header.pop("__metadata__", None)
    return {
        name: _slot(path, name, entry, 8 + length, size)
        for name, entry in header.items()
    }


def _slot(path: Path, name: str, entry: Any, offset: int, size: int) -> Slot:
    try:
        kind = str(entry["dtype"])
        shape = tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        whole = all(isinstance(n, int) and n >= 0 for n in (*shape, begin, end))
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"its header says nothing of {name[:80]!r} that can be read"
        ) from None
    itemsize = np.dtype(KINDS[kind]).itemsize if kind in KINDS else None
    fits = itemsize is None or (whole and end - begin == prod(shape) * itemsize)
    if not whole or not fits or not begin <= end <= size - offset:
        raise ValueError(f"{name[:80]!r} does not lie in the file as its header says")
    return Slot(
        path=path, kind=kind, shape=shape, begin=offset + begin, end=offset + end
    )


def values(data: bytes, kind: str, shape: tuple[int, ...]) -> Floats:
    """Bytes of a tensor as float64.

    Raises:
        ValueError: of a type that is none of `KINDS`, or of another length.
    """
    if kind not in KINDS:
        raise ValueError(f"it is of type {kind}: deltas are {', '.join(KINDS)}")
    array = np.frombuffer(data, KINDS[kind])
    if kind == "BF16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64).reshape(shape)


def stored(array: Floats, kind: str) -> bytes:
    """Float64 values as the bytes of a tensor, each rounded to the nearest, ties to even.

    Raises:
        OverflowError: a value is too large for the type.
    """
    with np.errstate(over="ignore"):
        if kind != "BF16":
            rounded = array.astype(KINDS[kind])
            finite = np.isfinite(rounded).all()
        else:
            bits = array.astype("<f4").view("<u4")
            rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
            finite = ((rounded & 0x7F80) != 0x7F80).all()
    if not finite:
        raise OverflowError(f"a value is too large for {kind}")
    return rounded.tobytes()


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copied(
    source: Path, target: Path, changes: Mapping[Slot, Callable[[bytes], bytes]]
) -> tuple[str, str]:
    """Copy a file, the bytes of some tensors changed; SHA-256 of what was read and of what was
    written.

    Args:
        source: of the tensors in `changes`.
        target: is written.
        changes: what becomes of the bytes of a tensor: as many.
    """
    read = hashlib.sha256()
    written = hashlib.sha256()
    with source.open("rb") as file, target.open("xb") as out:

        def put(data: bytes) -> None:
            out.write(data)
            written.update(data)

        for slot in sorted(changes, key=lambda slot: slot.begin):
            for data in _blocks(file, slot.begin - file.tell()):
                read.update(data)
                put(data)
            data = file.read(slot.end - slot.begin)
            read.update(data)
            put(changes[slot](data))
        for data in _blocks(file, None):
            read.update(data)
            put(data)
    return read.hexdigest(), written.hexdigest()


def _blocks(file: BinaryIO, count: int | None) -> Iterable[bytes]:
    """So many bytes (None: the rest) in pieces."""
    while count is None or count > 0:
        data = file.read(BLOCK if count is None else min(BLOCK, count))
        if not data:
            return
        count = None if count is None else count - len(data)
        yield data
