"""An edit of many stored vectors in the arithmetic of their own type: some times faster than
`Edit.apply`, and equal to it but for the last bits of float32.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from govd.edit.condition import Condition, is_unit
from govd.edit.factors import Edit
from govd.errors import Usage
from govd.types import Bools, Floats

ROWS: Final = 2048
"""Vectors at once: they and their products stay in a core's cache."""
NEAR: Final = 1e-4
"""A score of float32 that is nearer than this to a condition's threshold is computed again in
float64, so that the same vectors meet a condition here and in `Edit.apply`.
"""


def applied(edit: Edit, vectors: Floats) -> Floats:
    """`(n, d)` vectors of an edit of pictures, unit length again, in the type that came in, those
    that it is not for as they are; float64 as `Edit.apply` does it.

    Raises:
        Usage: another width than the edit's, or an edit of texts.
    """
    if edit.side != "image":
        raise Usage(
            "an edit of texts for stored pictures", advice="Use apply_to_queries."
        )
    if vectors.dtype.itemsize > 4:
        return edit.apply(vectors)
    if vectors.ndim != 2 or vectors.shape[1] != edit.dim:
        raise Usage(
            f"vectors of shape {vectors.shape}",
            advice=f"This edit is for vectors (n, {edit.dim}).",
        )
    pairs = [(edit.L, edit.B), *((c.L, c.B) for c in edit.conditions)]
    factors = [
        (left.astype(np.float32), right.astype(np.float32).T) for left, right in pairs
    ]
    out = np.empty_like(vectors)
    for start in range(0, len(vectors), ROWS):
        out[start : start + ROWS] = _block(edit, factors, vectors[start : start + ROWS])
    return out


def _block(edit: Edit, factors: list[tuple[Any, Any]], vectors: Floats) -> Floats:
    x = np.asarray(vectors, np.float32)
    (left, right), *of_conditions = factors
    moved = x - (x @ left) @ right if left.shape[1] else x.copy()
    touched = np.full(len(x), left.shape[1] > 0)
    for condition, (inner, outer) in zip(edit.conditions, of_conditions, strict=True):
        at = holds(condition, x)
        if at.any():
            moved[at] -= (x[at] @ inner) @ outer
            touched |= at
    length = np.sqrt(np.einsum("nd,nd->n", moved, moved))
    scaled: Floats = moved / np.where(length > 0, length, np.float32(1))[:, None]
    as_it_was = ~touched & is_unit(length, vectors.dtype)
    scaled[as_it_was] = x[as_it_was]
    return scaled


def holds(condition: Condition, x: Floats) -> Bools:
    """For which float32 vectors `(n, d)` a condition holds, as in float64."""
    off = condition.beyond(x)
    mask: Bools = off > 0
    near = np.flatnonzero(np.abs(off) < NEAR)
    if len(near):
        mask[near] = condition.holds(np.asarray(x[near], np.float64))
    return mask
