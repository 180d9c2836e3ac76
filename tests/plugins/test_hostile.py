"""Plugins that raise, hang, answer nonsense or change what they are given: named, recorded,
bounded; everything else goes on.
"""

import json
import logging
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from govd.asking.asker import HANGING
from govd.errors import Unsupported
from govd.hookspecs import hookimpl
from govd.requests import ForgetOptions, options
from govd.service.doctor import examine
from govd.service.service import Service
from govd.types import Contribution, Gate, Record, Vote, changeable
from govd.web.app import create_app
from govd.web.context import Context

QUICK = 0.3
"""Seconds that these plugins are waited for."""


class Claims(str):
    """A text that says of itself what it is not."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def raising(error: BaseException) -> Callable[[Any], Any]:
    def do(_: Any) -> Any:
        raise error

    return do


def hangs(_: Any) -> Any:
    time.sleep(3)


def renames(request: Any) -> Any:
    request["concepts"][0]["name"] = "blue"


def approves_itself(request: Any) -> Any:
    request["state"] = "approved"


DEEP: list[Any] = []
for _ in range(5000):
    DEEP = [DEEP]

VOTES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "SystemExit": (raising(SystemExit(0)), "SystemExit"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
    "GeneratorExit": (raising(GeneratorExit()), "GeneratorExit"),
    "an error without words": (raising(Unspeakable()), "Unspeakable"),
    "recursion": (lambda _: (lambda f: f(f))(lambda f: f(f)), "RecursionError"),
    "hangs": (hangs, "did not answer within"),
    "a bool": (lambda _: True, "bool in the place of a Vote"),
    "a text": (lambda _: "allow", "str in the place of a Vote"),
    "another decision": (lambda _: Vote("perhaps", "hostile", ""), "none of allow, deny, wait"),  # type: ignore[arg-type]
    "a text that claims to be all": (
        lambda _: Vote(Claims("yes"), "hostile", ""),
        "none of allow, deny, wait",
    ),  # type: ignore[arg-type]
    "a reason that is none": (
        lambda _: Vote("allow", "hostile", None),
        "a reason that is a NoneType",
    ),  # type: ignore[arg-type]
    "not a number": (
        lambda _: Vote("allow", "hostile", "", {"x": math.nan}),
        "a number that is nan",
    ),
    "an object": (lambda _: Vote("allow", "hostile", "", {"x": object()}), "JSON cannot say"),
    "a huge integer": (lambda _: Vote("allow", "hostile", "", {"x": 10**400}), "an integer beyond"),
    "huge": (lambda _: Vote("allow", "hostile", "", {"x": "y" * 10**6}), "values and characters"),
    "deep": (lambda _: Vote("allow", "hostile", "", {"x": DEEP}), "levels"),
    "renames a concept": (renames, "does not support item assignment"),
    "approves itself": (approves_itself, "does not support item assignment"),
}


class Hostile:
    """Does in each hook what it is told to."""

    def __init__(self) -> None:
        self.vote: Callable[[Any], Any] = lambda _: None
        self.gate: Callable[[Any], Any] = lambda _: None
        self.entry: Callable[[Any], Any] = lambda _: None
        self.contribute: Callable[[Any], Any] = lambda _: None
        self.evaluate: Callable[[Any], Any] = lambda _: None
        self.asked = 0

    @hookimpl
    def govd_vote(self, request: Record) -> Any:
        self.asked += 1
        return self.vote(request)

    @hookimpl
    def govd_gate(self, revision: Record) -> Any:
        self.asked += 1
        return self.gate(revision)

    @hookimpl
    def govd_on_entry(self, entry: Record) -> Any:
        return self.entry(entry)

    @hookimpl
    def govd_compute_contribution(self, spec: Any) -> Any:
        return self.contribute(spec)

    @hookimpl
    def govd_evaluate(self, contributions: Any) -> Any:
        self.asked += 1
        return self.evaluate(contributions)


@pytest.fixture
def hostile(service: Service) -> Iterator[Hostile]:
    plugin = Hostile()
    service.core.plugins.asker.seconds = service.core.plugins.asker.work_seconds = QUICK * 4
    service.core.plugins.manager.register(plugin, "hostile")
    service.core.plugins.asker.seconds = QUICK
    yield plugin
    service.core.plugins.manager.unregister(plugin)


def forget(service: Service, name: str, **options: Any) -> Mapping[str, Any]:
    request = service.forget("m", ForgetOptions(concepts=(name,), **options), "ann")
    service.reconcile()
    return service.requests.show(str(request["id"]))


@pytest.mark.parametrize("kind", sorted(VOTES))
def test_a_vote_of_that_kind_counts_as_wait_and_names_its_plugin(
    service: Service, hostile: Hostile, kind: str
) -> None:
    hostile.vote, reason = VOTES[kind]
    request = forget(service, "red")
    assert request["state"] == "waiting"
    assert request["state_reason"].startswith("hostile: it failed: plugin hostile, govd_vote: ")
    assert reason in request["state_reason"]
    assert request["concepts"] == [{"name": "red", "aliases": []}]
    (vote,) = [v for v in request["votes"] if v["policy"] == "hostile"]
    assert vote["decision"] == "wait"
    hostile.vote = lambda _: None
    assert forget(service, "blue")["state"] == "in_force"


def test_a_vote_is_recorded_under_its_plugins_name_not_what_it_calls_itself(
    service: Service, hostile: Hostile
) -> None:
    hostile.vote = lambda request: Vote(
        "deny", "bounds", "never", {"concepts": request["concepts"], "share": np.float64(0.5)}
    )
    request = forget(service, "red")
    assert request["state"] == "denied"
    assert request["state_reason"] == "hostile: never"
    (vote,) = [v for v in request["votes"] if v["policy"] == "hostile"]
    assert vote["inputs"] == {
        "rule": "bounds",
        "concepts": [{"name": "red", "aliases": []}],
        "share": 0.5,
    }
    (own,) = [v for v in request["votes"] if v["policy"] == "bounds"]
    assert own["decision"] == "allow"


@pytest.mark.parametrize(
    "gate", [raising(SystemExit(1)), lambda _: Gate("yes", "g", ""), lambda r: r["metrics"].clear()]
)  # type: ignore[arg-type]
def test_a_gate_of_that_kind_holds_the_revision_back_and_is_not_asked_at_every_look(
    service: Service, hostile: Hostile, gate: Callable[[Any], Any]
) -> None:
    hostile.gate = gate
    request = forget(service, "red")
    assert request["state"] == "approved"
    (pending,) = [m["pending"] for m in service.status()["models"]]
    assert pending["state"] == "waiting"
    assert "hostile: it failed: plugin hostile, govd_gate" in pending["reason"]
    asked = hostile.asked
    for _ in range(20):
        service.reconcile()
    assert hostile.asked <= asked + 1
    hostile.gate = lambda _: None
    service.reconciler.pauses.note("gate", f"m/{pending['number']}", False)
    service.reconcile()
    assert service.requests.show(str(request["id"]))["state"] == "in_force"


def test_what_hangs_is_asked_no_more_and_its_threads_are_few(
    service: Service, hostile: Hostile
) -> None:
    inside, most = set[int](), 0  # of this test alone: threads of another one may still sleep

    def stays(request: Any) -> Any:
        nonlocal most
        inside.add(threading.get_ident())
        most = max(most, len(inside))
        hangs(request)
        inside.remove(threading.get_ident())

    hostile.vote = stays
    began = time.monotonic()
    names = ("red", "green", "blue", "yellow", "purple", "orange")
    states = [forget(service, name) for name in names]
    assert {request["state"] for request in states} == {"waiting"}
    assert "have not come back" in states[-1]["state_reason"]
    assert most == HANGING
    assert time.monotonic() - began < 3 * len(names)
    assert service.core.plugins.asker.hanging() == {"hostile": HANGING}


def test_a_notice_that_hangs_delays_nothing(service: Service, hostile: Hostile) -> None:
    heard: list[int] = []
    lasting = threading.Event()

    def listen(entry: Any) -> None:
        heard.append(entry["seq"])
        lasting.wait(5)

    hostile.entry = listen
    service.core.plugins.asker.seconds = 30
    request = forget(service, "red")
    assert request["state"] == "in_force"
    assert heard == [request["seq"]]
    lasting.set()
    service.core.plugins.notices.close()
    assert heard == list(range(int(request["seq"]), service.core.desk.ledger.size()))


def test_what_a_notice_raises_or_changes_changes_nothing(
    service: Service, hostile: Hostile
) -> None:
    hostile.entry = lambda entry: entry["payload"].update(state="changed")
    assert forget(service, "red")["state"] == "in_force"
    hostile.entry = raising(SystemExit(3))
    assert forget(service, "blue")["state"] == "in_force"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda spec: object(), "object in the place of a Contribution"),
        (
            lambda spec: Contribution(spec, {"targets": np.full((3, 1), np.nan)}, {}, "0" * 64),
            "not finite",
        ),
        (
            lambda spec: Contribution(spec, {}, {"facts": math.inf}, "0" * 64),
            "a number that is inf",
        ),
        (raising(SystemExit(1)), "SystemExit"),
        (hangs, "did not answer within"),
    ],
)
def test_a_contribution_of_that_kind_lets_its_request_wait(
    service: Service, hostile: Hostile, answer: Callable[[Any], Any], reason: str
) -> None:
    hostile.contribute = answer
    request = forget(service, "red")
    assert request["state"] == "waiting"
    assert "plugin hostile, govd_compute_contribution" in request["state_reason"]
    assert reason in request["state_reason"]


@pytest.mark.parametrize(
    "answer", [lambda _: {"accuracy": math.nan}, lambda _: 7, raising(GeneratorExit())]
)
def test_an_evaluation_of_that_kind_publishes_nothing_and_is_tried_again_after_a_pause(
    service: Service, hostile: Hostile, answer: Callable[[Any], Any]
) -> None:
    from govd.errors import PluginFault

    hostile.evaluate = answer
    service.forget("m", ForgetOptions(concepts=("red",)), "ann")
    with pytest.raises(PluginFault, match="plugin hostile, govd_evaluate"):
        service.reconcile()
    hostile.asked = 0
    for _ in range(5):
        service.reconcile()
    assert hostile.asked <= 1
    assert service.core.desk.views.published("m") is None


def test_doctor_tells_which_plugin_failed_in_what_until_it_answers(
    service: Service, hostile: Hostile
) -> None:
    hostile.vote = raising(SystemExit("gone"))
    forget(service, "red")
    home = service.core.home.folder
    (told,) = [fault for fault in examine(home)["faults"] if "hostile" in fault]
    assert "failed once in govd_vote" in told
    assert "SystemExit: gone" in told
    hostile.vote = lambda _: None
    forget(service, "blue")
    assert not [fault for fault in examine(home)["faults"] if "hostile" in fault]


def test_what_a_plugin_says_of_private_requests_is_kept_nowhere(
    service: Service, hostile: Hostile
) -> None:
    hostile.contribute = lambda spec: (_ for _ in ()).throw(ValueError(spec.scope.concepts[0].name))
    service.forget("m", ForgetOptions(concepts=("red",), private=True), "ann")
    service.reconcile()
    kept = (service.core.home.folder / "plugin-failures.json").read_text()
    assert "govd_compute_contribution" in kept
    assert "red" not in json.dumps([row["what"] for row in json.loads(kept)]).split()
    assert "ValueError: red" not in kept


def test_a_record_can_be_copied_and_then_changed(
    service: Service, hostile: Hostile, tmp_path: Path
) -> None:
    copies: list[Any] = []
    hostile.vote = lambda request: copies.append(changeable(request))
    forget(service, "red")
    copies[0]["concepts"][0]["name"] = "blue"
    assert json.loads(json.dumps(copies[0]))["concepts"] == [{"name": "blue", "aliases": []}]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda texts: np.full((len(texts), 36), np.nan, np.float32), "not finite"),
        (lambda texts: np.zeros((1, 2), np.float32), "were asked for"),
        (lambda texts: None, "were asked for"),
        (raising(SystemExit(1)), "SystemExit"),
    ],
)
def test_a_model_that_encodes_nonsense_is_named_and_nothing_is_filed_in_its_name(
    service: Service,
    hostile: Hostile,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[Any], Any],
    reason: str,
) -> None:
    inner: Any = service.core.models.opened("m").model
    monkeypatch.setattr(
        type(inner.inner), "encode_texts", lambda self, texts, progress=None: answer(texts)
    )
    request = forget(service, "red", aliases=("scarlet",))
    assert request["state"] == "waiting"
    assert "plugin example-backend, encode_texts" in request["state_reason"]
    assert reason in request["state_reason"]
    monkeypatch.undo()
    assert forget(service, "blue")["state"] == "in_force"


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
    request = service.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconcile(patient=False)
    last = time.monotonic() + 30
    while (
        service.requests.show(str(request["id"]))["state"] != "in_force" and time.monotonic() < last
    ):
        service.reconcile(patient=False)
    assert adding.is_alive()
    assert service.requests.show(str(request["id"]))["state"] == "in_force"
    slow.going.set()
    adding.join(60)


def test_a_model_whose_step_takes_long_does_not_hold_up_another(
    service: Service, hostile: Hostile, given: Any
) -> None:
    service.add_model("a", "colours-2", given, "ann")
    going = threading.Event()
    hostile.vote = lambda request: going.wait(60) and None if request["model"] == "a" else None
    service.core.plugins.asker.seconds = 60
    held = service.forget("a", ForgetOptions(concepts=("red",)), "ann")
    free = service.forget("m", ForgetOptions(concepts=("red",)), "ann")
    last = time.monotonic() + 30
    while service.requests.show(str(free["id"]))["state"] != "in_force" and time.monotonic() < last:
        service.reconcile(patient=False)
    assert service.requests.show(str(free["id"]))["state"] == "in_force"
    assert service.requests.show(str(held["id"]))["state"] == "filed"
    going.set()
    last = time.monotonic() + 30
    while service.requests.show(str(held["id"]))["state"] == "filed" and time.monotonic() < last:
        service.reconcile(patient=False)
    service.reconcile()
    assert service.requests.show(str(held["id"]))["state"] == "in_force"


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), ValueError("no")])
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
        application = create_app(Context(service, service.reconcile))
    assert "plugin bad: its routes are not offered" in caplog.text
    token = {"Authorization": f"Bearer {service.core.home.token()}"}
    with TestClient(application, "http://localhost", headers=token) as client:
        assert client.get("/v1/x/hello").json() == {"hello": 1}
        assert client.get("/v1/models").status_code == 200


def test_commands_that_cannot_be_added_are_told_and_the_others_are_there(tmp_path: Path) -> None:
    bad = "@hookimpl\ndef govd_commands(app):\n    raise SystemExit('I quit')\n"
    good = (
        "@hookimpl\ndef govd_commands(app):\n    @app.command()\n    def hello():\n       "
        " print('hello there')\n"
    )
    for name, code in (("bad", bad), ("good", good)):
        (tmp_path / f"{name}_one.py").write_text(f"from govd.hookspecs import hookimpl\n{code}")
        info = tmp_path / f"{name}_one-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-one\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[govd]\n{name} = {name}_one\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "GOVD_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "govd", "hello"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
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
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
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
    filing = threading.Thread(target=service.forget, args=("m", asked, "ann"))
    filing.start()
    assert begun.wait(30)
    assert service.forget("m", ForgetOptions(concepts=("blue",)), "ann")["state"] == "filed"
    assert filing.is_alive()
    going.set()
    filing.join(60)
    assert [r["concepts"][0]["name"] for r in service.requests.all()] == ["blue", "red"]
