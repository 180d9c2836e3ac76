"""Points as they are searched, and the cosines that follow from scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from govd.types import Floats, Hit


def nearest(
    client: Any, name: str, vector: str, distance: Any, queries: Floats, limit: int
) -> Sequence[Sequence[Hit]]:
    """For each of the unit queries `(n, d)` the best points.

    Args:
        client: of the library.
        name: of the collection or alias.
        vector: its name; empty: the only one.
        distance: by which it is searched.
        queries: `(n, d)`.
        limit: hits of a query.
    """
    answers = []
    for query in np.asarray(queries, np.float32):
        points = client.query_points(
            name,
            query=query.tolist(),
            using=vector or None,
            limit=limit,
            with_vectors=True,
            with_payload=False,
        ).points
        answers.append([_hit(distance, query, point, vector) for point in points])
    return answers


def _hit(distance: Any, query: Floats, point: Any, name: str) -> Hit:
    """A hit by its cosine, from the score of another distance and the vector's length; `query` is
    `(d,)`.
    """
    if distance == models.Distance.COSINE:
        return Hit(str(point.id), float(point.score))
    vector = np.asarray(point.vector[name] if name else point.vector, np.float64)
    length = float(np.linalg.norm(vector)) or 1.0
    if distance == models.Distance.DOT:
        return Hit(str(point.id), float(point.score) / length)
    if distance == models.Distance.EUCLID:
        return Hit(
            str(point.id), (1 + length**2 - float(point.score) ** 2) / (2 * length)
        )
    return Hit(str(point.id), float(vector @ query) / length)
