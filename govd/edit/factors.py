"""An edit: two thin factors, and what can be done with them. Needs NumPy and the safetensors
format, nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.edit.condition import Condition, conditions_in, is_unit
from govd.edit.edited_files import edited_file
from govd.edit.files import (
    facts_from_texts,
    facts_to_texts,
    tensors_from_bytes,
    tensors_to_bytes,
)
from govd.errors import BadFile, Conflict, Usage
from govd.types import SIDES, Floats, Json, Side, StoreStamp

ROWS = 8192  # vectors at once
FORMATS: Final = ("govd-edit-1", "govd-edit-2", "govd-edit-3")
"""Of a linear edit, of one that asks vectors for their domain, and of one that asks for their
answer, too.
"""
TENSORS: Final = "govd-delta-1"
"""Of an edit of tensors (`govd.edit.tensors`)."""


@dataclass(frozen=True)
class Edit:
    """`x' = x − B (Lᵀ x)` on image embeddings; the same scores come from `t' = t − L (Bᵀ t)` on
    text embeddings.

    `L`, `B` are `(d, r)` float64. `side` says which of the two is published. `facts` say what
    composed it and for which model; they are no part of the digest.

    A *conditional* edit has `conditions` besides, each read from the unedited vector, so that their
    order does not matter. It exists on the image side alone and cannot be folded into weights:
    `linear` is the edit that a checkpoint gets in its place, of the `plain` factors.
    """

    L: Floats
    B: Floats
    side: Side = "image"
    facts: Mapping[str, Json] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    plain: tuple[Floats, Floats] | None = None

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise Usage(f"side is {self.side!r}", advice="It is image or text.")
        if bool(self.conditions) != (self.plain is not None) or (
            self.conditions and self.side != "image"
        ):
            raise Usage(
                "a conditional edit without its linear one, or of texts",
                advice="It is of images and has both.",
            )
        pairs = [
            (self.L, self.B),
            *((c.L, c.B) for c in self.conditions),
            *([self.plain] if self.plain else []),
        ]
        for left, right in pairs:
            if left.ndim != 2 or left.shape != right.shape or len(left) != len(self.L):
                raise Usage(
                    f"factors of shapes {left.shape} and {right.shape}",
                    advice="Both must be (d, r).",
                )
            if not (np.isfinite(left).all() and np.isfinite(right).all()):
                raise Usage("an edit with values that are not finite")
        for condition in self.conditions:
            if not condition.fits(len(self.L)):
                raise Usage(
                    "a condition of another width, or with values that are not finite"
                )

    @staticmethod
    def nothing(dim: int, side: Side = "image") -> Edit:
        """The edit that changes nothing."""
        return Edit(np.zeros((dim, 0)), np.zeros((dim, 0)), side)

    @property
    def dim(self) -> int:
        """Width `d` of the joint space."""
        return int(self.L.shape[0])

    @property
    def rank(self) -> int:
        """Columns of the factors, those of conditions among them."""
        return int(self.L.shape[1] + sum(c.L.shape[1] for c in self.conditions))

    @property
    def files_changed(self) -> int:
        """How many files of a checkpoint it may change at most: the one with the projection."""
        return 1 if self.linear.rank else 0

    @property
    def nbytes(self) -> int:
        """Bytes of its factors and of what its conditions are asked by."""
        parts = [part for c in self.conditions for part in c.tensors.values()]
        return sum(
            part.nbytes for part in (self.L, self.B, *(self.plain or ()), *parts)
        )

    @property
    def format(self) -> str:
        """The format of its file."""
        if any(condition.asks_answer for condition in self.conditions):
            return FORMATS[2]
        return FORMATS[bool(self.conditions)]

    @property
    def linear(self) -> Edit:
        """What can be folded into weights: this edit itself, or the linear one beside a conditional
        one.
        """
        return self if self.plain is None else Edit(*self.plain, self.side, self.facts)

    @property
    def digest(self) -> str:
        """SHA-256 of side, shape and the factors' bytes (float64, little endian, row by row); of a
        conditional edit over all its parts.
        """
        head = f"govd-edit-1 {self.side} {self.dim} {self.L.shape[1]}\n".encode()
        if self.plain is None:
            return hashlib.sha256(head + _raw(self.L) + _raw(self.B)).hexdigest()
        ranks = " ".join(
            [
                *(str(factor.shape[1]) for factor in (self.L, self.plain[0])),
                *(condition.shape for condition in self.conditions),
            ]
        )
        whole = hashlib.sha256(
            f"{self.format} {self.side} {self.dim} {ranks}\n".encode()
        )
        for part in (self.L, self.B, *self.plain):
            whole.update(_raw(part))
        for condition in self.conditions:
            for part in condition.tensors.values():
                whole.update(_raw(part))
        return whole.hexdigest()

    def move(self, vectors: Floats) -> Floats:
        """`(n, d)` vectors of this edit's side, edited and not normalised, in float64."""
        x = np.asarray(vectors, np.float64)
        into, out = (self.L, self.B) if self.side == "image" else (self.B, self.L)
        moved: Floats = x - (x @ into) @ out.T
        for condition in self.conditions:
            at = condition.holds(x)
            moved[at] -= (x[at] @ condition.L) @ condition.B.T
        return moved

    def apply(self, vectors: Floats) -> Floats:
        """`(n, d)` vectors of this edit's side, unit length again, in the type that came in. Unit
        vectors that it is not for stay as they are, to the last bit.

        With `side` image these are image embeddings; with `side` text, query embeddings.

        Raises:
            Usage: another width than the edit's, or values that are not finite.
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise Usage(
                f"vectors of shape {vectors.shape}",
                advice=f"This edit is for vectors (n, {self.dim}).",
            )
        out = np.empty(
            vectors.shape, vectors.dtype if vectors.dtype.kind == "f" else np.float32
        )
        for start in range(0, len(vectors), ROWS):
            part = vectors[start : start + ROWS]
            if not np.isfinite(part).all():
                raise Usage(
                    "vectors with values that are not finite",
                    where=f"rows {start} to {start + len(part) - 1}",
                )
            moved = self.move(part)
            length = np.linalg.norm(moved, axis=1, keepdims=True)
            edited = out[start : start + ROWS]
            edited[:] = moved / np.where(length == 0, 1, length)
            as_it_was = (moved == part).all(1) & is_unit(length[:, 0], out.dtype)
            edited[as_it_was] = part[as_it_was]
        return out

    def apply_to_queries(
        self, queries: Floats, stamp: Mapping[str, Json] | StoreStamp | None = None
    ) -> Floats:
        """Query embeddings `(n, d)` that find in unedited vectors what they would find in edited
        ones: `t' = t − L (Bᵀ t)`, in the type that came in and not of unit length, since the length
        of a query changes no ranking and that of labels does. A conditional edit asks pictures,
        so its linear one is applied.

        Args:
            queries: unit embeddings of texts.
            stamp: of the vectors that are searched, where it is known.

        Raises:
            Usage: another width than the edit's. Conflict: the stamp says that the vectors are
            edited already: pairs would be edited twice.
        """
        if stamp is not None:
            of = stamp if isinstance(stamp, StoreStamp) else StoreStamp.from_json(stamp)
            if of.revision:
                raise Conflict(
                    f"the vectors are of revision {of.revision} of {of.model} already: with edited"
                    " queries pairs would be edited twice",
                    advice="Search them with unedited queries.",
                )
        queries = np.asarray(queries)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise Usage(
                f"queries of shape {queries.shape}",
                advice=f"This edit is for (n, {self.dim}).",
            )
        t = np.asarray(queries, np.float64)
        linear = self.linear
        kind = queries.dtype if queries.dtype.kind == "f" else np.dtype(np.float32)
        return (t - (t @ linear.B) @ linear.L.T).astype(kind)

    def apply_file(
        self, path: str | PathLike[str], *, unstamped_is_base: bool = False
    ) -> StoreStamp:
        """Edit the vectors `(n, d)` of a `.npy` file in its place and stamp it; the original is
        kept beside it, in `FILE.govd`. Its stamp; a file that has it already is left as it is.

        Args:
            path: of the file.
            unstamped_is_base: a file without a stamp has the unedited model's vectors.

        Raises:
            Usage: the edit is of texts, or for another width. BadFile, Conflict, MachineFault: as
            `govd.edit.edited_files.edited_file`.
        """
        if self.side != "image":
            raise Usage(
                "an edit of texts for stored pictures", advice="Use apply_to_queries."
            )
        return edited_file(
            Path(path), self.apply, self.facts, self.digest, unstamped_is_base
        )

    def fold(self, weight: Floats) -> Floats:
        """The projection `(d, h)` of this edit's side after the (linear) edit, in float64."""
        return self.linear.move(np.asarray(weight, np.float64).T).T

    def to_bytes(self) -> bytes:
        """The edit as a safetensors file with tensors `L` and `B`: the same bytes for the same edit
        and facts.

        A conditional edit is of format `govd-edit-2`: `plain.L`, `plain.B` beside those, and for
        each condition `condition.I.selector`, `.threshold` (1,), `.L`, `.B`. In `govd-edit-3` there
        may be `.texts` (p, m, d), `.forgotten` (m,) of 0 and 1, and `.margin` (1,), in the place of
        the first two or beside them.
        """
        tensors: dict[str, Floats] = {"B": self.B, "L": self.L}
        if self.plain is not None:
            tensors |= {"plain.L": self.plain[0], "plain.B": self.plain[1]}
        for i, condition in enumerate(self.conditions):
            parts = condition.tensors
            tensors |= {f"condition.{i}.{name}": part for name, part in parts.items()}
        return tensors_to_bytes(
            tensors,
            {
                "format": self.format,
                "side": self.side,
                **facts_to_texts(self.facts),
            },
        )

    @staticmethod
    def from_bytes(data: bytes, where: str = "") -> Edit:
        """Read what `to_bytes` wrote.

        Raises:
            BadFile: not such a file, truncated, or of wrong shapes.
        """
        return Edit.from_tensors(*tensors_from_bytes(data, where), where)

    @staticmethod
    def from_tensors(
        tensors: Mapping[str, Floats], metadata: Mapping[str, str], where: str = ""
    ) -> Edit:
        """What the tensors and metadata of a file say.

        Raises:
            BadFile: they are not of such a file.
        """
        if metadata.get("format") == TENSORS:
            advice = "Add its tensors to the model's, by their names; they are no edit of vectors."
            raise BadFile("this is an edit of weights", where=where, advice=advice)
        conditional = metadata.get("format") in FORMATS[1:]
        names = {"L", "B", *(("plain.L", "plain.B") if conditional else ())}
        numbered = {name for name in tensors if name.startswith("condition.")}
        side: Any = metadata.get("side", "image")
        try:
            conditions = conditions_in(tensors)
            if (
                metadata.get("format") not in FORMATS
                or conditions is None
                or tensors.keys() - (numbered if conditional else set()) != names
            ):
                raise BadFile(
                    "this is no edit file",
                    where=where,
                    advice="`govd export MODEL DIR --format edit` writes one.",
                )
            facts = facts_from_texts(metadata, without=("format", "side"))
            plain = (tensors["plain.L"], tensors["plain.B"]) if conditional else None
            return Edit(tensors["L"], tensors["B"], side, facts, conditions, plain)
        except Usage as error:
            raise BadFile(error.what, where=where, advice="Export it again.") from None

    def save(self, path: str | PathLike[str]) -> None:
        """Write the edit to a file."""
        Path(path).write_bytes(self.to_bytes())


def load_edit(path: str | PathLike[str]) -> Edit:
    """Read an edit that `govd export MODEL DIR --format edit` wrote.

    Raises:
        BadFile: not such a file, truncated, of wrong shapes, or with other numbers than it was
        written with.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as fault:
        raise BadFile(str(fault.strerror), where=str(path)) from None
    edit = Edit.from_bytes(data, str(path))
    if edit.facts.get("edit_digest", edit.digest) != edit.digest:
        raise BadFile(
            "its numbers are not those that it was written with",
            where=str(path),
            advice="Copy it again.",
        )
    return edit


def _raw(a: Floats) -> bytes:
    return np.ascontiguousarray(a, "<f8").tobytes()
