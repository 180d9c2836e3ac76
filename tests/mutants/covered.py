"""Which tests run which line, and what each test costs: computed once, by coverage's contexts."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, zip_longest
from pathlib import Path
from types import UnionType
from typing import Any, Final

from coverage import CoverageData

from tests.mutants.rooms import LEFT_OUT, ROOMS, TESTS
from tests.mutants.sites import Mutant

MEASURED: Final = ",".join(("grades.py", "ledger/*", *(f"{room}/*" for room in ROOMS)))
SETTINGS: Final = "[run]\nrelative_files = True\nsource = govd\ninclude = {}\n"
QUICK: Final = (
    *("-q", "--tb=no", "--no-header", "-p", "tests.mutants.quick"),
    *("-p", "no:randomly", "-p", "no:cacheprovider"),
    *(f"--deselect={test}" for test in LEFT_OUT),
)
SETUP: Final = "|setup"


def environment(tree: Path) -> dict[str, str]:
    """Variables by which Python imports the copy, `tree`, and numbers keep to one thread."""
    paths = os.pathsep.join(str(tree / part) for part in ("", "backends", "plugins"))
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **threads, "PYTHONPATH": paths}


def measure(tree: Path, folder: Path) -> None:
    """Runs the tests of `TESTS` in the copy `tree`, each part once; what is in `folder` already is
    not run again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "coveragerc"
    patterns = "".join(f"\n    govd/{pattern}" for pattern in MEASURED.split(","))
    settings.write_text(SETTINGS.format(patterns), encoding="utf-8")
    for tests in TESTS:
        name = tests.replace("/", ".")
        if (folder / f"{name}.json").exists():
            continue
        print(f"which lines are run by {tests} …", flush=True)
        variables = {
            "COVERAGE_FILE": str(folder / f"{name}.cov"),
            "GOVD_TEST_COSTS": str(folder / f"{name}.json"),
        }
        coverage = (
            "--cov",
            f"--cov-config={settings}",
            "--cov-context=test",
            "--cov-report=",
        )
        warnings = ("-W", "default::coverage.exceptions.CoverageWarning")
        plugins = ("-p", "tests.mutants.recording")
        command = (
            sys.executable,
            "-m",
            "pytest",
            tests,
            *QUICK,
            *coverage,
            *warnings,
            *plugins,
        )
        log = (folder / f"{name}.log").open("w", encoding="utf-8")
        with log:
            subprocess.run(
                command,
                cwd=tree,
                env=environment(tree) | variables,
                stdout=log,
                check=False,
            )


@dataclass(frozen=True)
class Covered:
    """Which tests run which line of which file."""

    tree: Path
    costs: dict[str, float]
    """Processor time of each test that passes, in seconds."""
    tests: dict[str, dict[int, set[str]]] = field(repr=False)
    """file → line → tests."""

    @classmethod
    def read(cls, tree: Path, folder: Path) -> Covered:
        """What `measure` left in `folder`."""
        costs: dict[str, float] = {}
        contexts: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for path in sorted(folder.glob("*.json")):
            costs |= {
                test: seconds
                for test, seconds in json.loads(path.read_bytes()).items()
                if seconds is not None
            }
            data = CoverageData(str(path.with_suffix(".cov")))
            data.read()
            for name in data.measured_files():
                for line, tests in data.contexts_by_lineno(name).items():
                    contexts[name][line].update(tests)
        return cls(tree, costs, _without_phases(contexts, costs))

    @cached_property
    def breadth(self) -> Counter[str]:
        """How many lines each test runs."""
        return Counter(
            test
            for lines in self.tests.values()
            for tests in lines.values()
            for test in tests
        )

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that run a mutant's lines: cheap and narrow ones first (what a test costs,
        times how much it runs for each line of the mutant's file), of each test file in turns.

        What is run when a module is imported is run by each test: of a constant, those are meant
        that run lines which name it; of a default, those that run the function; else those that run
        any line of the file. A line of a function that no test runs has none.
        """
        lines = self.tests.get(str(mutant.path), {})
        tests = self._running(mutant, lines)
        within = Counter(test for covering in lines.values() for test in covering)

        def rank(test: str) -> tuple[float, str]:
            return self.costs[test] * self.breadth[test] / max(within[test], 1), test

        files: dict[str, list[str]] = defaultdict(list)
        for test in sorted(tests, key=rank):
            files[test.partition("::")[0]].append(test)
        turns = chain.from_iterable(zip_longest(*files.values()))
        return [test for test in turns if test is not None]

    def _running(self, mutant: Mutant, lines: dict[int, set[str]]) -> set[str]:
        tree = ast.parse((self.tree / mutant.path).read_bytes())
        function = _innermost(tree, mutant, ast.FunctionDef | ast.AsyncFunctionDef)
        if function is not None:
            body = function.body
            begins, ends = body[0].lineno, body[-1].end_lineno or body[-1].lineno
            if mutant.line < begins:
                return _union(lines, range(begins, ends + 1))
            statement = _innermost(tree, mutant, ast.stmt)
            assert statement is not None
            last = _head_ends(statement)
            return _union(lines, mutant.lines) or _union(
                lines, range(statement.lineno, last + 1)
            )
        for node in tree.body:
            last = node.end_lineno or node.lineno
            if (
                isinstance(node, ast.Assign | ast.AnnAssign)
                and node.lineno <= mutant.line <= last
            ):
                target = (
                    node.targets[0] if isinstance(node, ast.Assign) else node.target
                )
                if tests := self._naming(ast.unparse(target)):
                    return tests
        return set[str]().union(*lines.values())

    def _naming(self, constant: str) -> set[str]:
        """Tests of lines that name a constant of a module."""
        tests: set[str] = set()
        for name, lines in self.tests.items():
            text = (self.tree / name).read_text(encoding="utf-8")
            for number, line in enumerate(text.splitlines(), start=1):
                if constant in line:
                    tests |= lines.get(number, set())
        return tests


def _innermost(tree: ast.Module, mutant: Mutant, kind: UnionType | type) -> Any:
    """The smallest statement of a kind around a mutant."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, kind)
        and node.lineno <= mutant.line
        and mutant.last_line <= (node.end_lineno or node.lineno)
    ]
    return max(around, key=lambda node: node.lineno, default=None)


def _head_ends(statement: ast.stmt) -> int:
    """The last line of a statement, without the statements in it."""
    body = getattr(statement, "body", None)
    return body[0].lineno - 1 if body else statement.end_lineno or statement.lineno


def _union(lines: dict[int, set[str]], numbers: Iterable[int]) -> set[str]:
    return set[str]().union(*(lines.get(number, ()) for number in numbers))


def _without_phases(
    contexts: dict[str, dict[int, set[str]]], costs: dict[str, float]
) -> dict[str, dict[int, set[str]]]:
    """Contexts are `test|phase`. What is run while a test is set up may be shared with the others
    of its file: then all of them count.
    """
    neighbours: dict[str, set[str]] = defaultdict(set)
    for test in costs:
        neighbours[test.partition("::")[0]].add(test)

    def tests_of(listed: Iterable[str]) -> set[str]:
        tests: set[str] = set()
        for context in listed:
            test, _, _phase = context.rpartition("|")
            if context.endswith(SETUP):
                tests |= neighbours[test.partition("::")[0]]
            elif test in costs:
                tests.add(test)
        return tests

    known: dict[frozenset[str], set[str]] = {}
    return {
        name: {
            line: known.setdefault(frozenset(listed), tests_of(listed))
            for line, listed in lines.items()
        }
        for name, lines in contexts.items()
    }
