"""A registered checkpoint's files, copied: byte for byte, and one of them with one tensor
changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
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

    The new tensor has the type that the file has it in, rounded to the nearest: what loads the
    base loads this. Every other byte is as it was.

    Raises:
        BadCheckpoint: it is not the one that was registered. Unsupported: the tensor cannot be
        changed so.
    """
    written = hashlib.sha256()
    with opened(folder, name) as file, target.open("wb") as out:
        source = Hashed(file)
        fault: Exception | None = None
        try:
            for data in _edited(source, tensor, change, folder / name):
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


def _edited(
    source: Hashed, tensor: str, change: Callable[[Floats], Floats], where: Path
) -> Iterable[bytes]:
    """The bytes of a safetensors file with one tensor changed.

    Raises:
        Unsupported: it is not finite in the file's type.
    """
    length = int.from_bytes(source.read(8), "little")
    header = b"".join(source.blocks(min(length, LONGEST)))
    entry: dict[str, Any] = json.loads(header)[tensor]
    begin, end = entry["data_offsets"]
    kind, shape = DTYPES[entry["dtype"]], entry["shape"]
    yield length.to_bytes(8, "little") + header
    yield from source.blocks(begin)
    weight = np.frombuffer(source.read(end - begin), kind).reshape(shape)
    with np.errstate(over="ignore"):
        rounded = np.ascontiguousarray(change(weight)).astype(kind)
    if not np.isfinite(rounded.astype(np.float32)).all():
        reason = f"the edited {tensor} is not finite in the type that the checkpoint has it in"
        advice = "Save the base in float32, and register that."
        raise Unsupported(reason, where=str(where), advice=advice)
    yield rounded.tobytes()
    yield from source.rest()
