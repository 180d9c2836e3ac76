"""Changes one node of the code in a copy of the repository, runs the tests that are about that
file, and says which changes none noticed.

    python -m tests.mutants --sample 40 --seed 1 --area edit

The sample is drawn from every change that can be made to the files of the areas: comparisons,
`and`/`or`, arithmetic, `not`, constants, returned values, dropped statements. A change is *killed*
when a test fails; it *survives* when all pass; where the tests run longer than `--limit` it is
*undecided*: it may never end, or the machine is slow.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.sites import Mutant, mutants_of

TOP: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Area:
    """Files, as patterns, and the tests that are about them: quick ones first, since the first that
    fails ends it.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]


KERNELS: Final = "test_compose.py::test_the_same_bytes_on_any_kernel_and_thread_count"
"""It starts a process for each kernel, and nothing here is about them."""
AREAS: Final = {
    "requests": Area(
        ("govd/requests/*.py",),
        (
            "tests/plugins/test_bounds.py",
            "tests/requests/test_rules.py",
            "tests/requests/test_names.py",
            "tests/requests/test_preview.py",
            "tests/records/test_limits.py",
            "tests/service/test_service.py",
            "tests/home/test_private_texts.py",
            "tests/reconcile",
            "tests/cli/test_filings.py",
        ),
    ),
    "records": Area(
        ("govd/records/*.py",),
        (
            "tests/records",
            "tests/views",
            "tests/requests/test_rules.py",
            "tests/reconcile",
        ),
    ),
    "reconcile": Area(
        (
            "govd/reconcile/loop.py",
            "govd/reconcile/pauses.py",
            "govd/reconcile/request_step.py",
            "govd/reconcile/revision_steps.py",
            "govd/reconcile/settling.py",
        ),
        (
            "tests/requests/test_rules.py",
            "tests/service/test_service.py",
            "tests/reconcile",
        ),
    ),
    "edit": Area(
        ("govd/edit/*.py", "govd/edit/attacks/*.py", "govd/grades.py"),
        (
            "tests/edit/test_figures.py",
            "tests/edit/test_factors.py",
            "tests/edit/test_prediction.py",
            "tests/edit/test_outcomes.py",
            "tests/edit/test_leaks.py",
            "tests/edit/test_attacks.py",
            "tests/edit/test_grades.py",
            "tests/edit/test_oracles.py",
            "tests/edit/test_exact.py",
            "tests/edit/test_methods.py",
            "tests/edit/test_interference.py",
            "tests/edit/test_fitted.py",
            "tests/edit/test_effort.py",
            "tests/edit/test_compose.py",
        ),
    ),
    "verify": Area(
        (
            "govd/verify/*.py",
            "govd/records/standing.py",
            "govd/ledger/merkle.py",
            "govd/ledger/signing.py",
            "govd/ledger/canonical.py",
        ),
        (
            "tests/ledger",
            "tests/verify",
            "tests/audit/test_believed.py",
            "tests/audit/test_signed.py",
            "tests/audit/test_evidence.py",
            "tests/audit/test_proofs.py",
            "tests/plugins/test_witness.py",
            "tests/plugins/test_timestamps.py",
        ),
    ),
}


def copied(folder: Path) -> None:
    """The tree as it is, without what git ignores."""
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


LATE: Final = "longer than the limit"
QUICK: Final = (
    "-p",
    "tests.mutants.quick",
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    "--deselect",
    f"tests/edit/{KERNELS}",
)


def outcome(folder: Path, tests: tuple[str, ...], limit: float) -> str:
    """Empty where all tests pass in a copy, else which one failed, or `LATE`."""
    paths = os.pathsep.join(str(folder / part) for part in ("", "backends", "plugins"))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", *tests, "-x", "-q", "--tb=no", "--no-header", *QUICK]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return LATE
    if process.returncode == 0:
        return ""
    failed = [line for line in text.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0] if failed else text.strip().splitlines()[-1]


def sites(area: Area, folder: Path) -> list[Mutant]:
    """Every change that can be made to an area's files in a copy."""
    paths = sorted(path for pattern in area.files for path in folder.glob(pattern))
    return [
        mutant
        for path in paths
        for mutant in mutants_of(path.relative_to(folder), path.read_bytes())
    ]


def main(arguments: list[str] | None = None) -> int:
    """A line for each change, survivors once more at the end, and the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sample", type=int, default=20, help="how many changes of each area to try"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--area", choices=sorted(AREAS), action="append", help="only this one; may be repeated"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=600.0,
        help="seconds after which the tests of a change are ended",
    )
    parser.add_argument(
        "--minutes", type=float, default=600.0, help="begin no further change after this time"
    )
    chosen = parser.parse_args(arguments)
    began, survivors, counts = time.monotonic(), list[Mutant](), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        for area_name in chosen.area or sorted(AREAS):
            area = AREAS[area_name]
            possible = sites(area, folder)
            if broken := outcome(folder, area.tests, 4 * chosen.limit):
                print(f"{area_name}: the tests fail without any change: {broken}")
                return 2
            tried = Counter[str]()
            for mutant in random.Random(chosen.seed).sample(
                possible, min(chosen.sample, len(possible))
            ):
                if time.monotonic() - began > 60 * chosen.minutes:
                    break
                source = (folder / mutant.path).read_bytes()
                (folder / mutant.path).write_bytes(mutant.apply(source))
                noticed = outcome(folder, area.tests, chosen.limit)
                (folder / mutant.path).write_bytes(source)
                word = {"": "survived", LATE: "undecided"}.get(noticed, "killed")
                tried[word] += 1
                survivors += [mutant] if word == "survived" else []
                print(f"{word:9} {mutant}  [{noticed}]", flush=True)
            counts += tried
            print(
                f"{area_name}: {told(tried)}, of {len(possible)} possible (seed {chosen.seed})",
                flush=True,
            )
    for mutant in survivors:
        print(f"survived {mutant}")
    print(f"{told(counts)}, in {time.monotonic() - began:.0f} s")
    return 0


def told(counts: Counter[str]) -> str:
    """How many of how many."""
    return (
        f"{counts.total()} tried: {counts['killed']} killed, {counts['survived']} survived,"
        f" {counts['undecided']} undecided"
    )


if __name__ == "__main__":
    sys.exit(main())
