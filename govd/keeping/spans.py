"""Portions that are rows of a file or a fragment, from a first to a last one."""

from __future__ import annotations

from typing import Final

from govd.types import Portion

LATE: Final = "late:"
"""How names of portions begin whose rows came in meanwhile."""


def span(start: int, stop: int, name: str = "") -> Portion:
    """Rows `start` to `stop`; `name`: of the file or fragment, `LATE` before it for late rows."""
    return Portion(f"{name}:{start}-{stop}", stop - start)


def spans(count: int, rows: int, name: str = "", first: int = 0) -> list[Portion]:
    """Rows `first` to `count`, about `rows` in each portion."""
    starts = range(first, count, rows)
    return [span(start, min(start + rows, count), name) for start in starts]


def is_late(portion: Portion) -> bool:
    """Whether its rows came in meanwhile."""
    return portion.name.startswith(LATE)


def bounds(portion: Portion) -> tuple[str, int, int]:
    """The file or fragment of a portion, its first row and the one after its last."""
    name, _, numbers = portion.name.removeprefix(LATE).rpartition(":")
    start, _, stop = numbers.partition("-")
    return name, int(start), int(stop)
