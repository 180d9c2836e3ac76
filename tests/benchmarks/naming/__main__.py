"""`python -m tests.benchmarks.naming`: forgetting by pictures, by other words, and of a part of a
class; a table each.

The sets are those of `tests.benchmarks.forgetting`, the method is `fitted` where nothing else is
said, and each forget is alone in force.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.forgetting.sets import Words, portfolio, vocabulary
from tests.benchmarks.naming import aliases, cells, examples, subgroups
from tests.benchmarks.naming.forgets import Table

SIMULATED, BREEDS = "lvis", "oxford-pets"


def by_examples(
    folder: Path | None,
    names: Sequence[str],
    seeds: Sequence[int],
    targets: Sequence[str] = examples.TARGETS,
) -> Table:
    """All sets but that whose pictures are simulated."""
    table = Table(examples.HEADS, examples.COLUMNS)
    for title, splits in portfolio(folder, names, seeds):
        if not title.startswith(SIMULATED):
            examples.report(title, splits, table, targets)
    return table


def in_domains(
    folder: Path | None, names: Sequence[str], seeds: Sequence[int]
) -> Table:
    """The sets that have domains."""
    table = Table(cells.HEADS, cells.COLUMNS)
    for title, splits in portfolio(folder, names, seeds):
        cells.report(title, splits, table)
    return table


def by_aliases(
    folder: Path | None, names: Sequence[str], seeds: Sequence[int]
) -> Table:
    """The sets whose labels have synonyms: whole models with one pool, of which a split has all."""
    table = Table(aliases.HEADS, aliases.COLUMNS)
    for title, splits in portfolio(folder, names, seeds[:1]):
        aliases.report(title, splits[0], table)
    return table


def by_parts(folder: Path | None, names: Sequence[str], seeds: Sequence[int]) -> Table:
    """Breeds, and compounds of the simulated set."""
    table = Table(subgroups.HEADS, subgroups.COLUMNS)
    for title, splits in portfolio(folder, names, seeds):
        if title == BREEDS and folder:
            subgroups.breeds(
                title,
                splits,
                texts_of(folder, splits[0].labels, subgroups.KINDS),
                table,
            )
        elif title.startswith(SIMULATED):
            subgroups.heads(SIMULATED, splits[0], table)
    return table


def texts_of(folder: Path, labels: Words, wanted: Sequence[str]) -> np.ndarray:
    """Unit texts `(n, d)` of words of the folder's vocabulary."""
    known = {
        name: row
        for words in vocabulary(folder, labels)
        for name, row in zip(words.names, words.vectors, strict=True)
    }
    return np.stack([known[name] for name in wanted])


QUESTIONS: dict[str, Callable[[Path | None, Sequence[str], Sequence[int]], Table]] = {
    "examples": by_examples,
    "cells": in_domains,
    "aliases": by_aliases,
    "subgroups": by_parts,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.naming", description=__doc__
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
        "--questions", default=",".join(QUESTIONS), help="what is asked, with commas"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--targets",
        default=",".join(examples.TARGETS),
        help="of the examples, with commas",
    )
    given = parser.parse_args()
    folder = Path(given.vectors) if given.vectors else None
    names = [name for name in given.sets.split(",") if name]
    questions = QUESTIONS | {
        "examples": partial(by_examples, targets=given.targets.split(","))
    }
    for question in given.questions.split(","):
        print(
            f"{question}\n\n{questions[question](folder, names, range(given.seeds))}\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
