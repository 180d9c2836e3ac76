"""Runs tests against one changed copy, in a process of its own that begins with what tests import
anyhow: a fork of this one.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.mutants.covered import QUICK, environment

FOREIGN: Final = (
    *(
        "numpy",
        "sqlalchemy.dialects.sqlite",
        "pydantic",
        "fastapi",
        "uvicorn",
        "httpx",
        "typer",
    ),
    *(
        "PIL.Image",
        "cryptography.hazmat.primitives.asymmetric.ed25519",
        "pytest",
        "sqlglot",
    ),
)
"""Imported once; nothing of govd is among them."""
IMPORTED: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
MEMORY_BYTES: Final = 8 << 30
WALL_TO_PROCESSOR: Final = 8
"""A machine that others use gives a process less than its time."""
LATE: Final = "longer than the limit"
UNSTARTED: Final = 99
"""The status of a child in which pytest could not begin."""
UNTESTED: Final = "no test runs it"


@dataclass(frozen=True)
class Attempt:
    """What became of one change."""

    outcome: str
    """`killed`, `survived` or `late`."""
    reason: str
    """The first test that failed, or why it is late; empty where it survived."""
    seconds: float
    """Wall time."""


class _Failures:
    """A plugin of pytest that writes the first failure into a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_runtest_logreport(self, report) -> None:  # type: ignore[no-untyped-def]
        if report.failed and not self.path.read_text():
            self.path.write_text(report.nodeid)

    def pytest_collectreport(self, report) -> None:  # type: ignore[no-untyped-def]
        if report.failed and not self.path.read_text():
            self.path.write_text(f"{report.nodeid} cannot be imported")


def prepare() -> None:
    """Imports what every test needs. To be called before the first attempt."""
    for name in FOREIGN:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def attempt(tree: Path, tests: Sequence[str], seconds: float) -> Attempt:
    """Runs tests in a copy of the repository until one fails.

    Args:
      tree: the copy, with its change.
      tests: in the order in which they run.
      seconds: of processor time; after eight times as much on the clock it is late as well.
    """
    if not tests:
        return Attempt("survived", UNTESTED, 0.0)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        failure = Path(name) / "failure"
        failure.touch()
        child = os.fork()
        if not child:
            _run(tree, tests, seconds, Path(name), failure)
        status = _ended(child, began + WALL_TO_PROCESSOR * seconds)
        reason = failure.read_text()
    took = round(time.monotonic() - began, 1)
    if reason:
        return Attempt("killed", reason, took)
    if status is None or (
        os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
    ):
        return Attempt("late", LATE, took)
    match os.waitstatus_to_exitcode(status):
        case pytest.ExitCode.OK:
            return Attempt("survived", "", took)
        case pytest.ExitCode.USAGE_ERROR:
            return Attempt("killed", "what all tests stand on cannot be imported", took)
        case code:
            raise ChildProcessError(f"pytest ended with {code}")


def _ended(child: int, deadline: float) -> int | None:
    """The child's status, or None where it was ended; whatever it started is ended with it."""
    status: int | None = None
    while time.monotonic() < deadline:
        process, value = os.waitpid(child, os.WNOHANG)
        if process:
            status = value
            break
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return status


def _run(
    tree: Path, tests: Sequence[str], seconds: float, folder: Path, failure: Path
) -> None:
    """The child: never returns."""
    try:
        os.setsid()
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(log, stream)
        limit = int(seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        os.environ.update(environment(tree) | {"PYTHONDONTWRITEBYTECODE": "1"})
        os.chdir(tree)
        sys.path[:] = [
            *(str(tree / part) for part in ("", "backends", "plugins")),
            *sys.path,
        ]
        sys.dont_write_bytecode = True
        for module in [
            name for name in sys.modules if name.partition(".")[0] == "tests"
        ]:
            del sys.modules[module]
        places = (f"--basetemp={folder}/tests", f"--rootdir={tree}")
        code = pytest.main(
            ["-x", *QUICK, *IMPORTED, *places, *tests], plugins=[_Failures(failure)]
        )
        os._exit(int(code))
    finally:
        os._exit(UNSTARTED)
