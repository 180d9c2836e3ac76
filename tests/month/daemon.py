"""A real daemon whose wall clock a test moves: `govd serve` under libfaketime, the real command and
HTTP with tokens beside it.

The clock is a file with an offset, which the library reads anew at the first look at the time in
each second, so it jumps while the daemon runs. The monotonic clock is the machine's own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from typer.testing import CliRunner

from govd.cli import app
from tests.month.turned import turned

TOP = Path(__file__).parents[2]
MINI = TOP / "backends/govd_clip/mini"
LABELS_STEP, POOL_ROWS, DOMAINS = 6, 400, ("colour", "line")
STARTS_SECONDS, SETTLES_SECONDS, ENDS_SECONDS = 120.0, 240.0, 40.0
"""For which a start, a day and an end are waited for on a machine that has other work."""
EVERY_SECONDS = 0.25
"""Between two looks of the daemon's worker at everything, in place of a second: nothing else of
the command is another.
"""
SERVE = f"""
from govd.web import worker
worker.EVERY = {EVERY_SECONDS}
from govd.cli import main
main()
"""
TOML = """max_predicted_disagreement = 1.0
max_total_disagreement = 1.0
max_scope_share = 1.0
max_lost_elsewhere = 1.0
expiry = "off"
plugin_seconds = 1.0
"""
SWITCH_MS = 5
"""For which a thread waits until it demands the interpreter's lock. libfaketime 0.9.10 takes the
end of that wait, on the monotonic clock, for a faked time long past: without this all threads that
wait for the lock spin, which took twice as much processor time as the daemon itself.
"""
SEES_SECONDS = 0.05
"""Which reading the clock's file at the beginning of a second may take."""
PLUGIN = '''"""A plugin that raises, hangs or answers nonsense, as a file beside the home says."""

import os
import threading
import time
from pathlib import Path

from govd.hookspecs import hookimpl

# libfaketime 0.9.10 takes the absolute monotonic times of clock_nanosleep for faked ones
time.sleep = threading.Event().wait


@hookimpl
def govd_vote(moment):
    how = Path(os.environ["MONTH_PLUGIN"]).read_text()
    if how == "raises":
        raise RuntimeError("no")
    if how == "hangs":
        threading.Event().wait(30)
    return 42 if how == "nonsense" else None
'''


def library() -> str | None:
    """Where libfaketime lies; None where it is not installed."""
    if shutil.which("faketime") is None:
        return None
    command = [
        "faketime",
        "-f",
        "+0",
        sys.executable,
        "-c",
        "import os; print(os.environ['LD_PRELOAD'])",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False
    )
    place = done.stdout.strip().replace("libfaketime.so", "libfaketimeMT.so")
    return place if done.returncode == 0 and "faketime" in place else None


class Home:
    """A home in a folder, with `mini` and few of its pictures; a plugin that fails on demand."""

    def __init__(self, folder: Path, faketime: str) -> None:
        self.folder, self.home, self.lists = folder, folder / "home", folder / "lists"
        self.turned = folder / "turned"
        self.offset = timedelta(hours=1)
        self.faketime = faketime
        for made in (self.home, self.lists, folder / "site/month-1.0.dist-info"):
            made.mkdir(parents=True)
        (self.home / "govd.toml").write_text(TOML, encoding="utf-8")
        self._plugin()
        self.process: subprocess.Popen[str] | None = None
        self.set_clock(self.offset)
        self.plugin("fine")
        self.url, self.token = "", ""
        self.http = httpx.Client(timeout=120)

    def _plugin(self) -> None:
        site = self.folder / "site"
        info = site / "month-1.0.dist-info"
        (site / "month_plugin.py").write_text(PLUGIN, encoding="utf-8")
        about = "Metadata-Version: 2.1\nName: month\nVersion: 1.0\n"
        (info / "METADATA").write_text(about, encoding="utf-8")
        (info / "entry_points.txt").write_text(
            "[govd]\nflaky = month_plugin\n", encoding="utf-8"
        )
        self.environment = {
            **os.environ,
            "GOVD_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(site), str(TOP)]),
            "JAX_PLATFORMS": "cpu",
            "MONTH_PLUGIN": str(self.folder / "how"),
        }

    def plugin(self, how: str) -> None:
        """How the plugin behaves from now on: `fine`, `raises`, `hangs` or `nonsense`."""
        _put(self.folder / "how", how)

    # -- time

    def set_clock(self, offset: timedelta) -> None:
        """Let the daemon's wall clock be so far ahead of ours."""
        self.offset = offset
        _put(self.folder / "clock", f"{offset.total_seconds():+.0f}\n")
        if self.process is not None:  # it looks at the file once in a second
            time.sleep(1.0 - time.time() % 1.0 + SEES_SECONDS)

    @property
    def now(self) -> datetime:
        """What time it is there."""
        return datetime.now(UTC) + self.offset

    # -- the daemon

    def model(self, labels: Sequence[str], name: str) -> list[str]:
        """Options of `govd model add`: these labels and their pictures."""
        place = self.folder / name
        for domain in DOMAINS:
            for label in labels:
                source = MINI / "images" / domain / label
                if source.is_dir():
                    shutil.copytree(source, place / "images" / domain / label)
        (place / "labels.txt").write_text("\n".join(labels), encoding="utf-8")
        np.save(place / "pool.npy", np.load(MINI / "pool.npy")[:POOL_ROWS])
        return [
            *("--labels", str(place / "labels.txt"), "--images", str(place / "images")),
            *("--domains", ",".join(DOMAINS), "--pool", str(place / "pool.npy")),
        ]

    def another(self) -> list[str]:
        """What `govd model rebase` takes: another checkpoint, and a pool of its own."""
        turn = turned(MINI, self.turned)
        pool = np.load(MINI / "pool.npy")[:POOL_ROWS]
        np.save(self.turned / "vectors.npy", (pool @ turn.T).astype(pool.dtype))
        return [str(self.turned), "--pool", str(self.turned / "vectors.npy")]

    def start(self) -> None:
        """Start the daemon, and wait until it is there."""
        fake = {
            "LD_PRELOAD": self.faketime,
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock"),
            "FAKETIME_CACHE_DURATION": "0",  # at each look, much of all time went into this file
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_WAIT_MS": str(SWITCH_MS),
            "NO_FAKE_STAT": "1",
        }
        with (self.folder / "log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, "serve", "--port", "0"],
                env={**self.environment, **fake},
                stderr=log,
                stdout=log,
                text=True,
            )
        self.until(self._announced, STARTS_SECONDS, "the daemon is not there")
        self.until(
            lambda: self.get("/healthz") is not None,
            STARTS_SECONDS,
            "it does not answer",
        )

    def _announced(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        path = self.home / "daemon.json"
        if not path.exists():
            return False
        self.url = json.loads(path.read_text())["url"]
        self.token = (self.home / "token").read_text().strip()
        return True

    def stop(self) -> None:
        """End the daemon as an operator does."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(ENDS_SECONDS)
            finally:
                self.process.kill()
            self.process = None

    def log(self) -> str:
        """What the daemon said."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def until(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, f"{what}\n{self.log()[-3000:]}"
            time.sleep(0.1)

    # -- asking

    def govd(self, *words: str, code: int = 0) -> Any:
        """What a command answers, as JSON."""
        command = [sys.executable, "-m", "govd", *words, "--json"]
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, (
            f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return json.loads(done.stdout) if done.stdout.strip() else None

    def typed(self, *words: str) -> Any:
        """What a command answers, typed in this process: it saves the second of a start."""
        environment = {"GOVD_HOME": str(self.home), "GOVD_URL": "", "GOVD_TOKEN": ""}
        done = CliRunner().invoke(app, [*words, "--json"], env=environment)
        assert done.exit_code == 0, f"{words}: {done.output}{done.exception}"
        return json.loads(done.stdout)

    def get(self, path: str, token: str = "", **query: Any) -> Any:
        """What a GET answers; None where nobody answers."""
        try:
            answer = self.http.get(
                f"{self.url}{path}", headers=self._bearer(token), params=query
            )
        except httpx.TransportError:
            return None
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    def post(self, path: str, body: Any, token: str = "") -> tuple[int, Any]:
        """Status and answer of a POST."""
        answer = self.http.post(
            f"{self.url}{path}", headers=self._bearer(token), json=body
        )
        return answer.status_code, answer.json()

    def _bearer(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.token}"}


def _put(path: Path, text: str) -> None:
    """Replace a file at once."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
