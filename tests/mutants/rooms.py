"""The rooms whose code is changed, and the tests that may notice it."""

from __future__ import annotations

import compileall
import shutil
import subprocess
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

from tests.mutants.sites import Mutant, mutants_of

TOP: Final = Path(__file__).parents[2]

ROOMS: Final = (
    "records",
    "requests",
    "contributions",
    "reconcile",
    "verify",
    "edit",
)
TESTS: Final = (
    "tests/records",
    "tests/requests",
    "tests/contributions",
    "tests/reconcile",
    "tests/verify",
    "tests/edit",
    "tests/views",
    "tests/ledger",
    "tests/audit",
    "tests/home",
    "tests/service",
    "tests/serve",
    "tests/models",
    "tests/registering",
    "tests/plugins",
    "tests/homes",
    "tests/cli/test_filings.py",
    "tests/cli/test_resuming.py",
    "tests/cli/test_interference.py",
    "tests/cli/test_report.py",
    "tests/web",
)
"""Each is run by itself. Left out: tests of a backend, of pages and wheels, and those that kill
processes; whatever they alone would notice counts as not noticed.
"""
LEFT_OUT: Final = (
    "tests/edit/test_compose.py::test_the_same_bytes_on_any_kernel_and_thread_count",
    "tests/records/test_coverage.py::test_many_forgets_cost_no_more_than_each_by_itself",
)
"""They start a process for each kernel, or compare times, which says nothing on a machine that
others use.
"""


def copy_tree(folder: Path) -> None:
    """Copies the repository into `folder`, without what git ignores, and compiles it: its bytecode
    knows its source by a hash, so that a changed file is never taken for the file before.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        check=True,
    ).stdout
    for name in listed.decode().split("\0"):
        if name and (TOP / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, folder / name)
    for part in ("govd", "backends", "plugins"):
        compileall.compile_dir(
            folder / part, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
        )


def possible_mutants(tree: Path, room: str) -> list[Mutant]:
    """Every change that can be made to the files of a room, in their order. `tree` is the copy."""
    paths = sorted((tree / "govd" / room).rglob("*.py"))
    return [
        mutant
        for path in paths
        for mutant in mutants_of(path.relative_to(tree), path.read_bytes())
    ]
