"""Plugins that take long, and routes and commands that cannot be added: others wait for none."""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from govd.errors import Unsupported
from govd.hookspecs import hookimpl
from govd.requests import ForgetOptions, options
from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context
from tests.plugins.hostile import Hostile


class Slow:
    """A backend whose opening lasts until it is let go."""

    def __init__(self) -> None:
        self.begun, self.going = threading.Event(), threading.Event()

    @hookimpl
    def govd_open_model(self, reference: Any) -> Any:
        if reference.reference == "slow":
            self.begun.set()
            self.going.wait(60)
        return None


def test_opening_a_checkpoint_holds_up_neither_filing_nor_another_model(
    service: Service, hostile: Hostile, given: Any
) -> None:
    slow = Slow()
    service.core.plugins.manager.register(slow, "slow")
    service.core.plugins.asker.work_seconds = 60

    def add() -> None:
        with pytest.raises(Unsupported):
            service.add_model("s", "slow", given, "ann")

    adding = threading.Thread(target=add)
    adding.start()
    assert slow.begun.wait(30)
    request = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run(patient=False)
    last = time.monotonic() + 30
    while (
        service.requests.show(str(request["id"]))["state"] != "in_force"
        and time.monotonic() < last
    ):
        service.reconciler.run(patient=False)
    assert adding.is_alive()
    assert service.requests.show(str(request["id"]))["state"] == "in_force"
    slow.going.set()
    adding.join(60)


def test_a_model_whose_step_takes_long_does_not_hold_up_another(
    service: Service, hostile: Hostile, given: Any
) -> None:
    service.add_model("a", "colours-2", given, "ann")
    going = threading.Event()
    hostile.vote = lambda request: (
        going.wait(60) and None if request["model"] == "a" else None
    )
    service.core.plugins.asker.seconds = 60
    held = service.requests.forget("a", ForgetOptions(concepts=("red",)), "ann")
    free = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    last = time.monotonic() + 30
    while (
        service.requests.show(str(free["id"]))["state"] != "in_force"
        and time.monotonic() < last
    ):
        service.reconciler.run(patient=False)
    assert service.requests.show(str(free["id"]))["state"] == "in_force"
    assert service.requests.show(str(held["id"]))["state"] == "filed"
    going.set()
    last = time.monotonic() + 30
    while (
        service.requests.show(str(held["id"]))["state"] == "filed"
        and time.monotonic() < last
    ):
        service.reconciler.run(patient=False)
    service.reconciler.run()
    assert service.requests.show(str(held["id"]))["state"] == "in_force"


@pytest.mark.parametrize(
    "error", [SystemExit(0), KeyboardInterrupt(), ValueError("no")]
)
def test_routes_that_cannot_be_added_are_told_and_the_others_are_there(
    service: Service, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    class Bad:
        @hookimpl
        def govd_routes(self, router: Any, service: Any) -> None:
            raise error

    class Good:
        @hookimpl
        def govd_routes(self, router: Any, service: Any) -> None:
            router.get("/hello")(lambda: {"hello": 1})

    service.core.plugins.manager.register(Bad(), "bad")
    service.core.plugins.manager.register(Good(), "good")
    with caplog.at_level(logging.ERROR, "govd"):
        application = create_app(Context(service, service.reconciler.run))
    assert "plugin bad: its routes are not offered" in caplog.text
    token = {"Authorization": f"Bearer {service.core.home.token()}"}
    with TestClient(application, "http://localhost", headers=token) as client:
        assert client.get("/v1/x/hello").json() == {"hello": 1}
        assert client.get("/v1/models").status_code == 200


def test_commands_that_cannot_be_added_are_told_and_the_others_are_there(
    tmp_path: Path,
) -> None:
    bad = "@hookimpl\ndef govd_commands(app):\n    raise SystemExit('I quit')\n"
    good = (
        "@hookimpl\ndef govd_commands(app):\n    @app.command()\n    def hello():\n       "
        " print('hello there')\n"
    )
    for name, code in (("bad", bad), ("good", good)):
        (tmp_path / f"{name}_one.py").write_text(
            f"from govd.hookspecs import hookimpl\n{code}"
        )
        info = tmp_path / f"{name}_one-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}-one\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[govd]\n{name} = {name}_one\n")
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "GOVD_HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "-m", "govd", "hello"]
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "hello there\n")
    assert (
        done.stderr
        == "govd: plugin bad: its commands are not there, or not all of them (SystemExit: I quit)\n"
    )
    for folder, words in (
        (tmp_path / "home", []),
        (tmp_path / "other", ["--home", str(tmp_path / "other")]),
    ):
        folder.mkdir()
        (folder / "govd.toml").write_text('disabled_plugins = ["good", "bad"]\n')
        done = subprocess.run(
            [*command, *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 2, "its commands are those of no plugin in use"
        assert "No such command 'hello'" in done.stderr
        assert "bad" not in done.stderr
    (tmp_path / "home" / "govd.toml").write_text("disabled_plugins = 1\n")
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "not known which plugins are disabled" in done.stderr
    assert "It must be a list" in done.stderr


def test_looking_at_examples_holds_up_no_other_filing(
    service: Service, monkeypatch: pytest.MonkeyPatch, pictures: Path
) -> None:
    begun, going = threading.Event(), threading.Event()
    look = options.decoded

    def slowly(data: bytes, name: str) -> Any:
        begun.set()
        going.wait(60)
        return look(data, name)

    monkeypatch.setattr(options, "decoded", slowly)
    picture = next(pictures.rglob("*.png")).read_bytes()
    asked = ForgetOptions(concepts=("red",), examples=(picture,))
    filing = threading.Thread(target=service.requests.forget, args=("m", asked, "ann"))
    filing.start()
    assert begun.wait(30)
    assert (
        service.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")["state"]
        == "filed"
    )
    assert filing.is_alive()
    going.set()
    filing.join(60)
    assert [r["concepts"][0]["name"] for r in service.requests.all()] == ["blue", "red"]
