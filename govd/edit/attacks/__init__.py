"""What somebody can still do to an edit, from asking in other words to inverting it, what each
attack costs him, and which claim is left.

Figures are for reading: they use the machine's own linear algebra and are no part of any digest.
Definitions: README of the folder above.
"""

from govd.edit.attacks.grading import graded
from govd.edit.attacks.pictures import SHOTS, leaks, neighbour_agreement
from govd.edit.attacks.restoring import (
    base_diff,
    is_invertible,
    lost,
    relearned,
    undone,
)
from govd.edit.attacks.spaces import Space, Subject, thinned
from govd.edit.attacks.trying import Models, tried
from govd.edit.attacks.words import UNSEEN

__all__ = [
    "SHOTS",
    "UNSEEN",
    "Models",
    "Space",
    "Subject",
    "base_diff",
    "graded",
    "is_invertible",
    "leaks",
    "lost",
    "neighbour_agreement",
    "relearned",
    "thinned",
    "tried",
    "undone",
]
