"""Changes one node of the code at a time in a copy of the repository, runs the tests that run that
line, and says which changes none noticed.

    python -m tests.mutants --sample 84 --seed 1 --work /tmp/govd-mutants
    python -m tests.mutants --survivors tests/edit --work /tmp/govd-mutants

The sample is drawn, room by room, from every change that `sites.py` can make. A change is *killed*
when a test fails; it *survives* when all pass that the budget allows; it is *late* where they take
longer than they can (it may never end). The copy, what the tests cover, and the outcomes
(`results.jsonl`) lie in `--work`, outside the repository: begun again, a run goes on where it
ended, with the same copy. `--survivors` tries what survived once more in the repository as it is
now, with these tests.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final

from tests.mutants.attempts import Attempt, attempt, prepare
from tests.mutants.covered import Covered, measure
from tests.mutants.rooms import ROOMS, copy_tree, possible_mutants
from tests.mutants.sites import Mutant

SLACK: Final = 3
STARTING_SECONDS: Final = 20
"""A change has three times what its tests cost, and this for importing and for finding them."""
Result = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """A file of JSON, a line an attempt; the last line of a change counts."""

    path: Path

    def read(self) -> list[Result]:
        """One result a change, in the order in which they were first tried."""
        lines = (
            self.path.read_text(encoding="utf-8").splitlines()
            if self.path.exists()
            else []
        )
        results = [json.loads(line) for line in lines]
        return list(
            {(result["mutant"], result["start"]): result for result in results}.values()
        )

    def add(self, result: Result) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        print(f"{result['outcome']:9}{result['mutant']}  [{result['by']}]", flush=True)


def drawn(
    tree: Path, rooms: list[str], sample: int, seed: int
) -> list[tuple[str, Mutant]]:
    """As many mutants of each room, in turns, so that a run that ends early has some of each."""
    columns = []
    for room in rooms:
        possible = possible_mutants(tree, room)
        print(f"{room}: {len(possible)} changes are possible")
        mutants = random.Random(f"{seed} {room}").sample(
            possible, min(sample, len(possible))
        )
        columns.append([(room, mutant) for mutant in mutants])
    return [pair for pair in chain.from_iterable(zip_longest(*columns)) if pair]


def within_budget(
    tests: list[str], costs: Mapping[str, float], budget: float
) -> Iterator[str]:
    """The first tests that together cost no more seconds than `budget`; one at least."""
    spent = 0.0
    for test in tests:
        if spent and spent + costs[test] > budget:
            continue
        spent += costs[test]
        yield test


def changed(tree: Path, mutant: Mutant, tests: list[str], seconds: float) -> Attempt:
    """Runs tests with a change in the copy, and takes the change back."""
    path = tree / mutant.path
    source = path.read_bytes()
    try:
        path.write_bytes(mutant.apply(source))
        return attempt(tree, tests, seconds)
    finally:
        path.write_bytes(source)


def sampled(options: argparse.Namespace, results: Results) -> None:
    """Tries what the sample holds and no result is there of."""
    began = time.monotonic()
    tree = options.work / "tree"
    if not tree.exists():
        copy_tree(tree)
    measure(tree, options.work / "covered")
    covered = Covered.read(tree, options.work / "covered")
    done = {
        (result["mutant"], result["start"])
        for result in results.read()
        if not (options.further and result["outcome"] == "survived" and result["left"])
    }
    for room, mutant in drawn(
        tree, options.room or list(ROOMS), options.sample, options.seed
    ):
        if (str(mutant), mutant.start) in done:
            continue
        if time.monotonic() - began > 60 * options.minutes:
            return
        tests = covered.of(mutant)
        chosen = list(within_budget(tests, covered.costs, options.budget))
        seconds = SLACK * sum(covered.costs[test] for test in chosen) + STARTING_SECONDS
        tried = changed(tree, mutant, chosen, seconds)
        results.add(
            {
                "room": room,
                "mutant": str(mutant),
                "start": mutant.start,
                "outcome": tried.outcome,
                "by": tried.reason,
                "tests": len(chosen),
                "left": len(tests) - len(chosen),
                "seconds": tried.seconds,
            }
        )


def survivors_again(options: argparse.Namespace, results: Results) -> None:
    """Tries the same changes, wherever they are now, in a fresh copy with these tests."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        copy_tree(tree)
        for result in results.read():
            if result["outcome"] == "killed":
                continue
            change = _change(result["mutant"])
            same = [
                mutant
                for mutant in possible_mutants(tree, result["room"])
                if _change(str(mutant)) == change
            ]
            if not same:
                print(f"gone     {result['mutant']}")
                continue
            line = int(result["mutant"].split(":")[1])
            mutant = min(same, key=lambda mutant: abs(mutant.line - line))
            tried = changed(tree, mutant, options.survivors, 60 * options.minutes)
            results.add(result | {"outcome": tried.outcome, "by": tried.reason})


def _change(mutant: str) -> tuple[str, str]:
    """The file of a mutant as text, and what changes in it, wherever it stands."""
    path, _line, change = mutant.split(":", maxsplit=2)
    return path, change


def print_counts(results: list[Result]) -> None:
    """What was not killed, then a row a room."""
    for result in results:
        if result["outcome"] != "killed":
            tests = f"{result['tests']} of {result['tests'] + result['left']} tests"
            print(f"{result['outcome']:9}{result['mutant']}  ({tests})")
    print(
        f"\n{'room':12}{'tried':>7}{'killed':>8}{'survived':>10}{'late':>6}{'noticed':>9}"
    )
    for room in (*ROOMS, ""):
        counts = Counter(
            result["outcome"]
            for result in results
            if not room or result["room"] == room
        )
        if total := counts.total():
            noticed = 100 * (counts["killed"] + counts["late"]) / total
            row = f"{counts['killed']:8}{counts['survived']:10}{counts['late']:6}"
            print(f"{room or 'all':12}{total:7}{row}{noticed:8.1f}%")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--sample", type=int, default=84, help="how many changes of each room to try")
    add("--seed", type=int, default=1)
    add("--room", choices=ROOMS, action="append", help="only this one; may be repeated")
    add(
        "--budget",
        type=float,
        default=25.0,
        help="seconds that the tests of a change may cost",
    )
    add(
        "--minutes",
        type=float,
        default=600.0,
        help="begin no further change after this time",
    )
    add(
        "--further",
        action="store_true",
        help="also what survived before all its tests were run",
    )
    add(
        "--survivors",
        nargs="+",
        metavar="TESTS",
        help="try what survived with these tests",
    )
    add("--work", type=Path, default=Path(tempfile.gettempdir()) / "govd-mutants")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    results = Results(options.work / "results.jsonl")
    prepare()
    (survivors_again if options.survivors else sampled)(options, results)
    print_counts(results.read())
    return 0


if __name__ == "__main__":
    sys.exit(main())
