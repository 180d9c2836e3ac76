"""Without a daemon the next command goes on with what was cut off; questions to the ledger change
nothing.
"""

import json
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from govd.asking import plugins
from govd.cli import app
from govd.cli.local import Local
from govd.errors import Conflict, NotFound
from govd.hookspecs import hookimpl
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import open_service
from govd.service.unfinished import unfinished
from govd.stores.plans import PatchOptions
from govd.types import Decision, Gate
from tests import conftest
from tests.e2e.test_crash import STEPS, Work, home, registered_once, work
from tests.stores.conftest import NPY

__all__ = ["home", "registered_once", "work"]


def filed(home: Path, concept: str = "red") -> str:
    """A forget that nobody has looked at: the process ended right after its entry."""
    with open_service(home) as service:
        return str(
            service.requests.forget("m", ForgetOptions(concepts=(concept,)), "owner")[
                "id"
            ]
        )


def kinds(home: Path) -> list[str]:
    with open_service(home) as service:
        return [e["kind"] for e in service.core.desk.ledger.entries()]


def is_done(home: Path, request: str = "") -> None:
    with open_service(home) as service:
        assert unfinished(service.core) == []
        assert not service.reconciler.run()
        assert not service.reconciler.measure()
        if request:
            assert service.requests.show(request)["state"] == "in_force"


@pytest.mark.parametrize("step", STEPS)
def test_the_next_command_goes_on_wherever_it_was_cut_off(
    work: Work, home: Path, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert work(home, step) == -signal.SIGKILL
    with Local(home) as api:
        (request,) = api.requests()
        assert api.status()["models"][0]["in_force"] == 1
    assert request["state"] == "in_force"
    assert ("going on with what was cut off" in capsys.readouterr().err) == (
        step != "revision.measure"
    )
    is_done(home, request["id"])


@pytest.mark.parametrize(
    "step", ["request.file", "revision.compose", "revision.publish", "deliver"]
)
def test_a_revert_goes_on_as_well(work: Work, home: Path, step: str) -> None:
    with Local(home) as api:
        forget = api.forget("red", model="m", wait=True)
    assert work(home, step, forget["id"]) == -signal.SIGKILL
    with Local(home) as api:
        assert [r["state"] for r in api.requests()] == ["reverted", "done"]
    is_done(home)


ON_A_STORE: dict[str, Callable[[Local], object]] = {
    "patch": lambda api: api.patch_store("shop"),
    "verify": lambda api: api.verify_store("shop"),
    "purge": lambda api: api.purge_store("shop", "the lease ended"),
    "remove": lambda api: api.remove_store("shop"),
}


@pytest.fixture
def cut_off(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store `shop` whose patch was begun, and not done."""
    monkeypatch.setattr(plugins, "found_entry_points", lambda: [*conftest.POINTS, NPY])
    path = tmp_path / "v.npy"
    with Local(home) as api:
        np.save(path, np.eye(api.model("m")["dim"], dtype=np.float32))
        api.add_store("shop", str(path), "m", "base")
        api.forget("red", model="m", wait=True)
    with open_service(home) as service:
        service.stores.patch("shop", PatchOptions(), "ann")


@pytest.mark.parametrize("act", ON_A_STORE)
def test_what_is_asked_of_a_store_goes_on_with_its_patch_first(
    home: Path, cut_off: None, act: str
) -> None:
    with Local(home) as api:
        with pytest.raises(Conflict, match="is being patched"):
            api.patch_store("shop", dry_run=True)
        ON_A_STORE[act](api)
    after = kinds(home)
    assert after.count("store.switch") == 1 + (act == "patch")
    assert after.index("store.switch") < len(after) - 1


def test_the_same_command_goes_on_with_a_patch(home: Path, cut_off: None) -> None:
    done = CliRunner().invoke(app, ["store", "patch", "shop", "--home", str(home)])
    assert done.exit_code == 0, done.stderr
    assert "going on with what was cut off: the patch of shop" in done.stderr
    assert "vectors of revision 1" in done.stdout


QUESTIONS: list[Callable[[Local], object]] = [
    lambda api: api.audit_log(),
    lambda api: api.audit_verify(),
    lambda api: api.audit_as_of("2099-01-01"),
    lambda api: list(api.events()),
]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_questions_to_the_ledger_publish_nothing(
    home: Path, ask: Callable[[Local], object]
) -> None:
    request = filed(home)
    before = kinds(home)
    with Local(home) as api:
        ask(api)
    assert kinds(home) == before
    with Local(home) as api:
        api.model("m")
    is_done(home, request)


@pytest.mark.parametrize(
    ("act", "goes_on"),
    [
        (lambda api: api.create_token("reader", "ann"), False),
        (lambda api: api.freeze("a fair"), False),
        (lambda api: api.evaluate("m"), True),
        (lambda api: api.remove_store("shop"), True),
        (lambda api: api.add_feed("hook", "webhook:", model="m"), True),
        (lambda api: api.reconcile(), True),
    ],
    ids=["token", "freeze", "evaluate", "store", "feed", "reconcile"],
)
def test_an_action_says_whether_what_was_cut_off_goes_on(
    home: Path, act: Callable[[Local], object], goes_on: bool
) -> None:
    """`reconciles` of its declaration; where it goes on first, also if it is refused then."""
    filed(home)
    with Local(home) as api, suppress(NotFound):
        act(api)
    assert ("request.publish" in kinds(home)) == goes_on


def test_what_was_cut_off_can_still_be_decided_otherwise(home: Path) -> None:
    request, other = filed(home), filed(home, "blue")
    with Local(home) as api:
        assert api.withdraw(request)["state"] == "withdrawn"
        assert api.request(other)["state"] == "in_force"
    assert "request.publish" in kinds(home)


def test_what_cannot_go_on_is_told_and_the_question_answered(
    home: Path, capsys: pytest.CaptureFixture[str], given: Given
) -> None:
    request = filed(home)
    (basis,) = {open_basis(home)}
    kept = basis.read_bytes()
    basis.unlink()
    with Local(home) as api:
        assert api.request(request)["state"] == "filed"
    told = capsys.readouterr().err
    assert "it could not go on: " in told
    assert told.count("going on") == 1
    basis.write_bytes(kept)
    with Local(home) as api:
        assert api.request(request)["state"] == "in_force"


def open_basis(home: Path) -> Path:
    with open_service(home) as service:
        return service.core.artifacts.path(str(service.core.desk.model("m")["basis"]))


def test_reconcile_does_it_by_name(home: Path) -> None:
    request = filed(home)

    def reconcile(*words: str) -> str:
        environment = {"GOVD_HOME": str(home), "COLUMNS": "200", "GOVD_URL": ""}
        done = CliRunner().invoke(app, ["reconcile", *words], env=environment)
        assert done.exit_code == 0, done.output
        return done.stdout

    said = json.loads(reconcile("--json"))
    assert said == {
        "daemon": False,
        "done": [f"the forget {request} is filed"],
        "left": [],
    }
    assert reconcile() == "Nothing is left to do.\n"
    is_done(home, request)


class Gatekeeper:
    """A gate that decides the same of every revision."""

    def __init__(self, decision: Decision) -> None:
        self.decision: Decision = decision

    @hookimpl
    def govd_gate(self) -> Gate:
        return Gate(self.decision, "keeper", "not this one")


@pytest.mark.parametrize(
    ("decision", "state"), [("wait", "waiting"), ("deny", "refused")]
)
def test_what_waits_for_a_gate_or_was_refused_is_not_cut_off(
    home: Path, decision: Decision, state: str
) -> None:
    with Local(home) as api:
        api.service.core.plugins.manager.register(Gatekeeper(decision), "keeper")
        request = api.forget("red", model="m", wait=True)
        assert request["state"] == "approved"
        assert unfinished(api.service.core) == []
        last = api.service.core.desk.views.last("m")
    assert last is not None
    assert last["state"] == state
