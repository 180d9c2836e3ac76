"""A registered checkpoint's files, copied: byte for byte, and one of them with its last layer
changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadCheckpoint, GovdError, Unsupported
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


Change = Callable[[Floats], Floats]
"""A tensor as stored to what it becomes, of the same shape."""


def copy_edited(
    folder: Path, name: str, digest: str, target: Path, changes: Mapping[str, Change]
) -> str:
    """Copy a registered safetensors file with some tensors changed, in one pass; the SHA-256 of
    what was written.

    Half precision would round the edit away where it matters, so the new tensors are float32 at
    least. Every other byte of data is as it was.

    Raises:
        BadCheckpoint: it is not the one that was registered. Unsupported: a tensor cannot be
        changed so.
    """
    written = hashlib.sha256()
    with opened(folder, name) as file, target.open("wb") as out:
        source = Hashed(file)
        fault: Exception | None = None
        try:
            for data in _edited(source, changes, folder / name):
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
                f"{' and '.join(changes)} cannot be read ({fault})",
                where=str(folder / name),
                advice=RESTORE,
            ) from fault
    return written.hexdigest()


def widened(kind: str) -> str:
    """The type of an edited tensor that the file has in `kind`, as safetensors calls them."""
    return kind if kind in ("F32", "F64") else "F32"


def _grown(entries: Mapping[str, Any], changes: Collection[str]) -> dict[str, Any]:
    """A header in which the changed tensors have their wider types, and what lies behind them
    begins later.
    """
    grown = dict(entries)
    shift = 0
    tensors = {name: entry for name, entry in entries.items() if name != "__metadata__"}
    for name in sorted(tensors, key=lambda name: tensors[name]["data_offsets"]):
        begin, end = tensors[name]["data_offsets"]
        kind = tensors[name]["dtype"]
        size = end - begin
        if name in changes:
            kind = widened(kind)
            count = int(np.prod(tensors[name]["shape"], dtype=np.int64))
            size = count * np.dtype(DTYPES[kind]).itemsize
        place = [begin + shift, begin + shift + size]
        grown[name] = {**tensors[name], "dtype": kind, "data_offsets": place}
        shift += size - (end - begin)
    return grown


def _edited(
    source: Hashed, changes: Mapping[str, Change], where: Path
) -> Iterable[bytes]:
    """The bytes of a safetensors file with some tensors changed.

    Raises:
        Unsupported: one is not finite in the file's type.
    """
    length = int.from_bytes(source.read(8), "little")
    header = b"".join(source.blocks(min(length, LONGEST)))
    entries: dict[str, Any] = json.loads(header)
    if any(
        widened(entries[name]["dtype"]) != entries[name]["dtype"] for name in changes
    ):
        text = json.dumps(
            _grown(entries, changes), separators=(",", ":"), ensure_ascii=False
        )
        header = text.encode() + b" " * (-len(text.encode()) % 8)
    yield len(header).to_bytes(8, "little") + header
    at = 0
    for name in sorted(changes, key=lambda name: entries[name]["data_offsets"]):
        begin, end = entries[name]["data_offsets"]
        stored = entries[name]["dtype"]
        shape = entries[name]["shape"]
        yield from source.blocks(begin - at)
        weight = np.frombuffer(source.read(end - begin), DTYPES[stored]).reshape(shape)
        with np.errstate(over="ignore"):
            rounded = np.ascontiguousarray(changes[name](weight)).astype(
                DTYPES[widened(stored)]
            )
        if not np.isfinite(rounded.astype(np.float64)).all():
            reason = f"the edited {name} is not finite in the type that the checkpoint has it in"
            advice = "Save the base in float32, and register that."
            raise Unsupported(reason, where=str(where), advice=advice)
        yield rounded.tobytes()
        at = end
    yield from source.rest()
