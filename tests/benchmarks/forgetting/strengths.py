"""What a strength leaves and costs: a line for each, a column for each set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from tests.benchmarks.forgetting.results import Result
from tests.benchmarks.forgetting.rows import DEFAULT, LOCAL_STRENGTHS, STRENGTHS
from tests.benchmarks.forgetting.tables import cell

EVERYWHERE: Final = ("named", "unchanged", "unlisted")
INSIDE: Final = ("named", "elsewhere", "unchanged", "unlisted")
WHOLE: Final = ("named_right", "unchanged", "unlisted")


def strengths(results: Sequence[Result]) -> dict[str, str]:
    """Tables by their titles, of labels everywhere, of labels in one domain and of everything in
    one; none where no row has another strength than 1.
    """
    everywhere = {**STRENGTHS, DEFAULT: 1.0}
    local = {**LOCAL_STRENGTHS, "oblique": 1.0, DEFAULT: 1.0}
    tables = {}
    for kind, words, rows, columns in (
        ("labels", "", everywhere, EVERYWHERE),
        ("cells", ", in one domain", local, INSIDE),
        ("domains", ", everything in one domain", local, WHOLE),
    ):
        text = _table([r for r in results if r.kind == kind], rows, columns)
        if text:
            title = f"by strength{words}: {' / '.join(columns)}"
            tables[title.replace("_", " ")] = text
    return tables


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
