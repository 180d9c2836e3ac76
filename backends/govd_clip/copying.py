"""A registered checkpoint's files, copied: byte for byte, and one of them with its last layer
changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
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

    The new tensors have the type that the file has them in, rounded to the nearest: what loads the
    base loads this. Every other byte is as it was.

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


def _edited(source: Hashed, changes: Mapping[str, Change], where: Path) -> Iterable[bytes]:
    """The bytes of a safetensors file with some tensors changed.

    Raises:
        Unsupported: one is not finite in the file's type.
    """
    length = int.from_bytes(source.read(8), "little")
    header = b"".join(source.blocks(min(length, LONGEST)))
    entries: dict[str, Any] = json.loads(header)
    yield length.to_bytes(8, "little") + header
    at = 0
    for name in sorted(changes, key=lambda name: entries[name]["data_offsets"]):
        begin, end = entries[name]["data_offsets"]
        kind, shape = DTYPES[entries[name]["dtype"]], entries[name]["shape"]
        yield from source.blocks(begin - at)
        weight = np.frombuffer(source.read(end - begin), kind).reshape(shape)
        with np.errstate(over="ignore"):
            rounded = np.ascontiguousarray(changes[name](weight)).astype(kind)
        if not np.isfinite(rounded.astype(np.float64)).all():
            reason = f"the edited {name} is not finite in the type that the checkpoint has it in"
            advice = "Save the base in float32, and register that."
            raise Unsupported(reason, where=str(where), advice=advice)
        yield rounded.tobytes()
        at = end
    yield from source.rest()
