"""Which names are nearest in meaning to one that is not there, as a model reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from govd.errors import GovdError
from govd.models.embeddings import Encoder

COMPARED: Final = 4096
"""Names that are compared at most: they may have to be encoded for it."""
NEAREST: Final = 3


def nearest_in_meaning(
    encoder: Encoder, name: str, names: Sequence[str], templates: Sequence[str]
) -> list[str]:
    """The names whose texts are nearest to that of another, seen from the centre of them all,
    nearest first; none where the model reads no such text, or there are too many names.

    Args:
        encoder: of the model.
        name: what is not among them.
        names: that there are.
        templates: prompts that texts are averaged over.
    """
    if not 1 < len(names) <= COMPARED:
        return []
    try:
        typed = encoder.averaged([name], templates, keep=False)
        rows = encoder.averaged(list(names), templates)
    except GovdError:  # a model that is a table of texts knows no other
        return []
    centre = rows.mean(0)
    words = rows - centre
    lengths = np.maximum(np.linalg.norm(words, axis=1), 1e-12)
    cosines = (words @ (typed[0] - centre)) / lengths
    return [names[int(i)] for i in np.argsort(-cosines, kind="stable")[:NEAREST]]
