"""The process is killed at each named step, really; the next start ends where it would have ended,
once.
"""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from govd.asking import plugins
from govd.service.service import Service, open_service
from tests import conftest
from tests.processes import Forks

TESTS = Path(__file__).parents[1]

WORKER = """
import os, signal, sys
sys.path[:0] = [sys.argv[4], sys.argv[4] + "/plugins/example"]
from importlib.metadata import EntryPoint
from govd.asking import plugins
from govd.hookspecs import hookimpl
from govd.requests import ForgetOptions
from govd.service.service import open_service

POINTS = [EntryPoint(f"example-{n}", f"govd_example.{n}", "govd") for n in ("backend", "method", "policy")]
POINTS += [EntryPoint("bounds", "govd_bounds", "govd"), EntryPoint("methods", "govd.methods", "govd")]
plugins.found_entry_points = lambda: POINTS
home, step, revert = sys.argv[1:4]
import govd_example.backend as backend
from govd.reconcile import measuring

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Before:
    "Dies within a step, before its entry."
    @hookimpl(tryfirst=True)
    def govd_compute_contribution(self):
        if step == "contribute": die()
    @hookimpl(tryfirst=True)
    def govd_vote(self):
        if step == "vote": die()
    @hookimpl(tryfirst=True)
    def govd_compose_edit(self):
        if step == "compose": die()
    @hookimpl(tryfirst=True)
    def govd_evaluate(self):
        if step == "evaluate": die()
    @hookimpl(tryfirst=True)
    def govd_gate(self):
        if step == "gate": die()
    @hookimpl(tryfirst=True)
    def govd_on_entry(self, entry):
        "Dies right after an entry is durable."
        if step == entry["kind"]: die()

def dying(where, function):
    return lambda *given, **named: die() if step == where else function(*given, **named)

def half(self, edit, part):
    (part / "half").write_text("x")
    die()

if step == "deliver": backend.Colours.write_checkpoint = half
measuring.attacks.leaks = dying("measure", measuring.attacks.leaks)
with open_service(__import__("pathlib").Path(home)) as service:
    service.core.plugins.manager.register(Before(), "before")
    if revert:
        service.requests.revert(revert, "taken back", "ann")
    else:
        service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    service.reconciler.measure()
"""

STEPS = (
    "request.file",
    "contribute",
    "vote",
    "request.approve",
    "compose",
    "revision.compose",
    "evaluate",
    "revision.evaluate",
)
STEPS += (
    "gate",
    "revision.publish",
    "deliver",
    "revision.deliver",
    "measure",
    "revision.measure",
)


IMPORTED = ("govd.service.service", "govd.requests", "govd.methods", "govd_bounds")
Work = Callable[..., int]


@pytest.fixture(scope="module")
def work() -> Iterator[Work]:
    """Forgets, or reverts, in a process of its own that dies at a step; how that ended."""
    with Forks(*IMPORTED) as forks:

        def run(home: Path, step: str, revert: str = "") -> int:
            ended = forks.run(WORKER, str(home), step, revert, str(TESTS))
            assert ended.status in (0, -signal.SIGKILL), ended.said
            return ended.status

        yield run


@pytest.fixture(scope="session")
def registered_once(
    tmp_path_factory: pytest.TempPathFactory, pictures: Path, pool: Path
) -> tuple[Path, Path]:
    """A folder with a home whose model is published beside it, and a copy of that folder as it is
    right after the registration, which takes longer than most of these tests.
    """
    folder = tmp_path_factory.mktemp("crash") / "now"
    options = replace(
        conftest.everything(pictures, pool), publish_to=str(folder / "served")
    )
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plugins, "found_entry_points", lambda: conftest.POINTS)
        with open_service(folder / "home") as service:
            service.add_model("m", "colours", options, "ann")
    registered = folder.with_name("registered")
    return folder, Path(shutil.copytree(folder, registered, symlinks=True))


@pytest.fixture
def home(registered_once: tuple[Path, Path], example_plugins: None) -> Path:
    """Nothing has happened there since the model was registered."""
    folder, registered = registered_once
    shutil.rmtree(folder)
    shutil.copytree(registered, folder, symlinks=True)
    return folder / "home"


def ends(service: Service) -> list[str]:
    return [
        e["kind"]
        for e in service.core.desk.ledger.entries()
        if e["kind"] in ("revision.publish", "request.publish", "request.revert")
    ]


@pytest.mark.parametrize("step", STEPS)
def test_a_forget_survives_being_killed(work: Work, home: Path, step: str) -> None:
    assert work(home, step) == -signal.SIGKILL
    with open_service(home) as service:
        service.reconciler.run()
        (request,) = service.requests.all()
        assert request["state"] == "in_force"
        service.reconciler.measure()
        assert ends(service) == ["revision.publish", "request.publish"]
        assert not service.reconciler.run()
        assert not service.reconciler.measure()
        served = home.parent / "served"
        assert sorted(p.name for p in served.iterdir()) == ["1", "current"]
        assert (
            json.loads((served / "current" / "revision.json").read_text())["number"]
            == 1
        )
        assert service.revision("m", 1)["measured"]
        verdict = service.verification.verify()
        assert verdict["holds"], verdict["faults"]


@pytest.mark.parametrize(
    "step", ["request.file", "vote", "compose", "revision.evaluate", "revision.publish"]
)
def test_a_revert_survives_being_killed(work: Work, home: Path, step: str) -> None:
    assert work(home, "") == 0
    with open_service(home) as service:
        (forget,) = service.requests.all()
    assert work(home, step, forget["id"]) == -signal.SIGKILL
    with open_service(home) as service:
        service.reconciler.run()
        assert [r["state"] for r in service.requests.all()] == ["reverted", "done"]
        published = service.core.desk.views.published("m")
        assert published is not None
        assert published["rank"] == 0
        assert json.loads(json.dumps(ends(service))).count("request.revert") == 1
