"""`python -m tests.benchmarks.folding [FOLDER …]`: processor time of folding a generated history
into records and their tables in memory, by this checkout and by others in `FOLDER`s.

Each checkout is a process of its own, and they take turns, so that what else the machine does is
the same for all; the ratio is the median over the turns.
"""

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path

ENTRIES = 2_100
TURNS = 60


def written(path: Path) -> None:
    """The entries, as a ledger has them."""
    from tests.benchmarks.ledger_history import history  # another checkout has its own

    drafts = islice(history(ENTRIES, "a" * 64), ENTRIES)
    entries = [
        {
            **vars(draft),
            "v": 1,
            "seq": seq,
            "time": f"2026-01-01T{seq // 3600:02}:{seq // 60 % 60:02}:{seq % 60:02}.000Z",
        }
        for seq, draft in enumerate(drafts)
    ]
    path.write_text(json.dumps(entries))


def fold_in_turn(path: Path) -> None:
    """Fold once for each line that comes, and print the seconds."""
    try:
        views = import_module("govd.views.views").Views
    except ImportError:  # of before the rooms
        views = import_module("govd.views").Views
    entries = json.loads(path.read_text())
    for _ in sys.stdin:
        empty = views()
        gc.collect()
        gc.disable()
        began = time.process_time()
        empty.read(entries)
        print(time.process_time() - began, flush=True)
        gc.enable()


@contextmanager
def folding(checkout: Path, path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that folds by a checkout's code."""
    with subprocess.Popen(
        [sys.executable, __file__, "--fold", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    ) as process:
        yield process


def seconds(process: "subprocess.Popen[str]") -> float:
    """Of one more fold."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main(others: list[Path]) -> None:
    here = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entries.json"
        written(path)
        print("| checkout | median, ms | this one's time |\n|---|---|---|")
        for other in others or [here]:
            with folding(here, path) as own, folding(other, path) as its:
                turns = [(seconds(own), seconds(its)) for _ in range(TURNS + 1)][1:]
            ratio = statistics.median(here_took / there for here_took, there in turns)
            took = 1000 * statistics.median(there for _, there in turns)
            print(f"| {other} | {took:.1f} | {ratio:.3f} × |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--fold"]:
        fold_in_turn(Path(sys.argv[2]))
    else:
        main([Path(name) for name in sys.argv[1:]])
