"""Every command there is, walked as a tree."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from govd.cli import app
from govd.service.service import Service

TALKS = {("demo",), ("serve",)}
"""Commands that show something or run on; all others answer."""


def commands(
    group: typer.main.TyperGroup, at: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], typer.main.TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, typer.main.TyperGroup):
            assert command.help, name
            yield from commands(command, (*at, name))
        else:
            yield (*at, name), command  # type: ignore[misc]


ALL = dict(commands(typer.main.get_group(app)))


def test_the_tree_is_whole() -> None:
    wanted = [
        "demo",
        "serve",
        "status",
        "reconcile",
        "doctor",
        "forget",
        "preview",
        "revert",
        "export",
        "classify",
        "evaluate",
        "backup",
        "restore",
    ]
    assert {(name,) for name in wanted} <= set(ALL)
    assert {
        ("model", n) for n in ("add", "list", "show", "update", "remove", "rebase")
    } <= set(ALL)
    decisions = (
        "approve",
        "reject",
        "withdraw",
        "retry",
        "hold",
        "release",
        "extend",
        "shred",
    )
    assert {("request", n) for n in ("list", "show", *decisions)} <= set(ALL)
    assert {("token", n) for n in ("create", "list", "revoke")} <= set(ALL)
    feeds = (
        "add",
        "list",
        "show",
        "run",
        "disable",
        "enable",
        "history",
        "release",
        "reject",
    )
    assert {("feed", n) for n in feeds} <= set(ALL)
    notices = ("add", "list", "history", "retry", "test", "secret", "remove")
    assert {("notice", n) for n in notices} <= set(ALL)
    assert {("revision", n) for n in ("list", "show", "diff", "interference")} <= set(
        ALL
    )
    questions = (
        "log",
        "trail",
        "as-of",
        "why",
        "deadlines",
        "predictions",
        "sql",
        "checkpoint",
        "key",
        "rotate-key",
        "witness",
        "answer",
    )
    assert {("audit", n) for n in (*questions, "rebuild", "bundle", "verify")} <= set(
        ALL
    )


@pytest.mark.parametrize("path", sorted(ALL), ids=" ".join)
def test_every_command_helps_and_speaks_json(path: tuple[str, ...]) -> None:
    command = ALL[path]
    assert command.help
    for option in command.params:
        assert getattr(option, "help", None), f"{option.name} says nothing"
    spoken = {name for option in command.params for name in option.opts}
    assert ("--json" in spoken) is (path not in TALKS)


def test_help_loads_nothing_heavy() -> None:
    """What makes `govd --help` quick is that commands load their work when they are asked for
    it.
    """
    heavy = (
        "numpy",
        "sqlalchemy",
        "fastapi",
        "uvicorn",
        "pydantic",
        "httpx",
        "jinja2",
        "PIL",
        "cryptography",
        "alembic",
        "jax",
        "pluggy",
    )
    code = "import sys, govd.cli; print(*[m for m in sys.argv[1:] if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_status_loads_nothing_that_it_does_not_need(
    service: Service, tmp_path: Path
) -> None:
    """A command that only looks opens the home, and no model, no web server, no worker."""
    service.close()
    heavy = [
        *("fastapi", "uvicorn", "starlette", "httpx", "jinja2", "yaml", "PIL", "scipy"),
        *("jax", "flax", "transformers", "torch", "safetensors", "pyarrow"),
        *("sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "psycopg", "alembic"),
        *("cel", "celpy", "concurrent.futures.process", "govd.web", "govd.client"),
    ]
    code = (
        "import sys, contextlib; from govd.cli import app\n"
        "with contextlib.suppress(SystemExit):\n"
        "    app(args=['status', '--json', '--home', sys.argv[1]])\n"
        "print(*[m for m in sys.argv[2:] if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "home"), *heavy],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert '"models"' in done.stdout
    assert done.stderr.strip() == ""
