"""The tables of `tests/benchmarks/README.md`, in its order: chosen rows and columns, means without
their intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tests.benchmarks.forgetting.floors import floors
from tests.benchmarks.forgetting.results import Result
from tests.benchmarks.forgetting.rows import CONDITIONAL, DEFAULT
from tests.benchmarks.forgetting.strengths import strengths
from tests.benchmarks.forgetting.tables import cell, over_sets

PROJECTIONS = ("nullspace", "ccup, as W x", "SVD projection", "LEACE", "SPLINCE")
OWN = ("oblique", "bilateral", DEFAULT)
EVERY = (
    "base",
    *PROJECTIONS,
    "gradient",
    "gradient, true labels",
    *OWN,
    CONDITIONAL,
    "fitted, level",
    "vector-unforget",
)
EACH = ("nullspace", "gradient", *OWN, CONDITIONAL)
BESIDE = ("base", *EACH, "fitted, level", "retrained without")
LOCAL = ("base", "nullspace", *OWN, CONDITIONAL)
LABELS = (
    "named",
    "mistakes",
    "worst_prompt",
    "unchanged",
    "worst_label",
    "unlisted",
    "neighbours",
    "text_auc",
)
CELLS = (
    "named",
    "elsewhere",
    "unchanged",
    "worst_label",
    "worst_cell",
    "unlisted",
    "neighbours",
)
DOMAINS = (
    "named_right",
    "unchanged",
    "worst_label",
    "worst_cell",
    "unlisted",
    "neighbours",
)
PREDICTED = ("predicted", "predicted_high", "measured")


def document(results: Sequence[Result], beside: Sequence[Result]) -> str:
    """`results` of the portfolio; `beside`: those of the concepts that the retrained model was
    trained without.
    """
    of_kind = {
        kind: [r for r in results if r.kind == kind]
        for kind in ("labels", "cells", "domains")
    }
    means = over_sets(of_kind["labels"])
    known = [
        r
        for r in of_kind["labels"]
        if r.row == DEFAULT and math.isfinite(r.figures.predicted)
    ]
    parts = {
        "means over sets": table(
            means, EVERY, (*LABELS, "example_auc_8"), counted="sets", named=False
        ),
        "labels, everywhere": table(of_kind["labels"], EACH, LABELS),
        "a label in one domain": table(of_kind["cells"], LOCAL, CELLS),
        "everything in one domain": table(of_kind["domains"], LOCAL, DOMAINS),
        "beside a model trained without them": table(
            beside, BESIDE, LABELS, named=False
        ),
        "predicted": table(known, (DEFAULT,), PREDICTED, interval=True),
        **strengths(results),
    }
    return "\n\n".join(
        [*(f"{title}\n\n{text}" for title, text in parts.items()), floors(results)]
    )


def table(
    results: Sequence[Result],
    rows: Sequence[str],
    columns: Sequence[str],
    counted: str = "draws",
    *,
    named: bool = True,
    interval: bool = False,
) -> str:
    """A line for each set, number of forgets and row. `counted`: what the means are of; `named`:
    with the set's name; `interval`: with half of each mean's interval.
    """
    heads = [
        *(("set",) if named else ()),
        "row",
        "forgets",
        counted,
        *(name.replace("_", " ") for name in columns),
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for title, chosen in _sets(results) if named else [("", results)]:
        for count in sorted({r.count for r in chosen}):
            for row in rows:
                figures = [
                    r.figures for r in chosen if (r.row, r.count) == (row, count)
                ]
                if any(
                    math.isfinite(getattr(f, name)) for f in figures for name in columns
                ):
                    cells = [cell(figures, name, interval) for name in columns]
                    first = [title] if named else []
                    columns_of = [*first, row, str(count), str(len(figures)), *cells]
                    lines.append(f"| {' | '.join(columns_of)} |")
    return "\n".join(lines)


def _sets(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    """Each set with the part of its name that stands before its explanation."""
    for name in dict.fromkeys(r.set for r in results):
        yield name.split(":")[0], [r for r in results if r.set == name]
