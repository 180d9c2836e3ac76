"""A command that is stopped takes away what it had for itself, and says what follows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from govd.cli.stopping import TOLD

COMMAND = """
import signal, sys, tempfile, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.Handlers[sys.argv.pop()])
import govd.cli

@govd.cli.app.command()
def waits(folder: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder):
        threading.Thread(target=time.sleep, args=(float(sys.argv[3]),)).start()  # a library's
        print("at work", flush=True)
        time.sleep(float(sys.argv[3]))

sys.argv = ["govd", "waits", *sys.argv[1:]]
govd.cli.main.__globals__["model_first"] = lambda words: words[:2]
govd.cli.main()
"""


def begun(folder: Path, seconds: float, ignored: bool = False) -> subprocess.Popen[str]:
    handler = signal.SIG_IGN if ignored else signal.SIG_DFL
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(folder), str(seconds), handler.name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_as_ctrl_c_does(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = begun(tmp_path, 60)
    assert list(tmp_path.iterdir())
    process.send_signal(number)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert told == f"govd: {TOLD}\n"
    assert list(tmp_path.iterdir()) == []


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    process = begun(tmp_path, 1, ignored=True)
    process.send_signal(signal.SIGHUP)
    _, told = process.communicate(timeout=20)
    assert (process.returncode, told) == (0, "")


@pytest.mark.parametrize(
    "command",
    [[sys.executable, "-m", "govd"], [str(Path(sys.executable).with_name("govd"))]],
)
def test_ctrl_c_while_the_command_line_is_loaded_is_quiet(
    tmp_path: Path, command: list[str]
) -> None:
    slow = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"
    (tmp_path / "typer.py").write_text(slow)
    process = subprocess.Popen(
        [*command, "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=20)
    assert (process.returncode, told) == (128 + signal.SIGINT, "")
