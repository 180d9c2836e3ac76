"""Plugins that raise, hang, answer nonsense or change what they are given: named, recorded,
bounded; everything else goes on.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.asking.asker import HANGING
from govd.requests import ForgetOptions
from govd.service.doctor import examine
from govd.service.service import Service
from govd.types import Contribution, Gate, Vote, changeable
from tests.plugins.hostile import Hostile


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
    "another decision": (
        lambda _: Vote("perhaps", "hostile", ""),
        "none of allow, deny, wait",
    ),  # type: ignore[arg-type]
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
    "an object": (
        lambda _: Vote("allow", "hostile", "", {"x": object()}),
        "JSON cannot say",
    ),
    "a huge integer": (
        lambda _: Vote("allow", "hostile", "", {"x": 10**400}),
        "an integer beyond",
    ),
    "huge": (
        lambda _: Vote("allow", "hostile", "", {"x": "y" * 10**6}),
        "values and characters",
    ),
    "deep": (lambda _: Vote("allow", "hostile", "", {"x": DEEP}), "levels"),
    "renames a concept": (renames, "does not support item assignment"),
    "approves itself": (approves_itself, "does not support item assignment"),
}


def forget(service: Service, name: str, **options: Any) -> Mapping[str, Any]:
    request = service.requests.forget(
        "m", ForgetOptions(concepts=(name,), **options), "ann"
    )
    service.reconciler.run()
    return service.requests.show(str(request["id"]))


@pytest.mark.parametrize("kind", sorted(VOTES))
def test_a_vote_of_that_kind_counts_as_wait_and_names_its_plugin(
    service: Service, hostile: Hostile, kind: str
) -> None:
    hostile.vote, reason = VOTES[kind]
    request = forget(service, "red")
    assert request["state"] == "waiting"
    assert request["state_reason"].startswith(
        "hostile: it failed: plugin hostile, govd_vote: "
    )
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
        "deny",
        "bounds",
        "never",
        {"concepts": request["concepts"], "share": np.float64(0.5)},
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
    "gate",
    [
        raising(SystemExit(1)),
        lambda _: Gate("yes", "g", ""),
        lambda r: r["metrics"].clear(),
    ],
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
        service.reconciler.run()
    assert hostile.asked <= asked + 1
    hostile.gate = lambda _: None
    service.reconciler.pauses.note("gate", f"m/{pending['number']}", False)
    service.reconciler.run()
    assert service.requests.show(str(request["id"]))["state"] == "in_force"


def test_what_hangs_is_asked_no_more_and_its_threads_are_few(
    service: Service, hostile: Hostile
) -> None:
    # of this test alone: threads of another one may still sleep
    inside, most = (
        set[int](),
        0,
    )

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
            lambda spec: Contribution(
                spec, {"targets": np.full((3, 1), np.nan)}, {}, "0" * 64
            ),
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
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    with pytest.raises(PluginFault, match="plugin hostile, govd_evaluate"):
        service.reconciler.run()
    hostile.asked = 0
    for _ in range(5):
        service.reconciler.run()
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
    hostile.contribute = lambda spec: (_ for _ in ()).throw(
        ValueError(spec.scope.concepts[0].name)
    )
    service.requests.forget("m", ForgetOptions(concepts=("red",), private=True), "ann")
    service.reconciler.run()
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
    assert json.loads(json.dumps(copies[0]))["concepts"] == [
        {"name": "blue", "aliases": []}
    ]


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
        type(inner.inner),
        "encode_texts",
        lambda self, texts, progress=None: answer(texts),
    )
    request = forget(service, "red", aliases=("scarlet",))
    assert request["state"] == "waiting"
    assert "plugin example-backend, encode_texts" in request["state_reason"]
    assert reason in request["state_reason"]
    monkeypatch.undo()
    assert forget(service, "blue")["state"] == "in_force"
