"""`python -m tests.benchmarks.forgetting`: every method on every set of the portfolio, tables of
each and of means, and plots.

Real vectors are read from `--vectors DIR` or `$GOVD_VECTORS` (layout:
`tests/benchmarks/forgetting/sets.py`); without, what is left are `mini`, the small models of
`tests/data`, and `lvis`, whose pictures are simulated (and its texts too, where `tests.geometry`
finds no published ones). Figures are means over draws, ± half of the 95 % interval of that mean.
What constants were chosen on, `tests/benchmarks/README.md` says. With `--cache FOLDER` a run that
was cut off goes on where it was; figures of the product's methods are computed anew when its code
changes. With `--document` the tables of `tests/benchmarks/README.md` are printed in the place of
these.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.forgetting.cases import KINDS, Case, Kind, cases
from tests.benchmarks.forgetting.document import document
from tests.benchmarks.forgetting.figures import COLUMNS
from tests.benchmarks.forgetting.floors import floors
from tests.benchmarks.forgetting.foreign import LIBRARIES, Foreign
from tests.benchmarks.forgetting.maps import MAPPED, Cell, mapped
from tests.benchmarks.forgetting.pairs import WITHOUT
from tests.benchmarks.forgetting.plots import draw_all
from tests.benchmarks.forgetting.results import Result, Store, source
from tests.benchmarks.forgetting.rows import LABELED
from tests.benchmarks.forgetting.running import Runner, rows_of
from tests.benchmarks.forgetting.sets import Split, portfolio
from tests.benchmarks.forgetting.tables import over_sets, table
from tests.benchmarks.predicted import HEAD, Judged, lines, of_split

TITLES = {
    "labels": "labels, everywhere",
    "cells": "a label in one domain",
    "domains": "everything in one domain",
}
CELLS = (1, 10)
"""Cells that are forgotten at once."""
SLOW = {"gradient", LABELED, *LIBRARIES}
"""Rows that take seconds or minutes: tried on the first `SLOW_DRAWS` single forgets of a seed, and
on one seed where there are `MANY` labels.
"""
SLOW_DRAWS = 2
MANY = 500


def main() -> None:
    given = arguments()
    folder = Path(given.vectors) if given.vectors else None
    chosen = [name.strip() for name in given.rows.split(";") if name.strip()]
    kinds: list[Kind] = [kind for kind in KINDS if kind in given.kinds.split(",")]
    columns = [
        name.strip() for name in given.columns.split(",") if name.strip()
    ] or list(COLUMNS)
    plan = Plan(kinds, [int(n) for n in given.forgets.split(",")], chosen)
    runner = Runner(
        Store(given.cache, given.kept),
        given.calibration,
        Foreign(given.foreign) if given.foreign else None,
    )
    sets = dict(
        portfolio(
            folder, [name for name in given.sets.split(",") if name], range(given.seeds)
        )
    )
    if given.cache and not given.kept:
        fill(runner, plan, sets)
    everything: list[Result] = []
    beside: list[Result] = []
    predictions: dict[str, list[Judged]] = {}
    maps: dict[str, list[Cell]] = {}
    for title, splits in sets.items():
        for kind in kinds:
            results = [
                result
                for split in splits
                for result in plan.results(runner, split, kind)
            ]
            everything += results
            if results and not given.document:
                print(
                    f"\n{title}: {TITLES[kind]}\n\n{table(results, columns)}",
                    flush=True,
                )
        if given.predictions:
            predictions[title] = predicted(runner, splits[: given.predictions])
        if predictions.get(title):
            print(
                f"\n{title}: predictions of random"
                f" requests\n\n{HEAD}\n{lines(title, predictions[title])}",
                flush=True,
            )
        if given.plots and "cells" in kinds:
            for case in cases(splits[0], "cells", CELLS[-1]):
                maps |= {
                    f"{title}: {row}": mapped(runner.store, case, row) for row in MAPPED
                }
        if title == "mini" and "labels" in kinds:
            beside = [
                result
                for row in rows_of("labels")
                for case in left_out(splits[0])
                if (result := runner.run(row, case))
            ]
            if not given.document:
                print(
                    f"\nmini, {', '.join(WITHOUT)}: beside a model trained without"
                    f" them\n\n{table(beside, columns)}",
                    flush=True,
                )
    if given.document:
        print(document(everything, beside))
        return
    for kind in kinds:
        results = over_sets([result for result in everything if result.kind == kind])
        if results:
            print(
                f"\nmeans over sets: {TITLES[kind]}\n\n{table(results, columns, 'sets')}"
            )
    print(f"\n{floors(everything)}")
    for path in (
        draw_all(given.plots, everything, predictions, maps) if given.plots else ()
    ):
        print(path)


@dataclass(frozen=True)
class Plan:
    """What is run: kinds of forgets, numbers of labels, rows (all where none are named)."""

    kinds: Sequence[Kind]
    counts: Sequence[int]
    chosen: Sequence[str]

    def results(
        self, runner: Runner, split: Split, kind: Kind, slow: bool = True
    ) -> list[Result]:
        """Every row on every case of a split; those of `SLOW`, and predictions, only where asked
        for.
        """
        rows = [row for row in rows_of(kind) if not self.chosen or row in self.chosen]
        results = []
        for count in self.counts if kind == "labels" else CELLS:
            drawn = list(cases(split, kind, count))
            for row in rows:
                if row not in SLOW:
                    results += [
                        result
                        for case in drawn
                        if (result := runner.run(row, case, slow))
                    ]
                elif slow and (split.seed == 0 or len(split.labels.names) < MANY):
                    results += [
                        result
                        for case in drawn[:SLOW_DRAWS]
                        if (result := runner.run(row, case))
                    ]
        return results


def fill(runner: Runner, plan: Plan, sets: Mapping[str, Sequence[Split]]) -> None:
    """Compute what the tables need, a seed after the other over all sets and slow rows last: a run
    that is cut off has something of all.
    """
    for slow in (False, True):
        for place in range(max(map(len, sets.values()), default=0)):
            for splits in sets.values():
                for kind in plan.kinds:
                    plan.results(runner, splits[place], kind, slow)
                # nothing of it is shared with other seeds
                if splits[place].pool_label is not None:
                    splits[place].kept.clear()
                print(
                    f"{splits[place].name}, seed {place}{', slow rows' if slow else ''}",
                    file=sys.stderr,
                    flush=True,
                )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.forgetting", description=__doc__
    )
    parser.add_argument(
        "--vectors",
        type=Path,
        default=os.environ.get("GOVD_VECTORS"),
        help="folder of sets of real vectors",
    )
    parser.add_argument(
        "--sets", default="", help="names of sets, with commas; all by default"
    )
    parser.add_argument(
        "--rows", default="", help="rows, with semicolons; all by default"
    )
    parser.add_argument(
        "--columns", default="", help="columns, with commas; all by default"
    )
    parser.add_argument("--kinds", default=",".join(KINDS), help="what is forgotten")
    parser.add_argument(
        "--forgets",
        default="1,10,30,100",
        help="how many labels at once (up to half of them)",
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--predictions",
        type=int,
        default=0,
        help="splits of each set on which random requests are predicted and measured",
    )
    parser.add_argument("--cache", type=Path, help="a folder for what was computed")
    parser.add_argument(
        "--kept",
        action="store_true",
        help="tables of what the cache has: nothing is computed",
    )
    parser.add_argument(
        "--document",
        action="store_true",
        help="the tables of tests/benchmarks/README.md",
    )
    parser.add_argument(
        "--foreign",
        type=Path,
        help="a folder for environments of other people's libraries, which are then rows, too",
    )
    parser.add_argument(
        "--calibration",
        type=float,
        default=60.0,
        help="seconds for the intervals of a set's predictions",
    )
    parser.add_argument(
        "--plots", type=Path, help="a folder for pictures of the tables"
    )
    return parser.parse_args()


def predicted(runner: Runner, splits: Sequence[Split]) -> list[Judged]:
    """Random requests on some splits of a set, which must differ by more than what is forgotten."""
    judged = []
    for split in splits if splits[0].pool_label is not None else splits[:1]:
        key: list[str | int] = ["predictions", split.name, split.seed, source()]
        known = runner.store.get(
            key,
            lambda split=split: {
                "judged": [
                    asdict(one) for one in of_split(split, runner.calibration_seconds)
                ]
            },
        )
        judged += [Judged(**one) for one in known.get("judged", ())]
    return judged


def left_out(split: Split) -> list[Case]:
    """What `mini-without` was trained without: each concept alone, and all of them."""
    places = np.sort([split.labels.names.index(name) for name in WITHOUT])
    return [
        Case(split, "labels", part, draw=1000 + i)
        for i, part in enumerate([*places[:, None], places])
    ]


if __name__ == "__main__":
    main()
