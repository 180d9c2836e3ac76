"""Curves and scatters as SVG: places are computed here, the template draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 280
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 14, 46
"""Pixels around the field, where axes are written."""
TICKS: Final = 5


@dataclass(frozen=True)
class Line:
    """A curve: its name, how it looks (`main`, `second`, `ahead`), points in data."""

    name: str
    look: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Dot:
    """A point of a scatter with what it is, and the intervals of both coordinates where they are
    known.
    """

    name: str
    x: float
    y: float
    x_interval: Sequence[float] | None = None
    y_interval: Sequence[float] | None = None


@dataclass(frozen=True)
class Plot:
    """A field with axes in shares (`y`, and `x` where `x_share`) or plain numbers, and what is
    drawn in it.
    """

    title: str
    x_title: str
    y_title: str
    x_most: float
    y_most: float
    lines: Sequence[Line] = ()
    dots: Sequence[Dot] = ()
    marks: Sequence[tuple[float, str]] = ()
    x_share: bool = False
    diagonal: bool = False
    width: int = field(default=WIDTH)
    height: int = field(default=HEIGHT)

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return round(
            LEFT + (WIDTH - LEFT - RIGHT) * min(value, self.x_most) / self.x_most, 1
        )

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return round(
            HEIGHT
            - BOTTOM
            - (HEIGHT - TOP - BOTTOM) * min(value, self.y_most) / self.y_most,
            1,
        )

    @property
    def field_box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the field in pixels."""
        return LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM

    def path(self, line: Line) -> str:
        """The points of an SVG polyline."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in line.points)

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Places and words on the axis below."""
        values = ticks(self.x_most, whole=not self.x_share)
        return [
            (self.x(v), percent(v, values[1]) if self.x_share else f"{v:g}")
            for v in values
        ]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Places and words on the axis at the left."""
        values = ticks(self.y_most)
        return [(self.y(v), percent(v, values[1])) for v in values]


def ticks(most: float, whole: bool = False) -> list[float]:
    """About `TICKS` round numbers from 0 to `most`; of whole numbers where `whole` and there are
    enough of them.
    """
    step = rounded(most / TICKS)
    if whole and most >= TICKS:
        step = max(1.0, step) if step != 2.5 else 5.0
    return [round(i * step, 10) for i in range(int(most / step + 1e-9) + 1)]


def rounded(value: float) -> float:
    """The least of 1, 2, 2.5, 5 and 10 times a power of ten that is no less."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        m * power for m in (1, 2, 2.5, 5, 10) if m * power >= value * (1 - 1e-9)
    )


def upper(values: Sequence[float], least: float) -> float:
    """Where an axis ends that all values fit below."""
    return min(1.0, TICKS * rounded(max([least, *values]) * 1.05 / TICKS))


def percent(value: float, step: float) -> str:
    """A tick in per cent, as finely as the step between ticks needs."""
    places = next(
        p
        for p in range(4)
        if p == 3 or abs(100 * step * 10**p - round(100 * step * 10**p)) < 1e-9
    )
    return f"{100 * value:.{places}f} %"
