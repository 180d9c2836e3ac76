"""One portion of a store: read, checked, edited, written and read back. The same function works in
this process, in another, and on another machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np

from govd.edit import Edit
from govd.edit.quick import applied
from govd.errors import BadFile, GovdError, MachineFault, Usage
from govd.stores.opening import GuardedStore
from govd.types import Batch, Floats, Generation, Json, Portion, StoreStamp

ROWS: Final = 8192
"""Rows of a portion."""
UNKNOWN: Final = "not finite"
"""Why no edit is made of a row; in the place of an original: it is not known."""
UNIT: Final = 0.01
"""By how much a row's length may differ from 1: what float16 and a careless average leave."""
NAMED: Final = 1000
"""Skipped rows of a portion that are named; all are counted."""
Unmarked = Literal["skip", "base"]


@dataclass(frozen=True)
class Task:
    """What is made of the rows of a store.

    `edit`: of the originals; None gives them back as they are. `expected`: what the store is of;
    `stamp`: what it is of afterwards. `any_length`: rows need not be of unit length, and keep
    theirs. `unmarked`: what rows are that came since and say nothing: left alone (`skip`), or made
    by the unedited model (`base`). `is_apart`: whether originals are kept apart from what is
    searched.
    """

    edit: Edit | None
    expected: StoreStamp
    stamp: StoreStamp
    any_length: bool = False
    unmarked: Unmarked = "skip"
    is_apart: bool = False


@dataclass(frozen=True)
class PortionDone:
    """What became of a portion: rows, how many were left as they were, which (at most `NAMED`) and
    why, CRC-32 of the vectors that were written: it tells after a crash whether they are there.
    """

    name: str
    rows: int
    skipped: int
    crc32: int
    named: list[list[str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """For the journal."""
        return asdict(self)


def patch_portion(
    store: GuardedStore,
    task: Task,
    source: Generation,
    portion: Portion,
    late: bool = False,
) -> PortionDone:
    """Make and write the `next` of a portion.

    Args:
        store: that is patched.
        task: what is made of its rows.
        source: where its originals are.
        portion: of `source`.
        late: whether its rows came in meanwhile or since.

    Raises:
        BadFile: rows of another width, or not of unit length. MachineFault: what was written is not
        what is there.
    """
    batch = store.read(source, portion)
    batch, without = _filled(store, batch) if source == "base" else (batch, {})
    vectors, skipped = made_of(task, batch, late, without)
    is_kept = late and task.is_apart
    store.write(
        portion,
        Batch(batch.keys, vectors, _marks(task, batch, skipped)),
        _originals(batch.vectors, skipped) if is_kept else None,
    )
    written, stored = _read_back(store, portion, batch.keys, vectors)
    skipped = {place: reason for place, reason in skipped.items() if written[place]}
    named_rows = [
        [batch.keys[place], reason] for place, reason in list(skipped.items())[:NAMED]
    ]
    return PortionDone(
        portion.name, int(written.sum()), len(skipped), crc32(stored), named_rows
    )


def _filled(store: GuardedStore, batch: Batch) -> tuple[Batch, dict[int, str]]:
    """Originals, and in the place of those that were never known the vectors that are searched; why
    these are left as they are, by place.
    """
    places = [
        place for place, reason in unusable(batch.vectors).items() if reason == UNKNOWN
    ]
    if not places:
        return batch, {}
    vectors = batch.vectors.copy()
    vectors[places] = store.fetch([batch.keys[place] for place in places])
    return Batch(batch.keys, vectors, batch.marks), dict.fromkeys(
        places, "no original is kept"
    )


def _originals(vectors: Floats, skipped: Mapping[int, str]) -> Floats:
    """Vectors as originals: not a number where it is not known what they are."""
    originals = vectors.copy()
    originals[list(skipped)] = np.nan
    return originals


def _read_back(
    store: GuardedStore, portion: Portion, keys: Sequence[str], vectors: Floats
) -> tuple[Any, Floats]:
    """Read a portion back: which of its rows are there, a mask `(n,)`, and their vectors. Others
    were deleted or changed by somebody meanwhile: those that are still searched are late.

    Raises:
        MachineFault: what is there is not what was written.
    """
    back = store.read("next", portion)
    stored = back.vectors
    written = np.ones(len(keys), bool)
    if len(back.keys) != len(keys):
        places = {key: place for place, key in enumerate(back.keys)}
        written = np.fromiter((key in places for key in keys), bool, len(keys))
        stored = stored[[places[key] for key in keys if key in places]]
    expected = vectors if written.all() else vectors[written]
    if not (
        same_bytes(stored, expected)
        or (back.rescaled and _same_but_scaled(stored, expected))
    ):
        raise MachineFault(
            "what was read back is not what was written",
            where=f"portion {portion.name}",
            advice="The store lost or changed rows: look at it, then patch again.",
        )
    return written, stored


def _same_but_scaled(stored: Floats, expected: Floats) -> bool:
    """Whether vectors `(n, d)` are others after they were brought to unit length."""
    length = np.linalg.norm(expected.astype(np.float32), axis=1, keepdims=True)
    unit = expected / np.where(length > 0, length, 1)
    tolerance = 4 * float(np.finfo(stored.dtype).eps)
    return stored.shape == unit.shape and bool(
        np.allclose(stored, unit, rtol=0, atol=tolerance)
    )


def is_written(store: GuardedStore, done: PortionDone) -> bool:
    """Whether `next` still has what was written of a portion."""
    try:
        batch = store.read("next", Portion(done.name, done.rows))
    except GovdError:
        return False
    return crc32(batch.vectors) == done.crc32


def crc32(vectors: Floats) -> int:
    """CRC-32 of the vectors' bytes."""
    return zlib.crc32(_bits(vectors).data)


def same_bytes(some: Floats, others: Floats) -> bool:
    """Whether both are of the same shape, type and bytes."""
    return (
        some.shape == others.shape
        and some.dtype == others.dtype
        and bool(np.array_equal(_bits(some), _bits(others)))
    )


def _bits(vectors: Floats) -> np.typing.NDArray[np.unsignedinteger]:
    """The bytes of vectors, eight at once where that comes out even."""
    flat = np.ascontiguousarray(vectors).reshape(-1)
    return flat.view(np.uint8 if flat.nbytes % 8 else np.uint64)


def made_of(
    task: Task,
    batch: Batch,
    late: bool,
    without: Mapping[int, str] = MappingProxyType({}),
) -> tuple[Floats, dict[int, str]]:
    """The vectors of a batch after the edit, and which were left as they are, and why.

    Raises:
        BadFile: another width than the edit's, or rows that are not of unit length.
    """
    skipped = {**without, **unusable(batch.vectors)}
    if late:
        skipped |= _of_unknown_kind(task, batch)
    unedited = np.zeros(len(batch.vectors), bool)
    unedited[list(skipped)] = True
    if task.edit is None or unedited.all():
        return batch.vectors, skipped
    moved = edited(
        task.edit,
        batch.vectors[~unedited] if unedited.any() else batch.vectors,
        task,
        [key for key, is_left in zip(batch.keys, unedited, strict=True) if not is_left],
    )
    if not unedited.any():
        return moved, skipped
    vectors = batch.vectors.copy()
    vectors[~unedited] = moved
    return vectors, skipped


def unusable(vectors: Floats) -> dict[int, str]:
    """Rows `(n, d)` that no edit can be made of, by place, and why."""
    precise = np.promote_types(vectors.dtype, np.float32)
    square = np.einsum("nd,nd->n", vectors, vectors, dtype=precise)
    bad = ~np.isfinite(square) | (square == 0)
    return {
        int(place): "all zero" if square[place] == 0 else UNKNOWN
        for place in np.flatnonzero(bad)
    }


def _of_unknown_kind(task: Task, batch: Batch) -> dict[int, str]:
    """Late rows that are not known to be the unedited model's. One that says it is of the very
    revision that is wanted is left, too: edited once more it would be none of it.
    """
    marks: Sequence[int | None] = batch.marks or [None] * len(batch.keys)
    is_base = task.unmarked == "base" or task.expected.revision == 0
    reasons = {}
    for place, mark in enumerate(marks):
        if mark is None and not is_base:
            reasons[place] = "came since and says nothing of what encoded it"
        elif mark:
            reasons[place] = (
                f"encoded by revision {mark}, and no original of it is kept"
            )
    return reasons


def _marks(
    task: Task, batch: Batch, skipped: dict[int, str]
) -> list[int | None] | None:
    """The revision that each row is of afterwards."""
    if batch.marks is None:
        return None
    marks: list[int | None] = [task.stamp.revision] * len(batch.keys)
    for place in skipped:
        marks[place] = batch.marks[place]
    return marks


def edited(edit: Edit, vectors: Floats, task: Task, keys: Sequence[str]) -> Floats:
    """Vectors `(n, d)` after an edit, in their type; `any_length`: each keeps its length.

    Raises:
        BadFile: another width than the edit's, or not of unit length.
    """
    x = np.asarray(vectors, np.float32)
    length = np.sqrt(np.einsum("nd,nd->n", x, x))
    off = np.flatnonzero(np.abs(length - 1) > UNIT)
    if len(off) and not task.any_length:
        raise BadFile(
            f"{len(off)} of {len(vectors)} rows are not of unit length: row"
            f" {keys[int(off[0])]} has {float(length[off[0]]):.3g}",
            advice="Store unit vectors, or say --any-length: each row then keeps its own.",
        )
    try:
        moved = applied(edit, vectors)
    except Usage as fault:
        raise BadFile(fault.what, where=fault.where, advice=fault.advice) from None
    return moved * length[:, None].astype(moved.dtype) if len(off) else moved
