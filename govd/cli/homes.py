"""Commands about a home as a whole: `demo`, `serve`, `status`, `reconcile`, `doctor`, `backup`,
`restore`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from govd.cli.access import opened, patiently
from govd.cli.options import HomeOption, JsonOption
from govd.cli.output import put


def demo(
    home: Annotated[
        Path | None,
        typer.Option("--home", help="Work in this home instead of a temporary one."),
    ] = None,
    report: Annotated[
        Path, typer.Option("--report", help="Where the HTML report goes.")
    ] = Path("govd-demo.html"),
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Encode everything anew and compare.")
    ] = False,
) -> None:
    """The whole story on the model that comes with govd, in under a minute."""
    from govd.cli.demo import run

    run(home, report, from_scratch)


def serve(
    home: HomeOption = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; 0.0.0.0 or :: for every one of this machine."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help=(
                "A name that the daemon may be asked for by; may be repeated (allowed_hosts in"
                " govd.toml)."
            ),
        ),
    ] = None,
    log_level: Annotated[
        str,
        typer.Option(
            "--log-level",
            help=(
                "debug (every step), info (what is done), warning (what failed and goes on) or"
                " error (what did not)."
            ),
        ),
    ] = "info",
) -> None:
    """The daemon: HTTP API and reconciler. Makes the home where there is none."""
    from govd.home.home import announced, default_home
    from govd.web.daemon import log
    from govd.web.daemon import serve as run

    folder = home or default_home()
    start = partial(run, folder, host, port, log_level, tuple(allow_host or ()))
    if announced(folder):  # a daemon does not end by itself
        start()
    else:
        patiently(folder, start, log.warning)


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Models, published revisions, what waits and why, size and head of the ledger."""
    from govd.cli.show_status import show_status

    with opened(home) as api:
        put(api.status(), as_json, show_status)


def reconcile(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Do what is still to do, without a daemon: what was cut off, and what waits for nobody. Exit 1
    where something is left.
    """
    from govd.cli.show_status import show_reconciled

    with opened(home) as api:
        record = api.reconcile()
    put(record, as_json, show_reconciled)
    if record["left"]:
        raise typer.Exit(1)


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Devices, versions, database, keys and plugins: what is wrong and what to do. Exit 4 where
    something is.
    """
    from govd.cli.show_machine import show_doctor
    from govd.service.doctor import examine

    report = examine(home)
    put(report, as_json, show_doctor)
    if report["faults"]:
        raise typer.Exit(4)


def config(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every setting of govd.toml: the value in force, its default, and what it means."""
    from govd.cli.show_machine import show_settings
    from govd.home.home import default_home
    from govd.home.settings import Settings

    path = (home or default_home()) / "govd.toml"
    put(
        {
            "file": str(path),
            "exists": path.exists(),
            "settings": Settings.read(path).as_rows(),
        },
        as_json,
        show_settings,
    )


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ledger, artifacts, keys and settings in one file; works while a daemon runs."""
    from govd.cli.show_machine import show_backup
    from govd.home.home import default_home
    from govd.service.backup import backup as run

    put(run(home or default_home(), file), as_json, show_backup)


def restore(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A file that `govd backup` wrote.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A backup into a home that does not exist yet."""
    from govd.cli.show_machine import show_restored
    from govd.home.home import default_home
    from govd.service.restore import restore as run

    put(run(file, home or default_home()), as_json, show_restored)
