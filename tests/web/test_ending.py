"""A daemon with slow models: it is ready when they have answered, others do not wait for them, and
it ends in time whatever is at hand.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import govd
from govd.client import Daemon as Client
from govd.errors import GovdError, Unreachable

EXAMPLE = Path(__file__).parents[1] / "plugins" / "example"
SLOW = '''
"""Models of the example that take their time: as long as the file `delay` says, looked at again all the while."""
import os, time
from pathlib import Path
from govd.hookspecs import hookimpl
from govd_example.backend import Colours

DELAY = Path(os.environ["SLOW_DELAY"])

def wait():
    began = time.monotonic()
    while time.monotonic() - began < float(DELAY.read_text()):
        time.sleep(0.02)

class Slow(Colours):
    def encode_texts(self, texts, progress=None):
        wait()
        return super().encode_texts(texts)
    def encode_images(self, images, progress=None):
        wait()
        return super().encode_images(images)

@hookimpl
def govd_open_model(reference):
    if reference.reference == "slow":
        wait()
        return Slow("colours-2")
'''
# one of six is little enough to go by itself
LABELS = [
    "red",
    "green",
    "blue",
    "pink",
    "brown",
    "cyan",
]
LONGEST = 30


class Daemon:
    """`govd serve` with the example's plugins and the slow model."""

    def __init__(self, folder: Path) -> None:
        site = folder / "site"
        info = site / "govd_example-1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: govd-example\nVersion: 1.0\n"
        )
        points = {
            f"example-{name}": f"govd_example.{name}"
            for name in ("backend", "method", "policy")
        } | {"zz-slow": "govd_slow"}
        (info / "entry_points.txt").write_text(
            "[govd]\n"
            + "".join(f"{name} = {place}\n" for name, place in points.items())
        )
        (site / "govd_slow.py").write_text(SLOW)
        if not (site / "govd_example").exists():
            (site / "govd_example").symlink_to(EXAMPLE / "govd_example")
        self.home, self.delay, self.errors = (
            folder / "home",
            folder / "delay",
            folder / "daemon.log",
        )
        if not self.delay.exists():
            self.delay.write_text("0")
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(site),
            "GOVD_HOME": str(self.home),
            "SLOW_DELAY": str(self.delay),
        }
        self.start()

    def start(self) -> None:
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "govd", "serve", "--port", "0"],
                env=self.environment,
                stderr=errors,
            )
        end = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < end, self.errors.read_text()
            try:
                self.url = json.loads((self.home / "daemon.json").read_text())["url"]
                httpx.get(f"{self.url}/healthz", timeout=5).raise_for_status()
                break
            except (OSError, ValueError, httpx.TransportError):
                time.sleep(0.05)
        self.token = (self.home / "token").read_text().strip()

    def connect(self) -> Client:
        return govd.connect(self.url, self.token, timeout=60)

    def ready(self) -> httpx.Response:
        return httpx.get(f"{self.url}/readyz", timeout=5)

    def takes(self, seconds: float) -> None:
        part = self.delay.with_name("delay.part")
        part.write_text(str(seconds))
        part.replace(self.delay)

    def end(self) -> float:
        """SIGTERM; the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LONGEST) == 0, self.errors.read_text()
        return time.monotonic() - began


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with the models `fast` and `slow`, which is not slow yet."""
    running = Daemon(tmp_path)
    with running.connect() as api:
        for name, reference in (("fast", "colours"), ("slow", "slow")):
            api.add_model(
                name, reference, labels=LABELS, anchors=["sea", "wood", "sand", "sky"]
            )
    yield running
    running.process.kill()
    running.process.wait(30)


def in_background(work: Callable[[], object], count: int = 1) -> list[threading.Thread]:
    """Calls whose answers nobody waits for."""

    def quietly() -> None:
        with contextlib.suppress(GovdError):
            work()

    threads = [threading.Thread(target=quietly, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_it_is_ready_when_the_published_models_have_answered_once(
    daemon: Daemon,
) -> None:
    assert daemon.ready().status_code == 200
    daemon.end()
    daemon.takes(60)
    daemon.start()
    with daemon.connect() as api:
        answer = daemon.ready()
        assert (answer.status_code, answer.json()["ok"]) == (503, False)
        assert "answered" in answer.json()["reason"]
        assert "slow" not in answer.text  # whoever asks has no token
        # the other answers all the same
        assert api.embeddings("fast", texts=["red"]).shape[0] == 1
        assert api.forget("red", model="fast", wait=True)["state"] == "in_force"
        daemon.takes(0)
        end = time.monotonic() + 30
        while daemon.ready().status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.1)
        api.remove_model("slow")
    daemon.takes(60)
    daemon.end()
    daemon.start()
    end = time.monotonic() + 20
    while daemon.ready().status_code != 200:  # what was removed answers no more
        assert time.monotonic() < end
        time.sleep(0.1)


def test_calls_of_a_slow_model_hold_up_neither_filing_nor_another_model(
    daemon: Daemon,
) -> None:
    daemon.takes(300)
    with daemon.connect() as slow, daemon.connect() as api:
        in_background(lambda: slow.embeddings("slow", texts=["red"]), 60)
        in_background(
            lambda: slow.add_model("slower", "slow", labels=["red", "green"]), 10
        )
        in_background(lambda: slow.preview("red", model="slow"), 10)
        time.sleep(2)
        began = time.monotonic()
        assert api.embeddings("fast", texts=["red"]).shape[0] == 1
        assert api.forget("red", model="fast", wait=True)["state"] == "in_force"
        assert (
            api.add_model(
                "other",
                "colours",
                labels=["red", "green", "blue"],
                anchors=["sea", "wood", "sand", "sky"],
            )["name"]
            == "other"
        )
        assert api.forget("blue", model="slow")["state"] == "filed"
        assert (
            api.add_model(
                "another",
                "colours",
                labels=["red", "green"],
                anchors=["sea", "wood", "sand", "sky"],
            )["name"]
            == "another"
        )
        assert api.status()["ledger"]["size"] > 0
        assert time.monotonic() - began < 15
        # and what is at hand does not keep it from ending
        assert daemon.end() < LONGEST
    daemon.takes(0)
    daemon.start()
    with daemon.connect() as api:
        end = time.monotonic() + 30
        while api.requests(concept="blue")[0]["state"] != "in_force":
            assert time.monotonic() < end
            time.sleep(0.2)
        assert api.audit_verify()["holds"]


def test_a_call_that_its_end_cuts_off_is_told_so(daemon: Daemon) -> None:
    daemon.takes(300)
    faults: list[GovdError] = []

    def ask() -> None:
        try:
            with daemon.connect() as api:
                api.embeddings("slow", texts=["red"])
        except GovdError as error:
            faults.append(error)

    caller = threading.Thread(target=ask, daemon=True)
    caller.start()
    time.sleep(2)
    daemon.end()
    caller.join(20)
    (fault,) = faults
    assert isinstance(fault, Unreachable)
    assert "the daemon ends" in fault.message


def test_a_backlog_does_not_keep_it_from_ending(daemon: Daemon) -> None:
    daemon.takes(0.5)
    with daemon.connect() as api:
        for n in range(100):
            api.forget(f"thing {n}", model="slow")
        time.sleep(1)
        assert daemon.end() < 10
    daemon.takes(0)
    daemon.start()
    with daemon.connect() as api:
        assert len(api.requests()) == 100
        assert api.audit_verify()["holds"]
