"""Panels of points and lines on a sheet, as SVG. Axes are those of the reports that govd writes
(`govd.cli.report.plots`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from govd.cli.report.plots import HEIGHT, WIDTH, Plot

INK, SOFT, LINE, PAGE = "#1c1c1c", "#5b5b5b", "#d8d8d8", "#ffffff"
COLOURS = (
    "#0b62a8",
    "#c0392b",
    "#1e8449",
    "#8e44ad",
    "#b9770e",
    "#117a8b",
    "#7f5539",
    "#515a5a",
)
TITLE = 26
"""Pixels above a panel for its title."""
APART = 15
"""Pixels between the lines of labels that would lie on each other."""
KEY = 24
EDGE = 16
"""Pixels at the right of a sheet for the half of the last tick."""


@dataclass(frozen=True)
class Point:
    """A point of data with its interval ends `(low, high)` where known; `label` is written beside
    it.
    """

    x: float
    y: float
    colour: str = COLOURS[0]
    label: str = ""
    x_interval: tuple[float, float] | None = None
    y_interval: tuple[float, float] | None = None
    hollow: bool = False


@dataclass(frozen=True)
class Curve:
    """Points of data joined by a line."""

    points: Sequence[tuple[float, float]]
    colour: str = COLOURS[0]
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """A field: `plot` has its axes."""

    title: str
    plot: Plot
    points: Sequence[Point] = ()
    curves: Sequence[Curve] = ()

    def svg(self, left: float, top: float) -> str:
        """Drawn with its corner at so many pixels of the sheet."""
        parts = [
            f'<g transform="translate({left},{top})">',
            text(10, 18, self.title, weight=650, colour=INK),
        ]
        parts += [
            f'<g transform="translate(0,{TITLE})">',
            *self._axes(),
            *(self._curve(curve) for curve in self.curves),
        ]
        parts += [self._point(point) for point in self.points]
        return "\n".join([*parts, *self._labels(), "</g></g>"])

    def _axes(self) -> list[str]:
        plot = self.plot
        left, top, right, bottom = plot.field_box
        parts = []
        for at, words in plot.y_ticks:
            parts += [
                stroke(left, at, right, at, LINE),
                text(left - 6, at + 4, words, anchor="end"),
            ]
        parts += [
            text(at, bottom + 16, words, anchor="middle") for at, words in plot.x_ticks
        ]
        parts += [text((left + right) / 2, HEIGHT - 8, plot.x_title, anchor="middle")]
        middle = (top + bottom) / 2
        parts.append(
            '<g transform="rotate(-90 14'
            f' {middle})">{text(14, middle, plot.y_title, anchor="middle")}</g>'
        )
        if plot.diagonal:
            parts.append(stroke(left, bottom, right, top, SOFT, dashed=True))
        return parts

    def _curve(self, curve: Curve) -> str:
        places = " ".join(f"{self.plot.x(x)},{self.plot.y(y)}" for x, y in curve.points)
        dash = ' stroke-dasharray="6 4"' if curve.dashed else ""
        return (
            f'<polyline points="{places}" fill="none" stroke="{curve.colour}"'
            f' stroke-width="2"{dash}/>'
        )

    def _point(self, point: Point) -> str:
        x, y, plot = self.plot.x(point.x), self.plot.y(point.y), self.plot
        parts = []
        if point.x_interval:
            parts.append(
                stroke(
                    plot.x(max(0.0, point.x_interval[0])),
                    y,
                    plot.x(point.x_interval[1]),
                    y,
                    point.colour,
                    opacity=0.35,
                )
            )
        if point.y_interval:
            parts.append(
                stroke(
                    x,
                    plot.y(max(0.0, point.y_interval[0])),
                    x,
                    plot.y(point.y_interval[1]),
                    point.colour,
                    opacity=0.35,
                )
            )
        fill = PAGE if point.hollow else point.colour
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="3.6" fill="{fill}" stroke="{point.colour}"'
            ' stroke-width="1.5"/>'
        )
        return "".join(parts)

    def _labels(self) -> list[str]:
        """Beside their points, moved apart where they would lie on each other."""
        parts = []
        right = self.plot.field_box[2]
        ends: list[
            tuple[float, float, float]
        ] = []  # left, right, height of what is written
        for point in sorted(
            (p for p in self.points if p.label), key=lambda p: -self.plot.y(p.y)
        ):
            x, y = self.plot.x(point.x), self.plot.y(point.y)
            wide = 6.3 * len(point.label)
            flipped = x + 10 + wide > right
            start = x - 10 - wide if flipped else x + 10
            height = min(y + 4, self.plot.field_box[3] - 3)
            while any(
                start < b and a < start + wide and abs(height - h) < APART
                for a, b, h in ends
            ):
                height -= 1
            ends.append((start, start + wide, height))
            if abs(height - y - 4) > 6:
                parts.append(
                    stroke(
                        x,
                        y,
                        x - 8 if flipped else x + 8,
                        height - 4,
                        point.colour,
                        opacity=0.5,
                    )
                )
            anchor = "end" if flipped else "start"
            parts.append(
                text(
                    x - 10 if flipped else x + 10,
                    height,
                    point.label,
                    anchor=anchor,
                    colour=point.colour,
                )
            )
        return parts


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    colour: str = SOFT,
    weight: int = 400,
    size: int = 12,
) -> str:
    """A line of text."""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"'
        f' font-size="{size}">{escape(words)}</text>'
    )


def stroke(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str,
    *,
    dashed: bool = False,
    opacity: float = 1.0,
) -> str:
    """A straight line."""
    more = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}"'
        f' stroke-opacity="{opacity}"{more}/>'
    )


def key(entries: Sequence[tuple[str, str, bool]]) -> str:
    """What colours mean, in one line: words, colour, whether the line is dashed (or the point
    hollow).
    """
    parts, at = [], 10.0
    for words, colour, dashed in entries:
        parts += [
            stroke(at, 12, at + 24, 12, colour, dashed=dashed),
            text(at + 30, 16, words),
        ]
        at += 30 + 6.6 * len(words) + 26
    return "".join(parts)


def sheet(
    title: str,
    panels: Sequence[Panel],
    columns: int,
    keys: Sequence[tuple[str, str, bool]] = (),
) -> str:
    """Panels side by side under a title and what their colours mean."""
    head = 34 + (KEY if keys else 0)
    rows = -(-len(panels) // columns)
    parts = [text(10, 22, title, weight=700, colour=INK, size=15)]
    if keys:
        parts.append(f'<g transform="translate(0,32)">{key(keys)}</g>')
    for i, panel in enumerate(panels):
        parts.append(
            panel.svg((i % columns) * WIDTH, head + (i // columns) * (HEIGHT + TITLE))
        )
    return document(columns * WIDTH + EDGE, head + rows * (HEIGHT + TITLE), parts)


def document(width: float, height: float, parts: Sequence[str]) -> str:
    """A whole SVG file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}"'
    )
    style = 'font-family="Helvetica, Arial, sans-serif" font-size="12"'
    return "\n".join(
        [
            f"{head} {style}>",
            f'<rect width="100%" height="100%" fill="{PAGE}"/>',
            *parts,
            "</svg>\n",
        ]
    )
