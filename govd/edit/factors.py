"""An edit: two thin factors, and what can be done with them. Needs NumPy and the safetensors format, nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadFile, Usage
from govd.types import SIDES, Floats, Json, Side

ROWS = 8192  # vectors at once


@dataclass(frozen=True)
class Edit:
    """`x' = x − B (Lᵀ x)` on image embeddings; the same scores come from `t' = t − L (Bᵀ t)` on text embeddings.

    `L`, `B` are `(d, r)` float64. `side` says which of the two is published. `facts` say what composed it and for which model; they
    are no part of the digest.
    """

    L: Floats
    B: Floats
    side: Side = "image"
    facts: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.L.ndim != 2 or self.L.shape != self.B.shape:
            raise Usage(f"factors of shapes {self.L.shape} and {self.B.shape}", advice="Both must be (d, r).")
        if self.side not in SIDES:
            raise Usage(f"side is {self.side!r}", advice="It is image or text.")
        if not (np.isfinite(self.L).all() and np.isfinite(self.B).all()):
            raise Usage("an edit with values that are not finite")

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
        """Columns of the factors."""
        return int(self.L.shape[1])

    @property
    def digest(self) -> str:
        """SHA-256 of side, shape and the factors' bytes (float64, little endian, row by row)."""
        head = f"govd-edit-1 {self.side} {self.dim} {self.rank}\n".encode()
        return hashlib.sha256(head + _raw(self.L) + _raw(self.B)).hexdigest()

    def move(self, vectors: Floats) -> Floats:
        """`(n, d)` vectors of this edit's side, edited and not normalised, in float64."""
        x = np.asarray(vectors, np.float64)
        into, out = (self.L, self.B) if self.side == "image" else (self.B, self.L)
        moved: Floats = x - (x @ into) @ out.T
        return moved

    def apply(self, vectors: Floats) -> Floats:
        """`(n, d)` vectors of this edit's side, unit length again, in the type that came in.

        With `side` image these are image embeddings; with `side` text, query embeddings.

        Raises:
            Usage: another width than the edit's, or values that are not finite.
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise Usage(f"vectors of shape {vectors.shape}", advice=f"This edit is for vectors (n, {self.dim}).")
        out = np.empty(vectors.shape, vectors.dtype if vectors.dtype.kind == "f" else np.float32)
        for start in range(0, len(vectors), ROWS):
            part = vectors[start : start + ROWS]
            if not np.isfinite(part).all():
                raise Usage("vectors with values that are not finite", where=f"rows {start} to {start + len(part) - 1}")
            moved = self.move(part)
            length = np.linalg.norm(moved, axis=1, keepdims=True)
            out[start : start + ROWS] = moved / np.where(length == 0, 1, length)
        return out

    def fold(self, weight: Floats) -> Floats:
        """The projection `(d, h)` of this edit's side after the edit, in float64."""
        return self.move(np.asarray(weight, np.float64).T).T

    def to_bytes(self) -> bytes:
        """The edit as a safetensors file with tensors `L` and `B`: the same bytes for the same edit and facts."""
        return tensors_to_bytes({"B": self.B, "L": self.L}, {"format": "govd-edit-1", "side": self.side, **_texts(self.facts)})

    @staticmethod
    def from_bytes(data: bytes, where: str = "") -> Edit:
        """Read what `to_bytes` wrote.

        Raises:
            BadFile: not such a file, truncated, or of wrong shapes.
        """
        tensors, said = tensors_from_bytes(data, where)
        if said.get("format") != "govd-edit-1" or set(tensors) != {"L", "B"}:
            raise BadFile("this is no edit file", where=where, advice="`govd export MODEL DIR --format edit` writes one.")
        facts = {k: json.loads(v) for k, v in said.items() if k not in ("format", "side")}
        try:
            return Edit(tensors["L"], tensors["B"], said.get("side", "image"), facts)  # type: ignore[arg-type]
        except Usage as error:
            raise BadFile(error.what, where=where, advice="Export it again.") from None

    def save(self, path: str | PathLike[str]) -> None:
        """Write the edit to a file."""
        Path(path).write_bytes(self.to_bytes())


def load_edit(path: str | PathLike[str]) -> Edit:
    """Read an edit that `govd export MODEL DIR --format edit` wrote.

    Raises:
        BadFile: not such a file, truncated, or of wrong shapes.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as fault:
        raise BadFile(str(fault.strerror), where=str(path)) from None
    return Edit.from_bytes(data, str(path))


def tensors_to_bytes(tensors: Mapping[str, Any], said: Mapping[str, str]) -> bytes:
    """A safetensors file, tensors and metadata in the order of their names, so that the same content has the same bytes."""
    arrays = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    header: dict[str, Any] = {"__metadata__": {k: said[k] for k in sorted(said)}}
    at = 0
    for name, array in arrays.items():
        header[name] = {"dtype": _CODES[array.dtype.str], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(array.tobytes() for array in arrays.values())])


def tensors_from_bytes(data: bytes, where: str = "") -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        BadFile: truncated, malformed, or with values that are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        said = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError) as error:
        raise BadFile(f"no safetensors file, or a truncated one ({error})", where=where) from None
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise BadFile(f"{name} has values that are not finite", where=where)
    return tensors, said


_CODES = {"<f8": "F64", "<f4": "F32", "<f2": "F16", "<i8": "I64", "<i4": "I32", "|u1": "U8"}


def _raw(a: Floats) -> bytes:
    return np.ascontiguousarray(a, "<f8").tobytes()


def _texts(facts: Mapping[str, Json]) -> dict[str, str]:
    return {k: json.dumps(v, sort_keys=True, ensure_ascii=False) for k, v in facts.items()}
