"""Filters of questions to the ledger."""

from __future__ import annotations

from typing import Final

from govd.errors import Usage, instead
from govd.models.core import Core
from govd.records.kinds import KINDS

NOUNS: Final = tuple(sorted({kind.partition(".")[0] for kind in KINDS} | {"note"}))
"""What kinds of entries begin with."""


def check_filters(core: Core, model: str | None, kind: str | None = None) -> None:
    """Refuse filters that nothing can match.

    Raises:
        NotFound: a model that never was. Usage: a kind of entry that there is not.
    """
    if model is not None and model not in core.desk.views.heads:
        core.desk.model(model)  # raises
    if kind is not None and kind.partition(".")[0] not in NOUNS:
        raise Usage(
            f"there are no entries of the kind {kind!r}",
            advice=instead(kind.partition(".")[0], NOUNS, "Kinds begin with"),
        )
