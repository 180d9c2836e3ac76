"""`python -m tests.benchmarks.forgetting`: every method on every set of the portfolio, a table each and one of means.

Real vectors are read from `--vectors DIR` or `$GOVD_VECTORS` (layout: `tests/benchmarks/forgetting/sets.py`); without, what is left are
`mini` and `lvis`, whose pictures are simulated (and its texts too, where `tests.geometry` finds no published ones). Figures are means over
draws, ± half of the 95 % interval of that mean. Nothing is chosen on `mini`'s evaluation drawings.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.forgetting.figures import COLUMNS, Figures, measure
from tests.benchmarks.forgetting.rows import DELETED, ROWS, Case
from tests.benchmarks.forgetting.sets import Split, portfolio

SINGLES = 6
"""Forgets of one label that are tried on each seed."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.forgetting", description=__doc__)
    parser.add_argument("--vectors", type=Path, default=os.environ.get("GOVD_VECTORS"), help="folder of sets of real vectors")
    parser.add_argument("--sets", default="", help="names of sets, with commas; all by default")
    parser.add_argument("--rows", default="", help="rows, with semicolons; all by default")
    parser.add_argument("--forgets", default="1,10,30,100", help="how many labels at once (up to half of them)")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    folder = Path(given.vectors) if given.vectors else None
    counts = [int(n) for n in given.forgets.split(",")]
    names = [name.strip() for name in given.rows.split(";") if name.strip()] or list(ROWS)
    wanted = [name for name in given.sets.split(",") if name]
    means: dict[tuple[str, int], list[Figures]] = {}
    for title, splits in portfolio(folder, wanted, range(given.seeds)).items():
        print(f"\n{title}\n\n{head()}", flush=True)
        for count in counts:
            cases = [case for split in splits for case in draws(split, count)]
            for name in names if cases else []:
                outcomes = [outcome(name, case) for case in cases]
                print(line(name, count, outcomes), flush=True)
                means.setdefault((name, count), []).append(mean(outcomes))
    print(f"\nmeans over sets\n\n{head()}")
    for (name, count), outcomes in sorted(means.items(), key=lambda item: item[0][1]):
        print(line(name, count, outcomes))


def draws(split: Split, count: int) -> list[Case]:
    """What is forgotten on a split: several single labels, or one set of `count`; none where it is more than half of the labels."""
    if count > len(split.crowd) // 2:
        return []
    draw = np.random.default_rng(1000 * split.seed + count)
    times = SINGLES if count == 1 else 1
    kept: dict[tuple[str, int, str], object] = {}
    return [Case(split, np.sort(draw.choice(split.crowd, count, replace=False)), kept) for _ in range(times)]  # type: ignore[arg-type]


def outcome(name: str, case: Case) -> Figures:
    """One row on one case."""
    began = time.perf_counter()
    edited = ROWS[name](case)
    seconds = time.perf_counter() - began
    return measure(case.split, case.forgotten, edited, seconds, without=name == DELETED)


def mean(outcomes: Sequence[Figures]) -> Figures:
    """Column by column, over what is a number."""
    table = np.array([[getattr(f, name) for name in COLUMNS] for f in outcomes])
    return Figures(*(float(np.nanmean(c)) if np.isfinite(c).any() else float("nan") for c in table.T))


def head() -> str:
    titles = [name.replace("_", " ") for name in COLUMNS]
    return f"| row | forgets | draws | {' | '.join(titles)} |\n|{'---|' * (len(titles) + 3)}"


def line(name: str, count: int, outcomes: Sequence[Figures]) -> str:
    """Means ± half of the interval."""
    cells = []
    for column in COLUMNS:
        values = np.array([getattr(f, column) for f in outcomes])
        values = values[np.isfinite(values)]
        if not len(values):
            cells.append("–")
            continue
        half = 1.96 * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
        cells.append(f"{values.mean():.3f} ± {half:.3f}" if half >= 5e-4 else f"{values.mean():.3f}")
    return f"| {name} | {count} | {len(outcomes)} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
