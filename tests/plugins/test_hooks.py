"""Every hook is documented with its signature, is used by a test, and a plugin that ships or lies
beside these tests implements it; and those that the example implements do what they say.
"""

import ast
import inspect
import re
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from govd_example import watcher
from typer import Typer
from typer.testing import CliRunner

from govd import hookspecs
from govd.asking import plugins
from govd.asking.batches import batch_runner
from govd.asking.foreign import CHECKS, proposals_of
from govd.asking.foreign_votes import policies_of, vote_of
from govd.asking.plain import Nonsense
from govd.automatic.feed_settings import FeedSettings
from govd.cli.show_requests import show_request
from govd.errors import BadFile, Unsupported
from govd.records.people import People
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import (
    DOCUMENT_BYTES,
    Document,
    Needs,
    Proposals,
    ReadyPolicy,
    Record,
    Store,
    Vote,
)
from govd.web.app import create_app
from govd.web.context import Context
from tests.conftest import POINTS

TOP = Path(__file__).parents[2]
HOOKS = {
    name: hook for name, hook in vars(hookspecs).items() if name.startswith("govd_")
}
SHIPPED = ("backends", "plugins", "govd/methods", "tests/plugins/example")
MORE = [
    EntryPoint(f"example-{name}", f"govd_example.{name}", "govd")
    for name in ("store", "watcher")
]


@pytest.fixture
def example_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of the example."""
    monkeypatch.setattr(plugins, "found_entry_points", lambda: [*POINTS, *MORE])


def implemented(folder: str) -> set[str]:
    """Names of the hooks that modules under a folder implement."""
    return {
        node.name
        for path in (TOP / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(
            isinstance(d, ast.Name) and d.id == "hookimpl" for d in node.decorator_list
        )
    }


# -- of every hook


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_a_hook_is_documented_with_its_signature(name: str) -> None:
    text = inspect.getdoc(HOOKS[name]) or ""
    first = bool(HOOKS[name].govd_spec["firstresult"])
    assert f"(*{'first' if first else 'all'}*" in text, "whose answers count"
    page = (TOP / "plugins" / "README.md").read_text(encoding="utf-8")
    arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
    assert f"| `{name}({arguments})` | {'first' if first else 'all'} |" in page


def test_a_plugin_that_ships_or_lies_here_implements_each_hook() -> None:
    used = set().union(*(implemented(folder) for folder in SHIPPED))
    assert set(HOOKS) <= used, set(HOOKS) - used


def test_each_hook_is_used_by_a_test() -> None:
    """One that plays a plugin or asks one, beside the example itself."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in (TOP / "tests").rglob("test_*.py")
        if "benchmarks" not in path.parts
    ]
    used = set(re.findall(r"\bgovd_[a-z_]+", "\n".join(texts)))
    assert set(HOOKS) <= used, set(HOOKS) - used


# -- what the example implements


def test_a_ready_policy_is_asked_for_by_its_name(service: Service) -> None:
    """`govd_policies` of the plugin that ships, and of one that answers nonsense."""
    assert "two-people" in {policy["name"] for policy in service.policies.ready()}
    policy = ReadyPolicy("mine", "A policy of mine.", "name: mine")
    assert policies_of({"mine": policy}, {}) == {"mine": policy}
    with pytest.raises(Nonsense):
        policies_of({"yours": policy}, {})
    with pytest.raises(Nonsense):
        policies_of({"mine": "name: mine"}, {})


@pytest.fixture
def by_two(service: Service) -> tuple[Service, Record]:
    """A request that needs two operators, neither of whom filed it."""
    for name in ("ann", "bob", "carol"):
        service.tokens.create("operator", name, "owner")
    options = ForgetOptions(concepts=("red",), ticket="COURT-7")
    request = service.requests.forget("m", options, "principal:ann")
    service.reconciler.run()
    return service, service.requests.show(str(request["id"]))


def test_a_wait_says_what_it_needs_and_counts_by_who_approved_so_far(
    by_two: tuple[Service, Record], capsys: pytest.CaptureFixture[str]
) -> None:
    """`govd_vote` with the actor, his roles and the approvals so far."""
    service, request = by_two
    needs = {"n": 2, "role": "operator", "not_filer": True}
    assert request["state"] == "waiting"
    (vote,) = (v for v in request["votes"] if v["decision"] == "wait")
    assert vote["needs"] == needs
    show_request(request)
    shown = " ".join(capsys.readouterr().out.split())
    assert "needs 2 people with the role operator, not the filer" in shown
    (entry,) = (
        e
        for e in service.audit.log(kind="request.vote", subject=request["id"])
        if e["payload"]["decision"] == "wait"
    )
    assert entry["payload"]["needs"] == needs
    for who in ("principal:ann", "principal:bob", "principal:bob", "stray"):
        held = service.requests.decide(str(request["id"]), "approve", "seen", who)
        assert held["state"] == "waiting", who
    done = service.requests.decide(
        str(request["id"]), "approve", "seen", "principal:carol"
    )
    assert done["state"] == "approved"


def test_a_preview_tells_for_whom_it_would_wait(service: Service) -> None:
    options = ForgetOptions(concepts=("red",), ticket="COURT-7")
    decision = service.requests.preview("m", options, "principal:ann")["decision"]
    assert decision["waits_for"] == "2 people with the role operator, not the filer"


def test_roles_are_those_of_the_tokens_in_use_and_the_owners() -> None:
    tokens = [
        {"name": "ann", "role": "reader", "revoked_at": None},
        {"name": "ann", "role": "operator", "revoked_at": None},
        {"name": "bob", "role": "owner", "revoked_at": "2026-01-01T00:00:00Z"},
    ]
    people = People.of([], tokens)

    def roles(actor: str) -> tuple[str, ...]:
        return people.roles(actor, "2026-06-01T00:00:00.000000Z")

    assert roles("principal:ann") == ("operator", "reader")
    assert roles("principal:bob") == ()
    assert roles("owner") == roles("local:ann") == ("owner",)
    assert roles("feed:names") == roles("ann") == ()


@pytest.mark.parametrize(
    "needs",
    [
        Needs(0),
        Needs(True),
        Needs(101),
        Needs(1, 7),
        Needs(1, None, "yes"),
        "two people",
    ],
)
def test_a_need_that_is_none_is_nonsense(needs: object) -> None:
    with pytest.raises(Nonsense):
        vote_of(Vote("wait", "p", "r", needs=needs), {})  # type: ignore[arg-type]


def test_a_gate_a_notice_and_a_command_of_a_third_party(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.KINDS.clear()
    request = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    assert service.requests.show(str(request["id"]))["state"] == "in_force"
    monkeypatch.setattr(watcher, "HIGHEST_RANK", 1)
    service.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")
    service.reconciler.run()
    revision = service.revision("m", 2)
    assert revision["state"] == "waiting"
    assert revision["state_reason"] == "example-watcher: rank 2 is over 1"
    service.core.plugins.notices.close()
    assert "request.file" in watcher.KINDS
    app = Typer()
    app.command()(lambda: None)
    service.core.plugins.asker.each("govd_commands", app=app)
    assert CliRunner().invoke(app, ["colours"]).stdout.startswith("red\n")


def test_a_contribution_of_a_third_party_is_used_where_it_has_a_shorter_way(
    service: Service,
) -> None:
    """`govd_compute_contribution`."""
    facts = {}
    for name in (watcher.DARK, "red"):
        options = ForgetOptions(concepts=(name,), method="swap")
        request = service.requests.forget("m", options, "ann")
        service.reconciler.run()
        digest = str(service.requests.show(str(request["id"]))["contribution"])
        facts[name] = dict(service.contributions.stored.load(digest).facts)
    assert facts[watcher.DARK]["by"] == "example"
    assert "by" not in facts["red"]


def test_a_route_of_a_third_party_lies_below_x(service: Service) -> None:
    """`govd_routes`; a token is needed there as everywhere."""
    headers = {"Authorization": f"Bearer {service.core.home.token()}"}
    with TestClient(
        create_app(Context(service)), "http://localhost", headers=headers
    ) as client:
        assert client.get("/v1/x/colours").json() == {"m": 12}
        assert (
            client.get("/v1/x/colours", headers={"Authorization": ""}).status_code
            == 401
        )


def test_a_feed_of_a_third_party_files_and_is_answered(service: Service) -> None:
    """`govd_propose` and `govd_answered`."""
    watcher.ANSWERED.clear()
    april, june = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    service.feeds.add(FeedSettings("seasons", watcher.SEASONS, "m"), "ann", april)
    (run,) = service.feeds.run("seasons", april)["runs"]
    (row,) = run["rows"]
    assert (row["row"], row["answer"]) == (1, "filed")
    assert watcher.ANSWERED[0].rows[0].concepts == ("pink",)
    request = service.requests.show(row["request"])
    assert (request.filed_by, request.ticket) == ("feed:seasons", "2026-04")
    assert request.source == {
        "feed": "seasons",
        "document": "season.json",
        "digest": run["digest"],
        "row": 1,
    }
    assert service.feeds.run("seasons", april)["runs"] == [], (
        "the cursor says that it was taken"
    )
    (run,) = service.feeds.run("seasons", june)["runs"]
    assert [missing["request"] for missing in run["missing"]] == [request.id]
    assert service.requests.show(request.id).state == "filed", "kept, and told"


def test_documents_that_are_none_are_nonsense() -> None:
    class Large(bytes):
        def __len__(self) -> int:
            return DOCUMENT_BYTES + 1

    for wrong in (
        Proposals((Document("x", "text"),)),  # type: ignore[arg-type]
        Proposals((Document("x", Large()),)),
        Proposals((Document("x", b"", "xml"),)),  # type: ignore[arg-type]
        Proposals(cursor=[1]),  # type: ignore[arg-type]
        Proposals(tuple(Document(str(n), b"") for n in range(1001))),
        ["red"],
    ):
        with pytest.raises(Nonsense):
            proposals_of(wrong, {})


def test_a_runner_of_a_third_party(service: Service) -> None:
    """`govd_batch_runner`, and a name that nobody knows."""
    plugins = service.core.plugins
    settings = plugins.settings
    plugins.settings = replace(settings, batch_runner="serial")
    with batch_runner(plugins) as runner:
        assert list(runner.map_batches(lambda n: n + 1, [1, 2])) == [2, 3]
    plugins.settings = replace(settings, batch_runner="elsewhere")
    with pytest.raises(Unsupported, match="elsewhere"), batch_runner(plugins):
        pass
    with pytest.raises(Nonsense):
        CHECKS["govd_batch_runner"](object(), {})


# -- stores


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = np.random.default_rng(3).normal(size=(50, 8))
    np.save(
        tmp_path / "vectors.npy", rows / np.linalg.norm(rows, axis=1, keepdims=True)
    )
    return tmp_path


def opened(service: Service, folder: Path) -> Store:
    store: Store = service.core.plugins.first(
        "govd_open_store", url=f"example+folder://{folder}", secret=""
    )
    return store


def test_a_store_is_opened_by_its_address(service: Service, folder: Path) -> None:
    """`govd_open_store`."""
    assert (
        service.core.plugins.first("govd_open_store", url="other://x", secret="")
        is None
    )
    assert opened(service, folder).facts().rows == 50
    with pytest.raises(BadFile, match=r"vectors\.npy"):
        opened(service, folder / "none")
    with pytest.raises(Nonsense):
        CHECKS["govd_open_store"](object(), {})
