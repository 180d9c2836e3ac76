"""A feed of a real daemon, used by command and client; and a process that is killed in the middle
of a run: the next start ends where it would have ended, once.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import govd
from govd.automatic.feed_settings import FeedSettings
from govd.models.given import Given
from govd.service.service import open_service
from tests.automatic.conftest import NOW
from tests.conftest import LENIENT
from tests.web.running import Running

TESTS = Path(__file__).parents[1]
WORKER = """
import os, signal, sys
sys.path[:0] = [sys.argv[3], sys.argv[3] + "/plugins/example"]
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from govd.asking import plugins
from govd.automatic.feed_files import FeedFiles
from govd.hookspecs import hookimpl
from govd.service.service import open_service

POINTS = [EntryPoint(f"example-{n}", f"govd_example.{n}", "govd") for n in ("backend", "method")]
POINTS += [EntryPoint("methods", "govd.methods", "govd"), EntryPoint("feeds", "govd_feeds", "govd")]
plugins.found_entry_points = lambda: POINTS
home, step = sys.argv[1:3]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Deadly:
    @hookimpl(tryfirst=True)
    def govd_answered(self, feed, document, answers):
        if step == "answer": die()
    @hookimpl
    def govd_on_entry(self, entry):
        if step == entry["kind"]: die()

if step == "look": FeedFiles.put_look = die
with open_service(Path(home)) as service:
    service.core.plugins.manager.register(Deadly(), "deadly")
    if step == "append": service.core.desk.append = die
    service.feeds.run("nightly", datetime.now(UTC))
    service.reconciler.run()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["append", "answer", "feed.run", "look", "contribution.make"]
)
def test_a_run_that_is_killed_files_nothing_twice(
    step: str, tmp_path: Path, example_plugins: None, given: Given
) -> None:
    home, lists = tmp_path / "home", tmp_path / "lists"
    lists.mkdir()
    home.mkdir()
    (home / "govd.toml").write_text(LENIENT)
    with open_service(home) as service:
        service.add_model("m", "colours", given, "ann")
        service.feeds.add(FeedSettings("nightly", lists.as_uri(), "m"), "ann", NOW)
    (lists / "names.csv").write_text(
        "concept,domain\nred,\nblue,dark\nred,\npink,moon\n"
    )
    command = [sys.executable, "-c", WORKER, str(home), step, str(TESTS)]
    killed = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with open_service(home) as service:
        service.feeds.run("nightly", NOW)
        service.reconciler.run()
        assert service.feeds.run("nightly", NOW)["runs"] == []
        (run,) = service.feeds.history("nightly")
        assert run["counts"] == {
            "rows": 4,
            "missing": 0,
            "filed": 2,
            "already": 1,
            "refused": 1,
        }
        states = {
            r.concepts[0].name: str(r.state) for r in service.core.desk.views.requests()
        }
        assert states == {"red": "in_force", "blue": "in_force"}
        assert len(service.audit.log(kind="request.file")) == 2
        assert service.verification.verify()["holds"]
    results = (lists / "names.csv.result.csv").read_text().splitlines()
    assert [line.split(",")[3] for line in results[1:]] == [
        "filed",
        "filed",
        "already",
        "refused",
    ]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    daemon = Running(tmp_path)
    yield daemon
    daemon.process.kill()
    daemon.process.wait(30)
    daemon.errors.close()


def until(daemon: Running, path: Path) -> None:
    """Wait for a result."""
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, daemon.log()
        time.sleep(0.05)


@pytest.mark.slow
def test_a_daemon_takes_what_lies_in_a_folder(
    running: Running, pictures: Path, pool: Path, tmp_path: Path
) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    (tmp_path / "labels.txt").write_text(
        "\n".join(p.name for p in (pictures / "dark").iterdir())
    )
    options = ["--labels", str(tmp_path / "labels.txt"), "--domains", "bright,dark"]
    added = running.govd("model", "add", "m", "colours", *options, "--pool", str(pool))
    assert added.returncode == 0, added.stderr
    feed = running.govd(
        "feed", "add", "nightly", str(lists), "--model", "m", "--every", "1s"
    )
    assert feed.returncode == 0, feed.stderr
    assert f"nightly is enabled: {lists.as_uri()}" in feed.stdout
    (lists / "names.csv.part").write_text("concept,domain\nred,\nmoon,nowhere\n")
    os.utime(lists / "names.csv.part", (1, 1))
    (lists / "names.csv.part").rename(lists / "names.csv")
    until(running, lists / "names.csv.result.csv")
    with govd.connect(running.url, running.token) as daemon:
        (run,) = daemon.feed_history("nightly")
        assert run["counts"] == {"rows": 2, "missing": 0, "filed": 1, "refused": 1}
        rows = daemon.feed_run("nightly", 1)["rows"]
        (request,) = daemon.settled([rows[0]["request"]])
        assert (request["filed_by"], request["source"]["row"]) == ("feed:nightly", 2)
        assert request["state"] in ("in_force", "waiting")
        assert [feed["name"] for feed in daemon.feeds()] == ["nightly"]
        assert daemon.feed("nightly")["runs"] == 1
        assert daemon.disable_feed("nightly")["state"] == "disabled"
    listed = running.govd("request", "list", "--filed-by", "feed:nightly", "--json")
    assert [r["id"] for r in json.loads(listed.stdout)] == [request["id"]]
    refused = running.govd("feed", "run", "nightly")
    assert refused.returncode == 1
    assert "disabled" in refused.stderr
    assert running.govd("feed", "enable", "nightly").returncode == 0
    (lists / "more.txt").write_text("red\nmoonstone everywhere\n")
    by_hand = running.govd("feed", "run", "nightly")
    assert by_hand.returncode in (0, 1), by_hand.stderr
    table = running.govd("feed", "history", "nightly", "2", "--format", "csv").stdout
    assert "already" in table
    assert "held" not in running.govd("feed", "list").stderr
    check_waits(running, tmp_path / "monthly")


def check_waits(running: Running, lists: Path) -> None:
    """`feed run --wait` returns when its rows are decided and served, and says so."""
    lists.mkdir()
    words = ("--model", "m", "--every", "30d")
    assert running.govd("feed", "add", "monthly", str(lists), *words).returncode == 0
    end = time.monotonic() + 60
    with govd.connect(running.url, running.token) as daemon:
        while not daemon.feed("monthly")["looked_at"]:
            assert time.monotonic() < end, running.log()
            time.sleep(0.05)
    (lists / "names.csv").write_text("concept\nblue\nred\n")
    look = running.govd("feed", "run", "monthly", "--wait", "--json")
    assert look.returncode == 0, look.stderr
    (run,) = json.loads(look.stdout)["runs"]
    assert [(row["answer"], row.get("state")) for row in run["rows"]] == [
        ("filed", "in_force"),
        ("already", None),
    ]
    (lists / "names.csv").write_text("concept\ngreen\n")
    printed = running.govd("feed", "run", "monthly", "--wait").stdout
    assert "now 1 waiting" in printed
    assert "is waiting: bounds: " in printed, "a fifth of all pictures"
