"""Commands on a home of this process, as people and scripts type them."""

import fcntl
import inspect
import json
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest
from fastapi.testclient import TestClient

from govd.cli import access, main
from govd.cli.local import Local
from govd.cli.show_models import show_model, show_models
from govd.cli.show_preview import show_preview
from govd.cli.show_requests import show_request
from govd.cli.show_revisions import show_evaluation
from govd.errors import REPORT, Usage
from govd.home.home import Home, announced
from govd.ledger.entry import Draft
from govd.requests import ForgetOptions
from govd.service.service import open_service
from govd.web.app import create_app
from govd.web.context import Context
from tests.cli.conftest import Shell

READS = [
    *(
        ("status",),
        ("model", "list"),
        ("model", "show", "m"),
        ("request", "list"),
        ("request", "show", "x"),
        ("token", "list"),
    ),
    *(
        ("revision", "list", "--model", "m"),
        ("revision", "show", "m", "1"),
        ("preview", "red", "--model", "m"),
    ),
    *(
        ("forget", "red", "--model", "m"),
        ("revert", "x", "--reason", "y"),
        ("request", "approve", "x"),
        ("classify", "m", "a.png"),
        ("rank", "m", "a.png", "--text", "red"),
    ),
    *(
        ("evaluate", "m"),
        ("export", "m", "out"),
        ("token", "create", "--role", "reader", "--name", "n"),
        ("backup", "b.tar"),
    ),
    *(
        ("audit", "log"),
        ("audit", "verify"),
        ("audit", "checkpoint"),
        ("audit", "key"),
        ("audit", "as-of", "2027-01-01"),
    ),
]


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_what_does_not_make_a_home_does_not_make_one_by_mistake(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    fault = Shell(tmp_path / "mistyped").refused(*words)
    assert fault.exit_code == 2
    assert "no govd home here" in fault.message
    assert not (tmp_path / "mistyped").exists()


def test_a_daemon_that_was_killed_is_not_taken_for_one_that_runs(
    govd: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "PATIENCE_SECONDS", 0.0)
    with Home(govd.home) as home:
        home.token()
        with home.announced("http://127.0.0.1:1"):
            assert announced(govd.home) == ("http://127.0.0.1:1", home.token())
            left = (govd.home / "daemon.json").read_text()
    # as SIGKILL leaves it: with the id of a process that lives, here this one
    (govd.home / "daemon.json").write_text(left)
    assert announced(govd.home) is None
    assert govd.json("status")["models"]  # type: ignore[index]
    with (govd.home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert govd.refused("status").exit_code == 4


class Unlocking:
    """The time, of which no thread but the one that waits for a lock takes any: then it is free."""

    def __init__(self, lock: IO[str]) -> None:
        self.lock = lock

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        fcntl.flock(self.lock, fcntl.LOCK_UN)


def test_a_command_waits_for_another_one_that_ends(
    govd: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "TELLING_SECONDS", 0.0)
    with (govd.home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        monkeypatch.setattr(access, "time", Unlocking(lock))
        done = govd("status", "--json")
    assert json.loads(done.stdout)["models"]
    assert done.stderr.count("waiting") == 1


def test_a_daemon_waits_for_a_command_that_ends(
    govd: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(access, "TELLING_SECONDS", 0.0)
    monkeypatch.setattr("govd.web.daemon._log_to_stderr", lambda level: None)
    # read once the lock is held: where it would go on, it ends
    (govd.home / "govd.toml").write_text("allowed_hosts = 5\n")
    with (govd.home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        monkeypatch.setattr(access, "time", Unlocking(lock))
        fault = govd.refused("serve", "--port", "0")
    assert "allowed_hosts" in fault.message
    assert caplog.text.count("waiting") == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("request", "list", "--state", "nonsense"), "in_force"),
        (("audit", "log", "--state", "nonsense"), "in_force"),
        (("request", "list", "--format", "xml"), "ndjson"),
        (("audit", "log", "--format", "xml"), "ndjson"),
        (("revert", "x"), "--reason"),
        (("revert", "x", "--reason", " "), "--reason"),
        (
            ("forget", "red", "--model", "m", "--example", "/nowhere.png"),
            "/nowhere.png",
        ),
    ],
)
def test_wrong_usage_is_told_before_anything_is_done(
    govd: Shell, words: tuple[str, ...], text: str
) -> None:
    fault = govd.refused(*words)
    assert isinstance(fault, Usage)
    assert text in fault.message


@pytest.mark.parametrize("port", ["-1", "65536", "99999", "http"])
def test_a_port_out_of_range_is_wrong_usage(govd: Shell, port: str) -> None:
    assert govd("serve", "--port", port).exit_code == 2


def test_a_request_that_is_not_waited_for_is_served_before_the_home_is_let_go(
    govd: Shell,
) -> None:
    with Local(govd.home) as api:
        filed = api.forget("red", model="m")
        assert filed["state"] == "filed"
    with Local(govd.home) as api:
        assert api.request(filed["id"])["state"] == "in_force"
        assert api.forget("blue", model="m", wait=True)["state"] == "in_force"
        assert api.embeddings("m", texts=["red", "blue"]).shape[0] == 2
        entries = list(api.events())
        assert [e["seq"] for e in entries] == list(range(len(entries)))
        assert next(api.events(after=3))["seq"] == 4


def test_json_is_one_document_everywhere(govd: Shell, tmp_path: Path) -> None:
    request = govd.json("forget", "red", "--model", "m")
    assert isinstance(request, dict)
    for words in (
        ("request", "list"),
        ("model", "list"),
        ("revision", "list", "--model", "m"),
        ("token", "list"),
        ("audit", "log"),
    ):
        assert isinstance(govd.json(*words), list), words
    for words in (
        ("status",),
        ("doctor",),
        ("audit", "trail", request["id"]),
        ("audit", "why", "m", "1"),
        ("audit", "verify"),
    ):
        assert isinstance(govd.json(*words), dict), words
    key = govd.json("audit", "key")
    assert key == {"key": govd("audit", "key").stdout.strip()}
    found = govd.json("audit", "checkpoint")
    assert isinstance(found, dict)
    assert found["note"].splitlines()[1] == str(found["size"])
    assert isinstance(govd.json("backup", str(tmp_path / "b.tar")), dict)
    again = Shell(tmp_path / "again")
    assert isinstance(again.json("restore", str(tmp_path / "b.tar")), dict)
    assert again.json("request", "list") == govd.json("request", "list")


def test_an_evaluation_brings_what_it_was_counted_from(
    govd: Shell, pictures: Path, tmp_path: Path
) -> None:
    govd.json("forget", "red", "--model", "m")
    images = tmp_path / "images"
    for path in pictures.rglob("*.png"):
        target = images / path.relative_to(pictures)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(
            path.read_bytes()
            if path.name != "0.png" or "blue" not in path.parts
            else b"no picture"
        )
    found = govd.json("evaluate", "m", "--images", str(images))
    assert isinstance(found, dict)
    metrics = found["metrics"]
    assert metrics["skipped"] == 2
    cells = metrics["confusion"]
    assert sum(cell["images"] for cell in cells) == metrics["images"]
    for when, accuracy in (("before", "accuracy_before"), ("after", "accuracy")):
        right = sum(cell[when].get(cell["class"], 0) for cell in cells)
        assert right / metrics["images"] == pytest.approx(metrics[accuracy])
        assert all(
            sum(cell[when].values()) == cell["images"] and 0 not in cell[when].values()
            for cell in cells
        )
    red = next(cell for cell in cells if cell["class"] == "red")
    assert red["after"].get("red", 0) < red["before"]["red"]
    revision = govd.json("revision", "show", "m", "1")
    assert isinstance(revision, dict)
    assert "confusion" not in revision["metrics"]


HOSTILE = (
    "fine\nProven: nothing\r\x1b[31mred\x1b[0m "
    "\x1b]0;title\x07 \x9b2J \u202etxet\u2028x [bold]b[/]"
)


def test_nothing_that_others_wrote_is_obeyed_by_the_terminal(govd: Shell) -> None:
    refused = govd(
        "forget", "red", "--model", "m", "--reason", HOSTILE, "--ticket", HOSTILE
    )
    assert isinstance(refused.exception, Usage)
    with Local(govd.home) as api:  # as an older govd took it
        requests = api.service.requests
        options = ForgetOptions(concepts=["red"], reason=HOSTILE, ticket=HOSTILE)
        request = inspect.unwrap(type(requests).forget)(requests, "m", options, "ann")[
            "id"
        ]
        api.service.reconciler.run()
        api.service.core.desk.append(
            [Draft("note", HOSTILE, HOSTILE, HOSTILE, {"reason": HOSTILE})]
        )
        api.service.core.desk.append(
            [Draft("request.hold", request, HOSTILE, "m", {"reason": HOSTILE})]
        )
        old = {"name": HOSTILE, "role": "reader", "sha256": "0" * 64}
        api.service.core.desk.append([Draft("token.create", "0" * 12, "ann", "", old)])
    shown = [
        *(
            ("request", "show", request),
            ("request", "list"),
            ("audit", "log"),
            ("audit", "trail", request),
            ("audit", "why", "m", "1"),
        ),
        *(
            ("audit", "as-of", "2099-01-01"),
            ("audit", "deadlines"),
            ("audit", "predictions"),
            ("token", "list"),
            ("status",),
            ("revision", "show", "m", "1"),
        ),
        *(
            ("audit", "sql", "SELECT actor, reason FROM log JOIN requests"),
            ("preview", "blue", "--model", "m"),
            ("audit", "verify"),
        ),
    ]
    for words in shown:
        done = govd(*words)
        assert done.exit_code == 0, (words, done.exception)
        text = done.stdout
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", text), words
        assert not any(
            line.lstrip(" │").startswith("Proven: nothing")
            for line in text.splitlines()
        ), words
    assert "\\x1b[31mred" in govd("token", "list").stdout.replace("\n", "")


def test_tables_fit_eighty_columns(govd: Shell) -> None:
    for name in ("red", "blue"):
        govd.json("forget", name, "--model", "m")
    for words in (
        ("revision", "list", "--model", "m"),
        ("request", "list"),
        ("doctor",),
        ("status",),
        ("model", "list"),
    ):
        text = govd(*words).stdout
        assert 0 < max(map(len, text.splitlines())) <= 80, words
    assert re.search(
        r"^0 +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d ", govd("audit", "log").stdout, re.M
    )
    lines = govd("revision", "list", "--model", "m").stdout.splitlines()
    assert len(lines) == 4  # the names, a rule, and a line for each: nothing is folded
    assert re.search(
        r"1 +superseded +[0-9a-f]{12} .* 20\d\d-\d\d-\d\d \d\d:\d\d *$", lines[2]
    )


def test_what_has_no_target_does_not_name_one(govd: Shell) -> None:
    assert (
        "None" not in govd("forget", "red", "--model", "m", "--method", "swap").stdout
    )
    assert (
        "None" not in govd("preview", "blue", "--model", "m", "--method", "swap").stdout
    )


def test_rows_for_spreadsheets_and_pipes(govd: Shell) -> None:
    govd.json("forget", "red", "--model", "m", "--reason", "=cmd()")
    text = govd("request", "list", "--format", "csv").stdout
    assert text.startswith("id,")
    assert ",'=cmd()," in text
    assert (
        len(
            [
                json.loads(line)
                for line in govd(
                    "audit", "log", "--format", "ndjson"
                ).stdout.splitlines()
            ]
        )
        > 5
    )
    before = govd("audit", "as-of", "2020-01-01", "--format", "csv").stdout
    assert before.startswith("time,model,registered,")
    assert ",m,false," in before


def test_pictures_synthesised_for_a_request_are_written_for_people(
    govd: Shell, tmp_path: Path
) -> None:
    request = govd.json("forget", "red", "--model", "m")
    assert isinstance(request, dict)
    prompts = ["a photo of a red.", "../../red; a dark one"]
    with Local(govd.home) as api:
        core = api.service.core
        facts = {
            "prototypes": [
                {"prompt": p, "png": core.artifacts.put(p.encode())} for p in prompts
            ]
        }
        made = {"artifact": "x", "method": "y", "facts": facts}
        core.desk.append(
            [Draft("contribution.make", request["contribution"], "ann", "m", made)]
        )
        assert api.pictures(request["id"]) == [(p, p.encode()) for p in prompts]
    folder = tmp_path / "pictures"
    found = govd.json("request", "show", request["id"], "--pictures", str(folder))
    assert isinstance(found, dict)
    names = ["001-a-photo-of-a-red.png", "002-red-a-dark-one.png"]
    assert [Path(p).name for p in found["pictures"]] == names
    assert [(folder / name).read_text() for name in names] == prompts
    # the same again is no fault
    assert (
        "wrote"
        in govd("request", "show", request["id"], "--pictures", str(folder)).stdout
    )
    (folder / names[0]).write_text("mine")
    assert (
        govd.refused(
            "request", "show", request["id"], "--pictures", str(folder)
        ).exit_code
        == 2
    )
    assert (folder / names[0]).read_text() == "mine"


def test_a_bug_in_a_daemon_is_no_refusal(
    govd: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("of the daemon")

    with open_service(govd.home) as service:
        monkeypatch.setattr(service, "status", broken)
        application = create_app(Context(service))

        def connected(headers: dict[str, str], **_: object) -> TestClient:
            return TestClient(
                application,
                "http://localhost",
                headers=headers,
                raise_server_exceptions=False,
            )

        monkeypatch.setattr("govd.client.transport.httpx.Client", connected)
        monkeypatch.setattr("sys.argv", ["govd", "status"])
        monkeypatch.setenv("GOVD_URL", "http://localhost")
        monkeypatch.setenv("GOVD_TOKEN", service.core.home.token())
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 70
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert REPORT in told
    assert "Traceback" not in told, "what went wrong is in the daemon's log"


def test_records_of_a_time_before_some_figures_are_shown(
    govd: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    """Entries stay as they were made; what a later govd adds is not in them."""
    govd.json("forget", "red", "--model", "m", "--reason", "because")
    with open_service(govd.home) as service:
        (request,) = service.requests.all()
        model = service.models.show("m")
    show_request(
        {
            **request,
            "predicted": {
                "on": "pool",
                "rank": 1,
                "edit_norm": 1.5,
                "disagreement": 0.25,
            },
        }
    )
    assert "25.0 % of the other answers change by it" in " ".join(
        capsys.readouterr().out.split()
    )
    show_request({**request, "predicted": {"on": "pool"}})
    show_preview({**request, "predicted": {"on": "pool"}})
    show_evaluation(
        {"model": "m", "revision": 1, "metrics": {"on": "pool"}, "claim": ""}
    )
    facts = (
        "architecture",
        "backend",
        "device",
        "pool",
        "pool_kind",
        "domains",
        "images",
        "publish_to",
        "labels",
        "anchors",
        "side",
        "use",
    )
    old = {k: v for k, v in model.items() if k not in facts}
    show_model(old)
    show_models([old])
    assert "–" in capsys.readouterr().out


def test_status_says_why_the_ledger_takes_no_entries(govd: Shell) -> None:
    assert govd.json("status")["ledger"]["fault"] == ""  # type: ignore[index]
    with closing(sqlite3.connect(govd.home / "ledger.db")) as raw:
        raw.execute("CREATE VIEW x AS SELECT * FROM entries")
        raw.commit()
    assert "what no ledger has: view 'x'" in govd.json("status")["ledger"]["fault"]  # type: ignore[index]
    assert "the ledger takes no entries" in govd("status").stdout


def test_a_token_of_nobody_is_told_where_there_are_principals(govd: Shell) -> None:
    def told(*words: str) -> str:
        return govd("token", "create", *words).stderr

    assert "no principal" not in told("--role", "operator", "--name", "ann-laptop")
    govd.json("principal", "add", "ann", "--role", "legal")
    own = (
        "principal:ann-phone, who is no principal and is counted as a person of his own"
    )
    assert own in told("--role", "operator", "--name", "ann-phone")
    for words in (
        ("--role", "operator", "--name", "ann"),
        ("--role", "operator", "--name", "ann-tablet", "--principal", "ann"),
        ("--role", "reader", "--name", "shop"),
    ):
        assert told(*words) == "", words


def test_a_name_of_two_words_can_be_typed_as_it_is_told(govd: Shell) -> None:
    told = govd("principal", "add", "Ann Lee", "--role", "legal").stdout
    assert "--principal 'Ann Lee'" in " ".join(told.split())
