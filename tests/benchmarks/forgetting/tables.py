"""Tables of results: means over draws, ± half of the 95 % interval of that mean (Student's t)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import t as student

from tests.benchmarks.forgetting.figures import COLUMNS, Figures
from tests.benchmarks.forgetting.results import Result

CONFIDENCE = 0.95
SHOWN = 5e-4
"""Below this the last digit would not show it."""


def table(
    results: Sequence[Result], shown: Sequence[str] = COLUMNS, of: str = "draws"
) -> str:
    """Of one set and kind: a line for each row and number of forgets, in the order in which they
    came. Columns without a figure are left out. Intervals are of draws: how far a few sets lie
    apart says nothing of a mean's error.
    """
    columns = [
        name
        for name in shown
        if any(math.isfinite(getattr(r.figures, name)) for r in results)
    ]
    titles = " | ".join(name.replace("_", " ") for name in columns)
    lines = [f"| row | forgets | {of} | {titles} |", f"|{'---|' * (len(columns) + 3)}"]
    for row, count in dict.fromkeys((r.row, r.count) for r in results):
        figures = [r.figures for r in results if (r.row, r.count) == (row, count)]
        if any(math.isfinite(getattr(f, name)) for f in figures for name in columns):
            cells = " | ".join(cell(figures, name, of == "draws") for name in columns)
            lines.append(f"| {row} | {count} | {len(figures)} | {cells} |")
    return "\n".join(lines)


def values(figures: Iterable[Figures], column: str) -> np.ndarray:
    """A column's numbers, those that are none left out."""
    listed = np.array([getattr(f, column) for f in figures], float)
    kept: np.ndarray = listed[np.isfinite(listed)]
    return kept


def half_interval(listed: np.ndarray) -> float:
    """Half of the interval of a mean; 0 of a single number."""
    if len(listed) < 2:
        return 0.0
    quantile = float(student.ppf((1 + CONFIDENCE) / 2, len(listed) - 1))
    return quantile * float(listed.std(ddof=1)) / len(listed) ** 0.5


def cell(figures: Iterable[Figures], column: str, interval: bool = True) -> str:
    """A mean ± half of its interval."""
    listed = values(figures, column)
    if not len(listed):
        return "–"
    half = half_interval(listed) if interval else 0.0
    return (
        f"{listed.mean():.3f} ± {half:.3f}" if half >= SHOWN else f"{listed.mean():.3f}"
    )


def over_sets(results: Sequence[Result]) -> list[Result]:
    """Each set's mean as one result, so that sets count alike."""
    means = []
    for name, row, count, kind in dict.fromkeys(
        (r.set, r.row, r.count, r.kind) for r in results
    ):
        figures = [
            r.figures
            for r in results
            if (r.set, r.row, r.count, r.kind) == (name, row, count, kind)
        ]
        listed = {column: values(figures, column) for column in COLUMNS}
        mean = Figures(
            **{
                column: float(found.mean())
                for column, found in listed.items()
                if len(found)
            }
        )
        means.append(Result(name, kind, row, count, 0, 0, mean))
    return sorted(means, key=lambda result: result.count)
