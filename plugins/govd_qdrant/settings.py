"""Settings of a collection's vectors, and how NumPy has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from qdrant_client import models

from govd.errors import BadFile, Unsupported, Usage, instead
from govd.types import Floats
from govd_qdrant.clients import Address

REMAINS: Final = (
    "segments that Qdrant has not compacted yet (its optimizer does, by and by), and its"
    " write-ahead log; in local mode free pages of its database",
    "snapshots, replicas, backups, freed blocks of the disk",
)
"""What may still hold old vectors after a purge."""


def vector_settings(vectors: Any, address: Address) -> Any:
    """The settings of the vector that an address means, among those of a collection.

    Raises:
        BadFile: there is no such vector. Usage: there are several. Unsupported: it cannot be
        edited.
    """
    if not vectors:
        raise BadFile(
            "it has no dense vectors",
            where=address.url,
            advice="Sparse ones cannot be edited.",
        )
    if address.vector and not isinstance(vectors, dict):
        raise BadFile(
            f"it has no vector {address.vector}",
            where=address.url,
            advice="It has one without a name: leave vector= out.",
        )
    if not isinstance(vectors, dict):
        return _usable(vectors, address.url)
    if not address.vector:
        raise Usage(
            f"which of {', '.join(vectors)} is meant?",
            where=address.url,
            advice="Add vector=NAME.",
        )
    if address.vector not in vectors:
        raise BadFile(
            f"it has no vector {address.vector}",
            where=address.url,
            advice=instead(address.vector, vectors),
        )
    return _usable(vectors[address.vector], address.url)


def _usable(params: Any, where: str) -> Any:
    """Settings of a vector that can be edited.

    Raises:
        Unsupported: there are several of it for each point, or its numbers are bytes.
    """
    if (
        params.multivector_config is not None
        or params.datatype == models.Datatype.UINT8
    ):
        raise Unsupported(
            "vectors of several rows, or of bytes, cannot be edited", where=where
        )
    return params


def dtype_of(params: Any) -> str:
    """How NumPy calls the numbers of its vectors."""
    return "float16" if params.datatype == models.Datatype.FLOAT16 else "float32"


def stacked(rows: Sequence[Floats], params: Any) -> Floats:
    """Vectors `(n, d)` in the type in which they are kept."""
    vectors = np.stack(rows) if rows else np.zeros((0, params.size))
    return vectors.astype(dtype_of(params))
