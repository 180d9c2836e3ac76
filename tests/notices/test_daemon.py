"""A real daemon beside receivers that are real: one hangs, the process is killed, it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

import govd
from govd.client.daemon import Daemon
from govd.notices.options import ReceiverOptions
from govd.service.service import open_service
from tests.notices.receiving import Webhook, hang, webhook

PATIENCE_SECONDS = 60


@dataclass
class Running:
    """A daemon in a process of its own."""

    home: Path
    process: subprocess.Popen[bytes]
    url: str
    token: str

    def govd(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "govd", *words, "--home", str(self.home)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False
        )

    def end(self) -> float:
        """SIGTERM; the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return time.monotonic() - began


@contextmanager
def running(home: Path) -> Iterator[Running]:
    command = [
        sys.executable,
        "-m",
        "govd",
        "serve",
        "--port",
        "0",
        "--home",
        str(home),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _listens(home, process))
            announced = json.loads((home / "daemon.json").read_text())
            token = (home / "token").read_text().strip()
            yield Running(home, process, announced["url"], token)
        finally:
            process.kill()


def _listens(home: Path, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        announced = json.loads((home / "daemon.json").read_text())
        with govd.connect(
            announced["url"], (home / "token").read_text().strip()
        ) as daemon:
            return bool(announced["pid"] == process.pid and daemon.status())
    except (OSError, ValueError, govd.errors.GovdError):
        return False


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def due(client: Daemon) -> dict[str, int]:
    """How many notices each receiver is to be told of still."""
    return {one["name"]: one["due"] for one in client.notices()}


def test_a_receiver_that_hangs_delays_neither_another_nor_the_end(folder: Path) -> None:
    (folder / "govd.toml").write_text("notice_seconds = 600.0\n")
    with webhook() as slow, webhook() as quick, running(folder) as daemon:
        hang(slow)
        with govd.connect(daemon.url, daemon.token) as client:
            client.add_notice(slow.url, ["token.*"], name="slow")
            secret = client.add_notice(quick.url, ["token.*"], name="quick")["secret"]
            for number in range(3):
                client.create_token("reader", f"ann {number}")
            until(lambda: len(quick.ids) == 3)
            until(lambda: len(slow.ids) == 1)
            assert quick.checked(secret) == quick.ids
            # what a receiver has taken is noted a moment later
            until(lambda: due(client) == {"slow": 3, "quick": 0})
        assert daemon.end() < 15
        assert len(slow.ids) == 1


def test_what_was_sent_and_not_noted_is_sent_again_with_the_same_id(
    folder: Path,
) -> None:
    """The process is killed, really, between what a receiver takes and its entry."""
    with webhook() as receiver:
        with (
            running(folder) as daemon,
            govd.connect(daemon.url, daemon.token) as client,
        ):
            client.add_notice(receiver.url, ["token.*"], name="shop")
            deadly(receiver, daemon.process.pid)
            client.create_token("reader", "ann")
            daemon.process.wait(PATIENCE_SECONDS)
        receiver.behave = None
        with (
            running(folder) as daemon,
            govd.connect(daemon.url, daemon.token) as client,
        ):
            until(lambda: client.notice_history("shop"))
            (past,) = client.notice_history("shop")
    assert receiver.ids == [past["id"]] * 2
    assert receiver.bodies[0] == receiver.bodies[1]


def deadly(receiver: Webhook, process: int) -> None:
    """Who is told takes it, and kills the teller before he can note it."""

    def behave(handler: object) -> None:
        os.kill(process, signal.SIGKILL)

    receiver.behave = behave


def test_the_commands_are_those_of_a_home_without_a_daemon(folder: Path) -> None:
    with webhook() as receiver, running(folder) as daemon:
        secret_file = folder.parent / "secret"
        secret_file.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
        done = daemon.govd(
            "notice",
            "add",
            receiver.url,
            "--on",
            "token.*",
            "model.*",
            "--secret-file",
            str(secret_file),
            "--json",
        )
        added = json.loads(done.stdout)
        assert (added["name"], added["on"]) == ("127.0.0.1", ["token.*", "model.*"])
        assert "secret" not in added
        assert "took it (200)" in daemon.govd("notice", "test", "127.0.0.1").stdout
        receiver.status = 410
        daemon.govd("token", "create", "--role", "reader", "--name", "ann")
        until(lambda: "failed" in daemon.govd("notice", "list").stdout)
        assert "govd notice retry 127.0.0.1" in daemon.govd("status").stdout
        assert "govd notice retry 127.0.0.1" in " ".join(
            daemon.govd("doctor").stdout.split()
        )
        failed = daemon.govd("notice", "retry", "127.0.0.1")
        assert failed.returncode == 1
        receiver.status = 200
        again = daemon.govd("notice", "retry", "127.0.0.1")
        assert again.returncode == 0, again.stdout + again.stderr
        history = json.loads(daemon.govd("notice", "history", "--json").stdout)
        assert [one["state"] for one in history] == ["sent", "failed", "failed", "sent"]
        newest = daemon.govd("notice", "history", "--limit", "1", "--json").stdout
        assert json.loads(newest) == history[:1]
        assert daemon.govd("notice", "remove", "127.0.0.1").returncode == 0
        assert json.loads(daemon.govd("notice", "list", "--json").stdout) == []
        taken = receiver.checked("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        assert taken == receiver.ids


@pytest.mark.parametrize("end", ["closed", "hung"])
def test_a_home_is_closed_whoever_hangs(folder: Path, end: str) -> None:
    (folder / "govd.toml").write_text("notice_seconds = 600.0\n")
    with webhook() as receiver:
        hang(receiver)
        with open_service(folder) as service:
            service.notices.add(ReceiverOptions(receiver.url, ("token.*",)), "owner")
            service.tokens.create("reader", "ann", "owner")
            if end == "hung":
                service.notices.sending.look(datetime.now(UTC))
                until(lambda: receiver.ids)
            began = time.monotonic()
        assert time.monotonic() - began < 10
        receiver.opened.set()
        until(lambda: not any("notices to" in t.name for t in threading.enumerate()))
