"""A daemon in a process of its own, and how to talk to it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

EXAMPLE = Path(__file__).parents[1] / "plugins" / "example"


class Running:
    """The daemon and how to talk to it."""

    def __init__(self, folder: Path, *options: str) -> None:
        site = folder / "site"
        info = site / "govd_example-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: govd-example\nVersion: 1.0\n"
        )
        lines = [
            f"example-{n} = govd_example.{n}" for n in ("backend", "method", "policy")
        ]
        (info / "entry_points.txt").write_text("[govd]\n" + "\n".join(lines) + "\n")
        (site / "govd_example").symlink_to(EXAMPLE / "govd_example")
        self.home = folder / "home"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(site),
            "GOVD_HOME": str(self.home),
        }
        self.errors = (folder / "daemon.log").open("w+")
        command = [sys.executable, "-m", "govd", "serve", "--port", "0", *options]
        self.process = subprocess.Popen(
            command, env=self.environment, stderr=self.errors
        )
        end = time.monotonic() + 60
        while not (self.home / "daemon.json").exists():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)
        said = json.loads((self.home / "daemon.json").read_text())
        self.url, self.token = said["url"], (self.home / "token").read_text().strip()
        while True:
            try:
                httpx.get(f"{self.url}/healthz", timeout=5).raise_for_status()
                break
            except httpx.TransportError:
                assert time.monotonic() < end, self.log()
                time.sleep(0.05)

    def end(self) -> float:
        """SIGTERM; the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) in (0, -signal.SIGTERM)
        return time.monotonic() - began

    def log(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def govd(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "govd", *words]
        return subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
