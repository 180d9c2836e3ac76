"""Which array or column of a file is meant, and whether its rows are directions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from govd.errors import BadFile, instead
from govd.types import Floats

PART_BYTES: Final = 2**22
"""Bytes of a file that are looked at at once."""
OURS: Final = ("image_vectors", "vectors")
"""Arrays and columns that are taken where there are several, the first that is there."""


def chosen(
    path: Path, name: str, names: list[str], fitting: list[str], what: str
) -> str:
    """Which of several arrays or columns is meant: the one named, the only one that fits, or one
    that govd itself calls so.

    Args:
        path: the file, for what is refused.
        name: what somebody asked for; empty: nobody did.
        names: of all that are in the file.
        fitting: of those whose width is the model's.
        what: what they are called: `array` or `column`.

    Raises:
        BadFile: none or several could be.
    """
    if name:
        if name not in names:
            raise BadFile(
                f"there is no {what} {name!r}",
                where=str(path),
                advice=instead(name, names),
            )
        return name
    known_keys = [key for key in OURS if key in fitting]
    if len(fitting) == 1 or known_keys:
        return (known_keys or fitting)[0]
    if not fitting:
        if len(names) == 1 and what == "array":
            return names[0]
        raise BadFile(
            f"no {what} holds vectors of this model's width",
            where=str(path),
            advice=f"There are: {', '.join(names)}.",
        )
    advice = f"Say which: --pool {path}::{fitting[0]}"
    raise BadFile(
        f"several {what}s could be the pool: {', '.join(fitting)}",
        where=str(path),
        advice=advice,
    )


def check_vectors(part: Floats, start: int, where: str, zeros: bool = False) -> None:
    """Refuse rows `(n, d)` that are no directions; `start`: the position of the first. `zeros`: let
    rows of zeros pass.

    Args:
        part: some of the rows.
        where: the file, for what is refused.

    Raises:
        BadFile: a row is not finite, or zero.
    """
    if not np.isfinite(part).all():
        bad = ~np.isfinite(part).all(1)
        raise unusable(
            "not finite", start + int(np.flatnonzero(bad)[0]), int(bad.sum()), where
        )
    if not zeros and not (bare := part.any(1)).all():
        raise unusable(
            "zero", start + int(np.flatnonzero(~bare)[0]), int((~bare).sum()), where
        )


def unusable(what: str, first: int, count: int, where: str) -> BadFile:
    """That rows are no directions.

    Args:
        what: what they are: `zero`, `not finite`.
        first: the position of the first of them.
        count: how many there are.
        where: the file.
    """
    more = f" and {count - 1} more near it" if count > 1 else ""
    return BadFile(
        f"row {first}{more} of the vectors is {what}",
        where=where,
        advice="Take such rows out.",
    )
