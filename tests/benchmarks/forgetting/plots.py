"""Four pictures of the portfolio: what each method leaves and costs, cost against how much is
forgotten, predictions beside what was measured, and class × domain maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from govd.cli.report.plots import Plot, percent, upper
from tests.benchmarks.forgetting.drawing import (
    COLOURS,
    INK,
    LINE,
    SOFT,
    Curve,
    Panel,
    Point,
    document,
    sheet,
    text,
)
from tests.benchmarks.forgetting.maps import Cell
from tests.benchmarks.forgetting.results import Result
from tests.benchmarks.forgetting.rows import DEFAULT
from tests.benchmarks.forgetting.tables import values
from tests.benchmarks.predicted import TRUE, Judged

FRONTIER = (
    "nullspace",
    "ccup, as W x",
    "SVD projection",
    "LEACE",
    "gradient",
    "oblique",
    "bilateral",
    DEFAULT,
)
AT = 10
"""Forgets at once in the frontier."""
COSTS = {"unchanged": "other answers changed", "unlisted": "best other word changed"}
CURVES = {
    "unchanged": ("other answers changed", COLOURS[0]),
    "unlisted": ("best other word changed", COLOURS[2]),
    "neighbours": ("nearest picture changed", COLOURS[4]),
    "named": ("forgotten pictures named with a forgotten label", COLOURS[1]),
}
BESIDE = "oblique"
"""Drawn dashed beside the default."""
ROWS = 34
"""Classes in a column of a map."""


def draw_all(
    folder: Path,
    results: Sequence[Result],
    predictions: Mapping[str, Sequence[Judged]],
    maps: Mapping[str, Sequence[Cell]],
) -> list[Path]:
    """Write the plots of which there are figures; their paths."""
    labels = [result for result in results if result.kind == "labels"]
    sheets = {
        "frontier": frontier(labels),
        "capacity": capacity(labels),
        "prediction": scatter(predictions),
        **{f"map {title}": class_map(title, cells) for title, cells in maps.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, svg in sheets.items():
        if svg:
            path = (
                folder
                / f"{name.replace(':', '').replace(',', '').replace(' ', '-')}.svg"
            )
            path.write_text(svg, encoding="utf-8")
            paths.append(path)
    return paths


def mean(
    results: Sequence[Result], name: str, row: str, count: int, column: str
) -> float | None:
    """A column's mean over draws; None without a figure."""
    listed = values(
        (r.figures for r in results if (r.set, r.row, r.count) == (name, row, count)),
        column,
    )
    return float(listed.mean()) if len(listed) else None


def sets_of(results: Sequence[Result]) -> list[str]:
    """In the order in which they came."""
    return list(dict.fromkeys(result.set for result in results))


def frontier(results: Sequence[Result]) -> str:
    """What is still named against two costs, a row of panels for each set."""
    panels = []
    for name in sets_of(results):
        for column, words in COSTS.items():
            points = []
            for at, row in enumerate(FRONTIER):
                named, kept = (
                    mean(results, name, row, AT, "named"),
                    mean(results, name, row, AT, column),
                )
                if named is not None and kept is not None:
                    label = f"{row} {percent(round(1 - kept, 3), 0.001)}"
                    points.append(
                        Point(
                            named,
                            1 - kept,
                            INK if row == DEFAULT else COLOURS[at],
                            label,
                        )
                    )
            if points:
                most = (
                    upper([p.x for p in points], 0.1),
                    upper([p.y for p in points], 0.05),
                )
                x = "pictures of forgotten labels that are named with any of them"
                panels.append(
                    Panel(
                        f"{name}: {words}",
                        Plot("", x, words, *most, x_share=True),
                        points,
                    )
                )
    return (
        sheet(f"What forgetting {AT} labels leaves and costs", panels, 2)
        if panels
        else ""
    )


def capacity(results: Sequence[Result]) -> str:
    """Cost against the number of forgotten labels, a panel for each set."""
    panels = []
    for name in sets_of(results):
        counts = sorted({r.count for r in results if r.set == name})
        curves, points = [], []
        for row in (BESIDE, DEFAULT):
            for column, (_, colour) in CURVES.items():
                shares = [
                    (count, mean(results, name, row, count, column)) for count in counts
                ]
                line = [
                    (float(n), y if column == "named" else 1 - y)
                    for n, y in shares
                    if y is not None
                ]
                curves.append(Curve(line, colour, dashed=row == BESIDE))
                points += [Point(x, y, colour, hollow=row == BESIDE) for x, y in line]
        if len(counts) > 1:
            most = upper([p.y for p in points], 0.05)
            panels.append(
                Panel(
                    name,
                    Plot(
                        "",
                        "labels forgotten at once",
                        "share",
                        float(max(counts)),
                        most,
                    ),
                    points,
                    curves,
                )
            )
    keys = [(words, colour, False) for words, colour in CURVES.values()] + [
        (BESIDE, SOFT, True),
        (DEFAULT, SOFT, False),
    ]
    return (
        sheet(
            f"What forgetting more costs: {DEFAULT}, and {BESIDE} dashed",
            panels,
            2,
            keys,
        )
        if panels
        else ""
    )


def scatter(predictions: Mapping[str, Sequence[Judged]]) -> str:
    """Predicted against measured cost of random requests with intervals of both, by pseudo-label
    and by true label: of all pictures, and as far as they show a label, which bounds look at.
    """
    panels = []
    for name, listed in predictions.items():
        for figure, words in (
            ("all", "on pool pictures set apart, by pseudo-label"),
            (TRUE["all"], "on the judging pictures, by true label"),
            ("shown", "as far as they show a label, by pseudo-label"),
            (TRUE["shown"], "as far as they show a label, by true label"),
        ):
            own = [one for one in listed if one.figure == figure]
            if not own:
                continue
            points = []
            for one in own:
                error = (
                    1.645
                    * (one.measured * (1 - one.measured) / max(1, one.pictures)) ** 0.5
                )
                ends = (one.low, one.high), (one.measured - error, one.measured + error)
                points.append(
                    Point(
                        one.predicted,
                        one.measured,
                        COLOURS[0 if one.covered else 1],
                        "",
                        *ends,
                    )
                )
            most = upper(
                [end for p in points for end in (*p.x_interval, *p.y_interval)], 0.02
            )  # type: ignore[misc]
            covered = percent(
                round(float(np.mean([one.covered for one in own])), 2), 0.01
            )
            plot = Plot(
                "",
                "predicted: other answers that change",
                "measured",
                most,
                most,
                x_share=True,
                diagonal=True,
            )
            panels.append(
                Panel(f"{name}, {words}: {covered} of {len(own)} covered", plot, points)
            )
    keys = [
        ("measured inside the 90 % interval", COLOURS[0], False),
        ("outside", COLOURS[1], False),
    ]
    return (
        sheet("Predicted and measured cost of random requests", panels, 2, keys)
        if panels
        else ""
    )


def class_map(title: str, cells: Sequence[Cell]) -> str:
    """Accuracy of each class in each domain after a request about some cells; those are
    outlined.
    """
    if not cells:
        return ""
    classes, domains = (
        list(dict.fromkeys(c.label for c in cells)),
        list(dict.fromkeys(c.domain for c in cells)),
    )
    wide, high, names = 92, 19, 118
    column_width = names + wide * len(domains) + 24
    columns = -(-len(classes) // ROWS)
    parts = [
        text(
            10,
            22,
            f"Named right before → after, in per cent. {title}",
            weight=700,
            colour=INK,
            size=15,
        )
    ]
    legend = (
        "Outlined: to be forgotten; green, nothing is left; yellow, at most half; rose, more. Red"
        " without outline: kept, but damaged."
    )
    parts.append(text(10, 42, legend))
    for column in range(columns):
        for at, domain in enumerate(domains):
            parts.append(
                text(
                    10 + column * column_width + names + wide * (at + 0.5),
                    66,
                    domain,
                    anchor="middle",
                    weight=650,
                )
            )
    for cell in cells:
        at = classes.index(cell.label)
        left, top = 10 + (at // ROWS) * column_width, 74 + (at % ROWS) * high
        if cell.domain == next(c.domain for c in cells if c.label == cell.label):
            parts.append(text(left + names - 8, top + 14, cell.label, anchor="end"))
        x = left + names + wide * domains.index(cell.domain)
        fill, edge = _looks(cell)
        width = 2.5 if cell.forgotten else 0.5
        parts.append(
            f'<rect x="{x + 2}" y="{top + 1}" width="{wide - 4}" height="{high - 2}" fill="{fill}"'
            f' stroke="{edge}" stroke-width="{width}"/>'
        )
        before, after = round(100 * cell.before), round(100 * cell.after)
        words = (
            f"{before}"
            if before == after and not cell.forgotten
            else f"{before} → {after}"
        )
        parts.append(text(x + wide / 2, top + 14, words, anchor="middle", colour=INK))
    return document(
        20 + columns * column_width, 74 + min(ROWS, len(classes)) * high + 12, parts
    )


def _looks(cell: Cell) -> tuple[str, str]:
    """Fill and edge of a cell."""
    lost = max(0.0, cell.before - cell.after)
    if cell.forgotten:
        left = cell.after / cell.before if cell.before else 0.0
        return (
            "#bfe6c8" if left == 0 else "#fbe3a3" if left <= 0.5 else "#f2b3ac"
        ), INK
    return (f"rgba(192,57,43,{0.15 + 0.6 * lost:.2f})" if lost > 0 else "#f7f7f7"), LINE
