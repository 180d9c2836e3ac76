"""What a model answers with at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from govd.edit import AnyEdit, Edit
from govd.edit.tensors import factors_of
from govd.models.core import Opened


@dataclass(frozen=True)
class Served:
    """What a model answers with at this moment; swapped as a whole."""

    number: int
    edit: AnyEdit
    opened: Opened

    @property
    def factors(self) -> Edit:
        """The edit of vectors.

        Raises:
            Unsupported: the model has no space of vectors.
        """
        return factors_of(self.edit)
