"""A real daemon in a process of its own: started, used through client and command, stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

import govd
from govd.client import Follower
from govd.errors import (
    Conflict,
    NotFound,
    Unauthenticated,
    Unreachable,
    UnreadableImage,
    Usage,
    VerificationFailed,
)
from govd.ledger import canonical, merkle

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


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A daemon on a new home and a free port."""
    daemon = Running(tmp_path)
    yield daemon
    if daemon.process.poll() is None:
        daemon.process.send_signal(signal.SIGTERM)
    try:
        daemon.process.wait(30)
    finally:
        daemon.process.kill()
        daemon.errors.close()


def test_a_daemon_from_start_to_stop(
    running: Running, pictures: Path, pool: Path, tmp_path: Path
) -> None:
    labels = sorted(p.name for p in (pictures / "dark").iterdir())
    with govd.connect(running.url, running.token) as daemon:
        daemon.add_model(
            "m",
            "colours",
            labels=labels,
            domains=["bright", "dark"],
            images=str(pictures),
            pool=str(pool),
        )
        request = daemon.forget("red", model="m", reason="must go", wait=True)
        assert request["state"] == "in_force"
        assert (
            daemon.classify("m", [str(pictures / "dark" / "red" / "0.png")])[0]["label"]
            != "red"
        )
        assert daemon.embeddings("m", texts=["red"]).shape[0] == 1
        with pytest.raises(Conflict, match=request["id"]) as raised:
            daemon.forget("red", model="m")
        assert raised.value.details == {"request": request["id"], "taken": True}
        (tmp_path / "list.txt").write_text("red\n")
        listed = running.govd(
            "forget", "--from", str(tmp_path / "list.txt"), "--model", "m", "--json"
        )
        assert listed.returncode == 0, "what is in force already is no fault"
        assert [(a["answer"], a["id"]) for a in json.loads(listed.stdout)] == [
            ("already", request["id"])
        ]
        # the command finds the daemon by itself
        status = json.loads(running.govd("status", "--json").stdout)
        assert status["models"][0]["in_force"] == 1
        done = running.govd(
            "revert", request["id"], "--reason", "back", "--wait", "--json"
        )
        assert json.loads(done.stdout)["state"] == "done", done.stderr
        assert daemon.audit_verify()["holds"]
        digests = daemon.audit_bundle(str(tmp_path / "one.zip"), request=request["id"])
        assert digests["about"] == {"request": request["id"], "others": "digests"}
        whole = running.govd(
            "audit",
            "bundle",
            str(tmp_path / "whole.zip"),
            "--request",
            request["id"],
            "--with-others",
            "--json",
        )
        assert json.loads(whole.stdout)["about"] == {"request": request["id"]}, (
            whole.stderr
        )
        assert daemon.evaluate("m")["metrics"]["accuracy"] > 0.9
        assert running.govd("backup", str(tmp_path / "b.tar")).returncode == 0
    with govd.connect(running.url, "wrong") as stranger, pytest.raises(Unauthenticated):
        stranger.status()
    # a second daemon, on the same home and on the same port
    second = running.govd("serve", "--port", "0")
    assert second.returncode == 4
    assert "another process works on this home" in second.stderr
    port = running.url.rsplit(":", 1)[1]
    third = running.govd("serve", "--home", str(tmp_path / "other"), "--port", port)
    assert third.returncode == 4
    assert "port" in third.stderr
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) in (0, -signal.SIGTERM)
    assert not (running.home / "daemon.json").exists()
    for line in running.log().splitlines():
        assert {"time", "level", "message"} <= set(json.loads(line)), line
    with govd.connect(running.url, running.token) as gone, pytest.raises(Unreachable):
        gone.status()
    assert (
        json.loads(running.govd("status", "--json").stdout)["models"][0]["revision"]
        == 2
    )


def test_a_model_is_retired_through_the_daemon(
    running: Running, tmp_path: Path
) -> None:
    # one of six is little enough to go by itself
    labels = [
        "red",
        "green",
        "blue",
        "pink",
        "brown",
        "cyan",
    ]
    with govd.connect(running.url, running.token) as daemon:
        for name in ("a", "b"):
            daemon.add_model(
                name, "colours", labels=labels, publish_to=str(tmp_path / name)
            )
            daemon.forget("red", model=name, wait=True)
        gone = daemon.remove_model("a", "the contract ended", delete_published=True)
        assert (gone["state"], gone["reason"], gone["current_removed"]) == (
            "retired",
            "the contract ended",
            True,
        )
        assert list((tmp_path / "a").iterdir()) == []
        done = running.govd("model", "remove", "b", "--reason", "so did this")
        assert "b is retired, with 1 forget in force" in done.stdout
        assert "revision 1 is left" in " ".join(done.stdout.split())
        assert [r["reason"] for r in daemon.status()["retired"]] == [
            "the contract ended",
            "so did this",
        ]
        assert daemon.model("b")["state"] == "retired"
        with pytest.raises(NotFound, match="was retired on"):
            daemon.embeddings("b", texts=["red"])


def test_events_resume_where_they_stopped(running: Running) -> None:
    with govd.connect(running.url, running.token) as daemon:
        for n in range(3):
            daemon.create_token("reader", f"r{n}")
    headers = {"Authorization": f"Bearer {running.token}"}

    def read(count: int, **more: str) -> list[int]:
        found: list[int] = []
        with httpx.stream(
            "GET", f"{running.url}/v1/events", headers={**headers, **more}, timeout=30
        ) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    found.append(json.loads(line[6:])["seq"])
                if len(found) == count:
                    break
        return found

    assert read(3) == [0, 1, 2]
    assert read(2, **{"Last-Event-ID": "0"}) == [1, 2]


def test_who_follows_the_entries_need_not_believe_them(running: Running) -> None:
    with govd.connect(running.url, running.token) as daemon:
        for n in range(4):
            daemon.create_token("reader", f"r{n}")
        follower = Follower(daemon.audit_key())
        for entry in daemon.events():
            follower.add(entry)
            if follower.size == 2:
                break
        with pytest.raises(VerificationFailed, match="should be next"):
            follower.add({**entry, "seq": 9})
        note = daemon.audit_checkpoint()
        with pytest.raises(VerificationFailed, match="Read on"):
            follower.check(note)
        for entry in daemon.events(after=1):
            follower.add(entry)
            if follower.size == 4:
                break
        assert follower.check(note) == 4
        liar = Follower(daemon.audit_key())
        for entry in daemon.audit_log():
            liar.add({**entry, "actor": "somebody"})
        with pytest.raises(VerificationFailed, match="not those that were signed"):
            liar.check(note)


def test_an_answer_can_be_asked_which_revision_gave_it(
    tmp_path: Path, pictures: Path, pool: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "govd.toml").write_text(
        "inference_log = 1.0\n", encoding="utf-8"
    )
    running = Running(tmp_path)
    try:
        with govd.connect(running.url, running.token) as daemon:
            labels = sorted(p.name for p in (pictures / "dark").iterdir())
            daemon.add_model(
                "m",
                "colours",
                labels=labels,
                domains=["bright", "dark"],
                pool=str(pool),
            )
            headers = {"Authorization": f"Bearer {running.token}"}
            answer = httpx.post(
                f"{running.url}/v1/models/m/embeddings",
                json={"texts": ["red"]},
                headers=headers,
                timeout=60,
            )
            found = daemon.audit_answer(answer.headers["Govd-Answer"])
            assert (found["model"], found["revision"]) == ("m", 0)
            assert len(found["inputs"]) == 1
            with pytest.raises(NotFound, match="was not kept"):
                daemon.audit_answer("0" * 16)
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(30)
        running.errors.close()


def test_a_follower_begins_at_a_checkpoint_that_was_kept(running: Running) -> None:
    with govd.connect(running.url, running.token) as daemon:
        for n in range(5):
            daemon.create_token("reader", f"r{n}")
        key, kept = daemon.audit_key(), daemon.audit_checkpoint()
        size = int(kept.splitlines()[1])
        daemon.create_token("reader", "later")
        daemon.create_token("reader", "last")

        def follow(follower: Follower) -> int:
            for entry in daemon.events(after=follower.size - 1):
                follower.add(entry)
                if follower.size == size + 2:
                    return follower.check(daemon.audit_checkpoint(size=size + 2))
            return 0

        daemon.audit_checkpoint()  # signs the log as it is
        assert follow(Follower(key, since=kept, prove=daemon.audit_proof)) == size + 2
        with pytest.raises(VerificationFailed, match="takes a proof"):
            follow(Follower(key, since=kept))

        def lies(entry: int, size: int) -> dict[str, object]:
            said = dict(daemon.audit_proof(entry, size))
            return {**said, "path": ["00" * 32, *said["path"][1:]]}

        with pytest.raises(VerificationFailed, match="does not begin"):
            follow(Follower(key, since=kept, prove=lies))
        with pytest.raises(VerificationFailed, match="is none"):
            follow(
                Follower(key, since=kept, prove=lambda entry, size: {"path": ["xyz"]})
            )
        late = Follower(key, since=kept, prove=daemon.audit_proof)
        with pytest.raises(VerificationFailed, match="should be next"):
            late.add(daemon.audit_log(limit=1)[0])
        assert late.check(kept) == size
        with pytest.raises(Conflict, match="ledger of"):
            next(daemon.events(after=1000))


def test_proofs_for_who_does_not_trust_the_daemon(running: Running) -> None:
    with govd.connect(running.url, running.token) as daemon:
        for n in range(7):
            daemon.create_token("reader", f"r{n}")
            daemon.audit_checkpoint()
        entries = daemon.audit_log()
        leaves = [merkle.leaf_hash(canonical.encode(e)) for e in entries]
        roots = {}
        tree = merkle.Growing()
        for leaf in leaves:
            tree.add(leaf)
            roots[tree.size] = tree.root()
        assert len(roots) == 7
        for size in roots:
            for entry in range(size):
                proof = [
                    bytes.fromhex(h) for h in daemon.audit_proof(entry, size)["path"]
                ]
                assert merkle.included(entry, size, leaves[entry], proof, roots[size])
            for old in range(1, size + 1):
                proof = [
                    bytes.fromhex(h)
                    for h in daemon.audit_consistency(old, size)["path"]
                ]
                assert merkle.consistent(old, size, roots[old], roots[size], proof)
        for entry, size in ((7, 7), (-1, 7), (0, 8), (0, 0)):
            with pytest.raises(NotFound):
                daemon.audit_proof(entry, size)
        for old, new in ((0, 7), (3, 2), (1, 8)):
            with pytest.raises((NotFound, Usage)):
                daemon.audit_consistency(old, new)
        assert daemon.audit_proof(3)["size"] == daemon.audit_consistency(3)["new"] == 7


def test_it_ends_at_once_while_somebody_reads_the_stream_and_waits(
    running: Running, pictures: Path
) -> None:
    labels = sorted(p.name for p in (pictures / "dark").iterdir())
    with govd.connect(running.url, running.token) as daemon:
        daemon.add_model("m", "colours", labels=labels)
        read: list[int] = []

        def stream() -> None:
            headers = {"Authorization": f"Bearer {running.token}"}
            with httpx.stream(
                "GET", f"{running.url}/v1/events", headers=headers, timeout=30
            ) as found:
                read.extend(
                    json.loads(line[6:])["seq"]
                    for line in found.iter_lines()
                    if line.startswith("data: ")
                )

        reader = threading.Thread(target=stream)
        reader.start()
        end = time.monotonic() + 20
        while not daemon.audit_log(kind="model.add"):
            assert time.monotonic() < end
        time.sleep(0.5)
    assert running.end() < 4
    reader.join(10)
    assert not reader.is_alive()
    assert read
    lines = [json.loads(line) for line in running.log().splitlines()]
    assert not [
        line
        for line in lines
        if line["level"] in ("warning", "error") or "error" in line
    ]
    added = next(line for line in lines if line.get("kind") == "model.add")
    assert added["subject"] == "m"


def test_a_daemon_that_was_killed_does_not_lock_its_home_out(running: Running) -> None:
    running.process.kill()
    running.process.wait(30)
    assert (running.home / "daemon.json").exists()
    said = json.loads((running.home / "daemon.json").read_text())
    # the system gave its id to somebody else
    (running.home / "daemon.json").write_text(json.dumps({**said, "pid": os.getpid()}))
    done = running.govd("status", "--json")
    assert done.returncode == 0, done.stderr


def test_it_listens_everywhere_and_answers_to_allowed_names(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "govd.toml").write_text(
        'allowed_hosts = ["two.example"]\n', encoding="utf-8"
    )
    daemon = Running(tmp_path, "--host", "0.0.0.0", "--allow-host", "one.example")
    try:
        assert daemon.url.startswith("http://127.0.0.1:")
        codes = {}
        for host in ("one.example", "two.example:80", "192.0.2.7", "three.example"):
            codes[host] = httpx.get(
                f"{daemon.url}/readyz", headers={"Host": host}, timeout=10
            ).status_code
        assert codes == {
            "one.example": 200,
            "two.example:80": 200,
            "192.0.2.7": 200,
            "three.example": 421,
        }
        assert daemon.govd("status").returncode == 0
    finally:
        daemon.end()
        daemon.errors.close()
    for words in (
        ("--allow-host", "http://x"),
        ("--port", "70000"),
        ("--log-level", "loud"),
    ):
        assert daemon.govd("serve", *words).returncode == 2


def test_the_command_and_the_client_tell_bad_pictures_one_by_one(
    running: Running, pictures: Path, tmp_path: Path
) -> None:
    labels = sorted(p.name for p in (pictures / "dark").iterdir())
    bad, good = tmp_path / "bad.png", str(pictures / "dark" / "red" / "0.png")
    bad.write_bytes(b"no picture")
    with govd.connect(running.url, running.token) as daemon:
        daemon.add_model("m", "colours", labels=labels)
        answers = daemon.classify("m", [str(bad), good, "/nowhere.png", good])
        assert [a["label"] is None for a in answers] == [True, False, True, False]
        assert [a["path"] for a in answers] == [str(bad), good, "/nowhere.png", good]
        with pytest.raises(UnreadableImage, match="nowhere"):
            daemon.classify("m", ["/nowhere.png"])
        array = tmp_path / "two.npy"
        np.save(array, daemon.embeddings("m", images=[good, good]))
        answers = daemon.classify("m", [good, str(array), "/nowhere.png", good])
        assert [a["path"] for a in answers][1:3] == [f"{array}[0]", f"{array}[1]"]
        assert [a["label"] for a in answers] == [*["red"] * 3, None, "red"]
        ranked = daemon.rank("m", ["red"], [good, str(bad), "/nowhere.png"])
        assert [r["path"] for r in ranked["rankings"][0]["ranking"]] == [good]
        assert [p["path"] for p in ranked["unread"]] == ["/nowhere.png", str(bad)]
    ranked = json.loads(
        running.govd("rank", "m", good, "--text", "red", "--json").stdout
    )
    assert ranked["rankings"][0]["text"] == "red"
    done = running.govd("classify", "m", str(bad), good, "--json")
    assert done.returncode == 1
    assert [a["label"] is None for a in json.loads(done.stdout)] == [True, False]


def test_what_answers_at_an_address_may_be_no_daemon(running: Running) -> None:
    for url, code in (("http://127.0.0.1:9", 3), ("nonsense", 3), ("http://[::1", 2)):
        done = subprocess.run(
            [sys.executable, "-m", "govd", "status"],
            env={
                **{k: v for k, v in os.environ.items() if k != "GOVD_HOME"},
                "GOVD_URL": url,
                "GOVD_TOKEN": "x",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (url, done.stderr)
        assert "Traceback" not in done.stderr


ASKS = """
import httpx, json, sys
url, headers, body = map(json.loads, sys.argv[1:])
print("asks", flush=True)
httpx.post(url, headers=headers, json=body, timeout=60)
"""


def test_a_client_that_is_killed_while_it_waits_asks_again_and_it_is_done_once(
    running: Running, pictures: Path
) -> None:
    token = {"Authorization": f"Bearer {running.token}"}
    labels = sorted(p.name for p in (pictures / "dark").iterdir())
    with govd.connect(running.url, running.token) as daemon:
        daemon.add_model("m", "colours", labels=labels)
    long = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT"
        " max(i) FROM n"
    )
    with httpx.Client(base_url=running.url, headers=token, timeout=60) as http:
        for path, body in (
            ("audit/sql", {"query": long}),
            ("requests?wait=true", {"model": "m", "concepts": ["red"]}),
        ):
            headers = {**token, "Idempotency-Key": "once"}
            words = [
                json.dumps(word) for word in (f"{running.url}/v1/{path}", headers, body)
            ]
            with subprocess.Popen(
                [sys.executable, "-c", ASKS, *words], stdout=subprocess.PIPE
            ) as client:
                assert client.stdout is not None
                client.stdout.readline()
                time.sleep(0.3)
                client.kill()
            again = http.post(f"/v1/{path}", headers=headers, json=body)
            assert again.status_code == 200, again.text
            if path == "audit/sql":  # the other one's key is in the ledger
                assert "idempotent-replay" in again.headers
        assert len(http.get("/v1/requests").json()["items"]) == 1
    assert '"level": "error"' not in running.log()
