"""What machine or user do wrong, through the real command: a message that says what, where, what to
do; the ledger as it was.
"""

import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from govd.cli import app
from tests.processes import Forks

EXAMPLE = Path(__file__).parents[1] / "plugins" / "example"
INFO = "Metadata-Version: 2.1\nName: govd-example\nVersion: 1.0\n"
ENTRIES = (
    "[govd]\n"
    + "\n".join(
        f"example-{n} = govd_example.{n}" for n in ("backend", "method", "policy")
    )
    + "\n"
)
FORKED = """
import os, runpy, sys
site, os.environ["GOVD_HOME"], *words = sys.argv[1:]
sys.path.insert(0, site)
sys.argv = ["govd", *words]
runpy.run_module("govd", run_name="__main__")
"""


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Begins the command where it has been imported: that takes longer than a refusal."""
    with Forks("govd.cli.local", "govd.requests") as forks:
        yield forks


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's entry points, without installing it."""
    site = tmp_path_factory.mktemp("faults") / "site"
    info = site / "govd_example-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(INFO)
    (info / "entry_points.txt").write_text(ENTRIES)
    (site / "govd_example").symlink_to(EXAMPLE / "govd_example")
    return site


class Shell:
    """Runs `govd` on a home."""

    def __init__(self, site: Path, home: Path) -> None:
        self.site, self.home = site, home

    def __call__(
        self, *words: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        given = {
            **os.environ,
            "PYTHONPATH": str(self.site),
            "GOVD_HOME": str(self.home),
            **environment,
        }
        command = [sys.executable, "-m", "govd", *words]
        return subprocess.run(
            command, env=given, capture_output=True, text=True, timeout=120, check=False
        )

    def entries(self) -> int:
        with sqlite3.connect(
            f"file:{self.home / 'ledger.db'}?mode=ro", uri=True
        ) as raw:
            count = int(raw.execute("SELECT count(*) FROM entries").fetchone()[0])
        raw.close()
        return count


@pytest.fixture(scope="module")
def registered_by_command(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the command registered the model `m`, to be copied."""
    folder = tmp_path_factory.mktemp("registered-by-command")
    shell = Shell(site, folder / "home")
    shell.home.mkdir()
    # one of four labels is a quarter of all
    (shell.home / "govd.toml").write_text("max_scope_share = 1.0\n")
    labels = folder / "labels.txt"
    labels.write_text("red\ngreen\nblue\nyellow\n")
    done = shell("model", "add", "m", "colours", "--labels", str(labels))
    assert done.returncode == 0, done.stderr
    return shell.home


@pytest.fixture
def govd(site: Path, registered_by_command: Path, tmp_path: Path) -> Shell:
    """The command on a home of its own with the model `m`."""
    return Shell(site, shutil.copytree(registered_by_command, tmp_path / "home"))


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("forget", "red", "--model", "nobody"), 1, "Registered: m"),
        (
            ("forget", "red", "--model", "m", "--domain", "sepia"),
            1,
            "no domain 'sepia'",
        ),
        (("forget", "", "--model", "m"), 2, "empty concept"),
        (("forget", "red", "--model", "m", "--strength", "9"), 2, "out of range"),
        (("forget", "red", "--model", "m", "--method", "bilateral"), 1, "no pool"),
        (
            ("forget", "red", "green", "blue", "yellow", "--model", "m"),
            1,
            "no anchor would be left",
        ),
        (("revert", "nothing", "--reason", "x"), 1, "does not exist"),
        (("export", "m", "/dev/null/x"), 4, ""),
        (("model", "add", "n", "/nowhere"), 1, "there is no such file or folder"),
        (("classify", "m", "/nowhere.png"), 1, "nowhere.png"),
        (("forget", "red"), 2, "--model"),
    ],
)
def test_a_refusal_names_its_reason_and_leaves_the_ledger_alone(
    govd: Shell, forks: Forks, words: tuple[str, ...], code: int, text: str
) -> None:
    before = govd.entries()
    done = forks.run(FORKED, str(govd.site), str(govd.home), *words)
    assert done.status == code, done.said
    assert text in done.said
    assert "Traceback" not in done.said
    # that one is well formed: it is filed, and fails with its reason
    if "bilateral" not in words:
        assert govd.entries() == before


def test_one_process_at_a_time(govd: Shell) -> None:
    with (govd.home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = govd("serve", "--port", "0")  # commands wait for a while
    assert done.returncode == 4
    assert "another process works on this home" in done.stderr


def test_a_home_that_cannot_be_written(govd: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = govd(
        "model", "add", "m", "colours", GOVD_HOME=str(tmp_path / "file" / "home")
    )
    assert done.returncode == 4
    assert "--home DIR" in done.stderr


def test_a_ledger_of_a_newer_version(govd: Shell) -> None:
    with sqlite3.connect(govd.home / "ledger.db") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    done = govd("status")
    assert done.returncode == 4
    assert "newer govd" in done.stderr


def test_a_damaged_ledger_is_found(govd: Shell) -> None:
    with sqlite3.connect(govd.home / "ledger.db") as raw:
        raw.execute("DROP TRIGGER entries_no_update")
        raw.execute(
            'UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), \'"actor":"\','
            ' \'"actor":"not \') AS BLOB) WHERE seq = 0'
        )
    raw.close()
    done = govd("audit", "verify")
    assert done.returncode == 1
    assert "not those that were signed" in done.stdout


def test_settings_with_a_mistake(govd: Shell) -> None:
    (govd.home / "govd.toml").write_text("aproval = 'person'\n")
    done = govd("status")
    assert done.returncode == 1
    assert "aproval" in done.stderr
    assert "approval" in done.stderr


def test_no_daemon_where_one_is_asked_for(govd: Shell) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "GOVD_HOME"}
    given = {
        **environment,
        "PYTHONPATH": str(govd.site),
        "GOVD_URL": "http://127.0.0.1:9",
        "GOVD_TOKEN": "x",
    }
    command = [sys.executable, "-m", "govd", "status"]
    done = subprocess.run(
        command, env=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3, done.stderr


def test_backup_and_restore(govd: Shell, tmp_path: Path) -> None:
    assert govd("forget", "red", "--model", "m").returncode == 0
    assert govd("backup", str(tmp_path / "b.tar")).returncode == 0
    assert govd("backup", str(tmp_path / "b.tar")).returncode == 2
    done = govd("restore", str(tmp_path / "b.tar"), "--home", str(tmp_path / "again"))
    assert done.returncode == 0, done.stderr
    status = json.loads(
        govd("status", "--json", GOVD_HOME=str(tmp_path / "again")).stdout
    )
    assert status["models"][0]["in_force"] == 1
    data = (tmp_path / "b.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: len(data) // 2])
    done = govd("restore", str(tmp_path / "cut.tar"), "--home", str(tmp_path / "third"))
    assert done.returncode == 1
    assert not (tmp_path / "third").exists()


def test_help_is_quick_to_import_and_names_every_command(govd: Shell) -> None:
    done = govd("--help")
    for command in (
        "demo",
        "serve",
        "status",
        "doctor",
        "model",
        "forget",
        "preview",
        "request",
        "revert",
        "revision",
        "export",
    ):
        assert command in done.stdout
    for command in ("classify", "evaluate", "token", "backup", "restore", "audit"):
        assert command in done.stdout


def test_json_is_one_document_with_the_records_fields(
    govd: Shell, example_plugins: None
) -> None:
    request = json.loads(
        govd("forget", "red", "--model", "m", "--reason", "why", "--json").stdout
    )
    wanted = {
        "id",
        "model",
        "concepts",
        "domains",
        "strength",
        "method",
        "state",
        "state_reason",
        "kind",
        "filed_at",
        "filed_by",
    }
    wanted |= {"due_at", "expires_at", "revision", "target", "predicted", "entries"}
    assert wanted <= set(request)
    (revision,) = json.loads(govd("revision", "list", "--model", "m", "--json").stdout)
    assert {
        "model",
        "number",
        "state",
        "edit_digest",
        "rank",
        "requests",
        "tree_size",
        "published_at",
        "metrics",
    } <= set(revision)
    # the same commands without the second that each takes to start
    typed = CliRunner()
    for words in (
        ("status",),
        ("model", "list"),
        ("model", "show", "m"),
        ("request", "list"),
        ("request", "show", request["id"]),
        ("audit", "log"),
        ("audit", "trail", request["id"]),
        ("audit", "verify"),
        ("token", "list"),
        ("revision", "show", "m", "1"),
    ):
        environment = {"GOVD_HOME": str(govd.home), "GOVD_URL": ""}
        shown = typed.invoke(app, [*words, "--json"], env=environment)
        assert shown.exit_code == 0, (words, shown.exception)
        json.loads(shown.stdout)


def test_output_that_nobody_takes(govd: Shell) -> None:
    """A disk that is full is the machine's fault; a reader who has seen enough is nobody's."""
    given = {**os.environ, "PYTHONPATH": str(govd.site), "GOVD_HOME": str(govd.home)}
    for words in (("status",), ("audit", "log", "--json"), ("audit", "key")):
        command = [sys.executable, "-m", "govd", *words]
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                command,
                env=given,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=120,
                check=False,
            )
        assert done.returncode == 4, done.stderr
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            command,
            env=given,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
        os.close(write)
        assert done.returncode == 141, done.stderr
        assert "Traceback" not in done.stderr


def test_streams_that_know_few_letters_or_are_closed(govd: Shell) -> None:
    script = (
        "from govd.cli import output, streams; streams.prepare(); print('é', flush=True);"
        "output.print_json({'path': 'é\\udce9.png'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    first, _, document = done.stdout.decode().partition("\n")
    assert (first, json.loads(document)) == ("\\xe9", {"path": "é\udce9.png"})
    closed = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m govd config <&- >&- 2>&-"],
        env={**os.environ, "GOVD_HOME": str(govd.home)},
        check=False,
    )
    assert closed.returncode == 0


def test_a_database_server_that_somebody_expects_is_not_passed_over(
    govd: Shell,
) -> None:
    done = govd("status", GOVD_DATABASE_URL="postgresql+psycopg://u:p@host/govd")
    assert done.returncode == 2
    assert "GOVD_DATABASE_URL" in done.stderr
    assert "u:p" not in done.stderr
