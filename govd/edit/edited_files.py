"""Files of stored vectors, edited without govd's daemon: needs NumPy alone.

The layout is that of the store plugin `npy`: beside `v.npy` lies its stamp `v.npy.govd.json`, and
in `v.npy.govd` the original, `base.npy` with `base.json`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import BadFile, Conflict, MachineFault
from govd.keeping.files import stamp_in, write_json
from govd.types import Floats, Json, StoreStamp

ROWS: Final = 8192
"""Vectors at once."""
FACTS: Final = ("origin", "model", "model_digest", "revision")
"""What an exported edit says of itself, and a stamp needs."""


def edited_file(
    path: Path,
    apply: Callable[[Floats], Floats],
    facts: Mapping[str, Json],
    digest: str,
    unstamped_is_base: bool,
) -> StoreStamp:
    """Edit the vectors `(n, d)` of a `.npy` file in its place, from its original, which is kept.

    Args:
        path: of the file.
        apply: the edit.
        facts: what the edit says of itself.
        digest: of the edit.
        unstamped_is_base: a file without a stamp has the unedited model's vectors.

    Raises:
        BadFile: no file of vectors, or the edit does not say whose it is. Conflict: it is stamped
        otherwise, or not at all. MachineFault: it cannot be written; the file is as it was.
    """
    missing = [name for name in FACTS if name not in facts]
    if missing:
        raise BadFile(
            f"the edit does not say its {', '.join(missing)}",
            advice="Export it again: govd export MODEL DIR --format edit.",
        )
    stamp = StoreStamp(
        origin=str(facts["origin"]),
        model=str(facts["model"]),
        model_digest=str(facts["model_digest"]),
        revision=int(facts["revision"]),
        edit_digest=digest,
        side="image",
        rows=0,
    )
    before = _checked(path, stamp, unstamped_is_base)
    if before.is_of(stamp):
        return before
    try:
        return _edited(path, apply, before, stamp)
    except OSError as fault:
        raise MachineFault(
            f"it cannot be written ({fault.strerror})",
            where=str(fault.filename or path),
            advice="The vectors are as they were: make room, then try again.",
        ) from None


def _checked(path: Path, wanted: StoreStamp, unstamped_is_base: bool) -> StoreStamp:
    """The stamp of a file that can be edited so."""
    stamp = stamp_in(Path(f"{path}.govd.json"))
    base = StoreStamp(
        wanted.origin, wanted.model, wanted.model_digest, 0, "", "image", 0
    )
    if stamp is None and not unstamped_is_base:
        raise Conflict(
            "its vectors have no stamp: nothing says which model made them",
            where=str(path),
            advice="If the unedited model did, say unstamped_is_base=True.",
        )
    if stamp is not None and not stamp.is_of(wanted) and not stamp.is_of(base):
        raise Conflict(
            f"its vectors are stamped by {stamp.origin} as {stamp.model}, revision"
            f" {stamp.revision}",
            where=str(path),
            advice=(
                "An edit is made from originals: take the file back to them first"
                " (govd store patch --base)."
            ),
        )
    return stamp or base


def _edited(
    path: Path,
    apply: Callable[[Floats], Floats],
    before: StoreStamp,
    wanted: StoreStamp,
) -> StoreStamp:
    try:
        rows: Any = np.load(path, mmap_mode="r")
    except ValueError as fault:
        raise BadFile(f"it is no .npy file ({fault})", where=str(path)) from None
    if rows.ndim != 2 or rows.dtype.kind != "f":
        raise BadFile(f"an array of shape {rows.shape}, {rows.dtype}", where=str(path))
    folder = Path(f"{path}.govd")
    folder.mkdir(exist_ok=True)
    following: Any = np.lib.format.open_memmap(
        folder / "next.npy", mode="w+", dtype=rows.dtype, shape=rows.shape
    )
    digests = [hashlib.sha256(), hashlib.sha256()]
    for start in range(0, len(rows), ROWS):
        part = np.array(rows[start : start + ROWS])
        edited_part = apply(part)
        following[start : start + ROWS] = edited_part
        for digest, vectors in zip(digests, (part, edited_part), strict=True):
            digest.update(np.ascontiguousarray(vectors).tobytes())
    following.flush()
    base, edited = (
        StoreStamp(
            **{**stamp.as_json(), "rows": len(rows), "sha256": digest.hexdigest()}
        )
        for stamp, digest in zip((before, wanted), digests, strict=True)
    )
    (folder / "base.npy").unlink(missing_ok=True)
    os.link(path, folder / "base.npy")
    write_json(folder / "base.json", base.as_json())
    switch = folder / "switch.json"
    inode = (folder / "next.npy").stat().st_ino
    write_json(switch, {"inode": inode, "to": edited.as_json()})
    os.replace(folder / "next.npy", path)
    write_json(Path(f"{path}.govd.json"), edited.as_json())
    switch.unlink()
    return edited
