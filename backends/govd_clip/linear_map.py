"""A linear map behind the image tower, in a file of its own (`govd_edit.safetensors`): of models
whose image tower ends in no plain projection.

`L` and `B` `(d, r)` float32; a picture's vector x `(d,)` becomes x - B (Lᵀ x), and is brought to
unit length after that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from govd.errors import BadCheckpoint, Unsupported
from govd.types import Floats, LinearEdit
from govd_clip.layouts import MAP
from govd_clip.registered import read

AGAIN: Final = "Copy it from the checkpoint that was exported."


@dataclass(frozen=True)
class LinearMap:
    """Two factors `(d, r)`."""

    L: Floats
    B: Floats

    def __call__(self, rows: Floats) -> Floats:
        """Unit vectors `(n, d)` float32 of unit vectors `(n, d)`."""
        moved = rows.astype(np.float64)
        moved = moved - (moved @ self.L) @ self.B.T
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        return (moved / np.maximum(length, 1e-12)).astype(np.float32)


def read_map(folder: Path, dim: int, digest: str) -> LinearMap:
    """The map beside a checkpoint of width `dim`. `digest`: its SHA-256 when it was registered.

    Raises:
        BadCheckpoint: it is another file than that, or no map of this width.
    """
    linear = _parsed(read(folder, MAP, digest), folder / MAP)
    if linear.L.shape[0] != dim:
        reason = f"is of width {linear.L.shape[0]}, the model of {dim}"
        raise BadCheckpoint(reason, where=str(folder / MAP), advice=AGAIN)
    return linear


def write_map(edit: LinearEdit, dim: int, before: bytes | None, target: Path) -> str:
    """Write an edit of pictures as a map, behind the one that the checkpoint has already; the
    SHA-256 of the file.

    Args:
        edit: of the image side.
        dim: the width of the model.
        before: the file of the map that is there.
        target: where it goes.

    Raises:
        Unsupported: the edit is of another model, or not finite.
    """
    left = np.asarray(edit.L, np.float64)
    right = np.asarray(edit.B, np.float64)
    if left.shape != right.shape or left.ndim != 2 or left.shape[0] != dim:
        reason = f"the edit is of shape {left.shape}, the model's joint space of {dim}"
        raise Unsupported(
            reason, advice="An edit fits only the model that it was computed for."
        )
    if before is not None:
        # x - B₁(L₁ᵀx), then x - B₂(L₂ᵀx): together L = [L₁, L₂ - L₁(B₁ᵀL₂)], B = [B₁, B₂]
        old = _parsed(before, target)
        left = np.hstack([old.L, left - old.L @ (old.B.T @ left)])
        right = np.hstack([old.B, right])
    factors = {"L": left.astype(np.float32), "B": right.astype(np.float32)}
    if not all(np.isfinite(factor).all() for factor in factors.values()):
        raise Unsupported("the edit is not finite", advice="Check the edit.")
    data = save(factors, metadata={"format": "pt"})
    target.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _parsed(data: bytes, where: Path) -> LinearMap:
    try:
        factors = load(data)
        left = factors["L"].astype(np.float64)
        right = factors["B"].astype(np.float64)
        if (
            left.ndim == 2
            and left.shape == right.shape
            and np.isfinite([left, right]).all()
        ):
            return LinearMap(left, right)
    except (SafetensorError, KeyError, ValueError, TypeError):
        pass
    raise BadCheckpoint(
        "is no linear map (L and B of one shape)", where=str(where), advice=AGAIN
    )
