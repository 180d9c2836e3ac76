"""Figures of a checkpoint whose revision has a conditional edit: weights cannot ask a picture
anything, so they carry the linear edit, and that has figures of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

LINEAR: Final = "linear"
"""What `carries` and `figures_of` say of such a checkpoint."""
CONDITIONAL: Final = "conditional"
"""What an evaluation's `figures_of` says where they are of an edit that asks pictures."""
AT_ONCE: Final = "checkpoint"
"""Figures of the linear edit that publishing waits for, among a revision's."""
LATER: Final = "checkpoint_measured"
"""Those of it that follow."""
OF_PICTURES: Final = (
    "Its figures are of edited pictures. By edited queries, whose lengths stay as the edit leaves"
    " them, each picture has the same label; a search may rank pictures a little otherwise, since"
    " edited pictures are brought to unit length again. Pictures find pictures as if nothing had"
    " been edited."
)
"""Of an edit of queries: whose the figures of its revision are."""


def of_linear(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the linear edit among those of a revision; none where the revision's own edit
    is linear, or its linear one was not measured.
    """
    parts = (metrics.get(name) for name in (AT_ONCE, LATER))
    return {
        name: value
        for part in parts
        if isinstance(part, Mapping)
        for name, value in part.items()
    }
