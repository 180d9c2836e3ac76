"""What a strength leaves and costs: a line for each, a column for each set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from tests.benchmarks.forgetting.results import Result
from tests.benchmarks.forgetting.rows import DEFAULT, STRENGTHS, WEAKER
from tests.benchmarks.forgetting.tables import cell

EVERYWHERE: Final = ("named", "unchanged", "unlisted")
INSIDE: Final = ("named", "elsewhere", "unchanged", "unlisted")


def strengths(results: Sequence[Result]) -> dict[str, str]:
    """Tables by their titles, of labels everywhere and in one domain; none where no row has another
    strength than 1.
    """
    everywhere = [r for r in results if r.kind == "labels"]
    inside = [r for r in results if r.kind == "cells"]
    both = {
        "by strength: " + " / ".join(EVERYWHERE): _table(
            everywhere, {**STRENGTHS, DEFAULT: 1.0}, EVERYWHERE
        ),
        "by strength, in one domain: " + " / ".join(INSIDE): _table(
            inside, {**WEAKER, "oblique": 1.0, DEFAULT: 1.0}, INSIDE
        ),
    }
    return {title: text for title, text in both.items() if text}


def _table(
    results: Sequence[Result], rows: Mapping[str, float], columns: Sequence[str]
) -> str:
    """The figures `columns` of each set in one cell; nothing where no set has a weaker forget."""
    sets = list(dict.fromkeys(r.set for r in results))
    if not any(r.row in rows and rows[r.row] != 1.0 for r in results):
        return ""
    heads = ["method", "forgets", "strength", *(name.split(":")[0] for name in sets)]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    order = sorted(rows, key=lambda row: (row.partition(",")[0], rows[row]))
    for count in sorted({r.count for r in results}):
        for row in order:
            cells = [_cell(results, name, row, count, columns) for name in sets]
            if any(cells):
                method = row.partition(",")[0]
                first = [method, str(count), f"{rows[row]:g}"]
                lines.append(f"| {' | '.join([*first, *cells])} |")
    return "\n".join(lines)


def _cell(
    results: Sequence[Result], of: str, row: str, count: int, columns: Sequence[str]
) -> str:
    figures = [
        r.figures for r in results if (r.set, r.row, r.count) == (of, row, count)
    ]
    if not any(math.isfinite(getattr(f, name)) for f in figures for name in columns):
        return ""
    return " / ".join(cell(figures, name, False) for name in columns)
