"""What a model answers with at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from govd.edit import Edit
from govd.models.core import Opened


@dataclass(frozen=True)
class Served:
    """What a model answers with at this moment; swapped as a whole."""

    number: int
    edit: Edit
    opened: Opened
