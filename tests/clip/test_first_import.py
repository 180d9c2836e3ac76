"""Models are opened by several threads of a daemon that has just begun."""

import subprocess
import sys

import pytest

pytest.importorskip("jax")

OPENED = """
import threading
from pathlib import Path
from govd_clip.reading_config import read_config
mini, faults = Path("backends/govd_clip/mini"), []
def opened():
    try:
        read_config(mini)
    except BaseException as fault:
        faults.append(repr(fault))
threads = [threading.Thread(target=opened) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
raise SystemExit("; ".join(faults) or 0)
"""


@pytest.mark.slow
def test_threads_that_open_models_at_once_all_do() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPENED],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
