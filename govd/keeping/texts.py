"""Arrays of texts, as files bring them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from govd.errors import BadFile


def texts_of(
    array: Any,
    which: str,
    path: Path,
    rows: int | None = None,
    fault: type[BadFile] = BadFile,
) -> list[str]:
    """The texts of an array `(rows,)`; bytes are read as UTF-8.

    Args:
        array: as it was read.
        which: its name in the file.
        path: the file.
        rows: how many there must be; None: any number.
        fault: the error that is raised.

    Raises:
        BadFile: it is of another shape, of no texts, or of bytes that are none.
    """
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError as error:
            raise fault(
                f"{which} is bytes that are not UTF-8 ({error})",
                where=str(path),
                advice="Write the names as text.",
            ) from None
    is_a_row = array.ndim == 1 if rows is None else array.shape == (rows,)
    if not is_a_row or array.dtype.kind != "U":
        advice = "It must be a row of texts."
        if rows is not None:
            advice = f"It must be {rows} texts, one for each vector."
        raise fault(
            f"{which} is {array.dtype} of shape {array.shape}",
            where=str(path),
            advice=advice,
        )
    return [str(text) for text in array]
