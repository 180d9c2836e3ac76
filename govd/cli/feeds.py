"""`govd feed`: what comes in from elsewhere by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from govd.cli.access import opened
from govd.cli.options import FormatOption, HomeOption, JsonOption, ReasonOption
from govd.cli.output import check_format, put, put_rows
from govd.cli.secrets import secret_in
from govd.errors import Usage
from govd.models.paths import located

if TYPE_CHECKING:
    from govd.service.api import Api
    from govd.types import Record

FILED: Final = "filed"
"""The answer to a row that was new."""
app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Feeds, which file forgets by themselves: add, list, show, run, enable, disable, history;"
        " release or reject a run that is held."
    ),
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The feed's name.")]
RunArgument = Annotated[
    int, typer.Argument(metavar="RUN", min=1, help="The run's number.")
]
UrlArgument = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help=(
            "A folder (a path or file:///…) of CSV, JSON and NDJSON files; an https:// address"
            " that is polled; or webhook: for documents that are sent, signed, to"
            " /v1/feeds/NAME. Rows have the columns of `govd forget --from`."
        ),
    ),
]
EveryOption = Annotated[
    str | None,
    typer.Option(
        "--every",
        help="Between two looks: 30s, 15m, 24h, 7d. A folder: 1m; an address: 24h.",
    ),
]
MissingOption = Annotated[
    str,
    typer.Option(
        "--missing",
        help=(
            "For a row that disappears: keep (it is told), or revert (a revert is filed, and"
            " policies decide on it)."
        ),
    ),
]
SecretOption = Annotated[
    Path | None,
    typer.Option(
        "--secret-file",
        metavar="FILE",
        help=(
            "A file with the bearer token that is sent along, or with the secret (whsec_…) that a"
            " webhook is signed with; without one, one is made and shown once."
        ),
    ),
]


@app.command("add")
def add(
    name: NameArgument,
    url: UrlArgument,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="The model of its rows; else a column model says it."
        ),
    ] = None,
    every: EveryOption = None,
    missing: MissingOption = "keep",
    secret_file: SecretOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a feed, or give a disabled one other settings. What it files is filed by feed:NAME and
    decided by the same votes as anybody's.
    """
    from govd.cli.show_feeds import show_feed

    secret = "" if secret_file is None else secret_in(secret_file)
    with opened(home) as api:
        feed = api.add_feed(name, _address(url), model, every, missing, secret)
    put(feed, as_json, show_feed)


def _address(url: str) -> str:
    """A path as the address of its folder.

    Raises:
        Usage: it is empty.
    """
    if not url:
        advice = "Name a folder, https://…, or webhook: where rows are sent to."
        raise Usage("an empty address of a feed", advice=advice)
    if "://" in url or url.rstrip(":") == "webhook":
        return url
    return located(url).as_uri()


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All feeds."""
    from govd.cli.show_feeds import show_feeds

    with opened(home) as api:
        put(api.feeds(), as_json, show_feeds)


@app.command("show")
def show(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """One feed: how it is set, what it usually asks for, what of it is held, what is at fault."""
    from govd.cli.show_feeds import show_feed

    with opened(home) as api:
        put(api.feed(name), as_json, show_feed)


@app.command("run")
def run(
    name: NameArgument,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Return when every row is decided and served."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a feed now, whenever it is due. Exit 1 where a row was refused or a run is held."""
    from govd.cli.show_feeds import show_look

    with opened(home) as api:
        look = api.run_feed(name)
        if wait or not api.remote:
            look = {**look, "runs": _settled(api, look["runs"])}
    put(look, as_json, show_look)
    if any(
        run["state"] == "held" or run["counts"].get("refused") for run in look["runs"]
    ):
        raise typer.Exit(1)


def _settled(api: Api, runs: Sequence[Record]) -> list[Record]:
    """Runs whose filed rows say what became of them: `state` of the request, and `reason`."""
    filed = [
        row["request"] for run in runs for row in run["rows"] if row["answer"] == FILED
    ]
    requests = (
        {request["id"]: request for request in api.settled(filed)} if filed else {}
    )
    return [
        {**run, "rows": [_with_state(row, requests) for row in run["rows"]]}
        for run in runs
    ]


def _with_state(row: Record, requests: Mapping[str, Record]) -> Record:
    request = requests.get(row["request"]) if row["answer"] == FILED else None
    if request is None:
        return row
    return {**row, "state": request["state"], "reason": request["state_reason"]}


@app.command("enable")
def enable(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Look at a feed again."""
    from govd.cli.show_feeds import show_feed

    with opened(home) as api:
        put(api.enable_feed(name), as_json, show_feed)


@app.command("disable")
def disable(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Look at a feed no more; what it filed stays."""
    from govd.cli.show_feeds import show_feed

    with opened(home) as api:
        put(api.disable_feed(name), as_json, show_feed)


@app.command("history")
def history(
    name: NameArgument,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[RUN]", min=1, help="This run, with what became of each row."
        ),
    ] = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The runs of a feed, or one of them with its rows."""
    from govd.cli.show_feeds import show_run, show_runs

    check_format(form)
    with opened(home) as api:
        if number is None:
            runs = api.feed_history(name)
            put_rows(runs, form, as_json, show_runs, runs)
        else:
            feed_run = api.feed_run(name, number)
            put_rows(feed_run, form, as_json, show_run, feed_run["rows"])


@app.command("release")
def release(
    name: NameArgument,
    number: RunArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """File the rows of a held run after all; needs a reason."""
    from govd.cli.show_feeds import show_run

    with opened(home) as api:
        put(api.release_feed(name, number, reason), as_json, show_run)


@app.command("reject")
def reject(
    name: NameArgument,
    number: RunArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leave the rows of a held run unfiled; needs a reason."""
    from govd.cli.show_feeds import show_run

    with opened(home) as api:
        put(api.reject_feed(name, number, reason), as_json, show_run)
