"""A real daemon in a process of its own: started, used through client and command, stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

import govd
from govd.errors import (
    Conflict,
    NotFound,
    Unauthenticated,
    Unreachable,
    UnreadableImage,
)
from govd.web.guards import LARGEST
from tests.web.running import Running


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
    # refused before it is read: the answer comes, the connection is not cut
    large = httpx.post(
        f"{running.url}/v1/models/m/classify", content=bytes(LARGEST + 1)
    )
    assert large.status_code == 413
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


def test_what_answers_at_an_address_may_be_no_daemon() -> None:
    for url, code in (("http://127.0.0.1:9", 3), ("nonsense", 2), ("http://[::1", 2)):
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


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_terminal_that_is_closed_ends_it_as_a_service_manager_does(
    tmp_path: Path, number: signal.Signals
) -> None:
    daemon = Running(tmp_path)
    daemon.process.send_signal(number)
    assert daemon.process.wait(30) == 0
    assert "Traceback" not in daemon.log()
    assert "govd has stopped" in daemon.log()
    assert not (daemon.home / "daemon.json").exists()
    daemon.errors.close()
