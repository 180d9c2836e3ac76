"""The command line: thin, loads each command's work when it is asked for."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from govd.cli import (
    audit,
    feeds,
    forgetting,
    homes,
    models,
    notices,
    policies,
    principals,
    ranking,
    requests,
    revisions,
    stopping,
    stores,
    streams,
    tokens,
)
from govd.cli.command import check_paths, home_behind, model_first
from govd.cli.examples import epilog
from govd.errors import MACHINE, REPORT, GovdError, no_bug

app = typer.Typer(
    name="govd",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="CLIP-like models that can forget.",
)
COMMANDS: tuple[Callable[..., None], ...] = (
    *(
        homes.demo,
        homes.serve,
        homes.status,
        homes.reconcile,
        homes.doctor,
        homes.config,
    ),
    *(forgetting.forget, forgetting.preview, forgetting.revert),
    *(revisions.export, revisions.classify, ranking.rank, revisions.evaluate),
    *(homes.backup, homes.restore),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(models.app, name="model")
app.add_typer(requests.app, name="request")
app.add_typer(revisions.app, name="revision")
app.add_typer(audit.app, name="audit")
app.add_typer(policies.app, name="policy")
app.add_typer(tokens.app, name="token")
app.add_typer(feeds.app, name="feed")
app.add_typer(stores.app, name="store")
app.add_typer(notices.app, name="notice")
app.add_typer(principals.app, name="principal")


def _with_examples(group: typer.Typer, at: str = "") -> None:
    for command in group.registered_commands:
        command.epilog = epilog(
            f"{at}{command.name or getattr(command.callback, '__name__', '')}"
        )
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _with_examples(inner.typer_instance, f"{at}{inner.name} ")


_with_examples(app)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"govd {version('govd')}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version", callback=_version, is_eager=True, help="Say which govd this is."
    ),
]


@app.callback()
def root(version: VersionOption = False) -> None:
    """CLIP-like models that can forget."""


def _home_of(arguments: Sequence[str]) -> Path:
    """The home that a command line is about."""
    from govd.home.home import default_home

    for place, word in enumerate(arguments):
        if word == "--home" and place + 1 < len(arguments):
            return Path(arguments[place + 1])
        if word.startswith("--home="):
            return Path(word.partition("=")[2])
    return default_home()


def _plugin_commands() -> None:
    """Commands that plugins add, but those that the home's `govd.toml` disables; one that fails is
    named, and the others are there.
    """
    from govd.asking.asker import Asker
    from govd.asking.plugins import load
    from govd.errors import PluginFault
    from govd.home.settings import Settings

    try:
        settings = Settings.read(_home_of(sys.argv[1:]) / "govd.toml")
    except (GovdError, OSError) as error:
        commands = (
            error.message
            if isinstance(error, GovdError)
            else f"govd.toml cannot be read ({error.strerror})"
        )
        _said(
            "no plugin's commands are there, as it is not known which plugins are disabled."
            f" {commands}",
            0,
        )
        return
    manager, plugins = load(frozenset(settings.disabled_plugins))
    for broken in (plugin for plugin in plugins if plugin.fault):
        _said(
            f"plugin {broken.name} is not in use ({broken.fault}). `govd doctor` tells what to do",
            0,
        )
    for plugin, answer in Asker(manager, plugins).each("govd_commands", app=app):
        if isinstance(answer, PluginFault):
            _said(
                f"plugin {plugin}: its commands are not there, or not all of them ({answer.what})",
                0,
            )


def _run(given: Sequence[str]) -> None:
    groups = {group.name or "" for group in app.registered_groups}
    commands = groups | {
        c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands
    }
    arguments = home_behind(given, groups)
    words = [w for w in arguments if not w.startswith("-")]
    if words and words[0] not in commands:
        _plugin_commands()  # only then: loading plugins costs time
    try:
        check_paths(arguments, app)
        app(args=model_first(arguments))
    except SystemExit as ended:
        if streams.reader_is_gone():
            raise SystemExit(streams.READER_GONE) from None
        if stopping.is_stopped(ended.code):
            stopping.leave(_said(stopping.TOLD, int(str(ended.code))))
        raise
    finally:
        sys.stdout.flush()  # here, where it can be told that it failed


def main() -> None:
    """The entry point: errors of govd become a message and their exit code; a bug is reported as
    one.
    """
    streams.prepare()
    try:
        stopping.prepare()
        _run(sys.argv[1:])
    except GovdError as error:
        raise SystemExit(_said(error.message, error.exit_code)) from None
    except KeyboardInterrupt:
        stopping.leave(_said(stopping.TOLD, stopping.INTERRUPTED))
    except Exception as fault:  # noqa: BLE001 - the last net: whatever else it is, it is a bug and is told as one
        code = _no_bug(fault)
        if code is not None:
            raise SystemExit(code) from None
        import traceback

        traceback.print_exc()
        raise SystemExit(
            _said(
                f"this is a bug in govd. Please report it, with the lines above, to {REPORT}.",
                70,
            )
        ) from None


def _no_bug(fault: Exception) -> int | None:
    """The exit code of a fault that is the machine's or of what was typed, which is told; None of
    any other.
    """
    plain = no_bug(fault)
    if isinstance(fault, OSError) and fault.errno in (errno.EPIPE, *MACHINE):
        # what is still to be written has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # whoever reads has seen enough: `govd audit log | head`
        if fault.errno == errno.EPIPE:
            return streams.READER_GONE
    return None if plain is None else _said(plain.message, plain.exit_code)


def _said(text: str, code: int) -> int:
    from govd.verify.safe_text import safe

    print(f"govd: {safe(text, 100_000)}", file=sys.stderr)
    return code
