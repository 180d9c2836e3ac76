"""`govd notice`: who is told of entries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from govd.cli.access import opened
from govd.cli.options import FormatOption, HomeOption, JsonOption, split
from govd.cli.output import check_format, put, put_rows
from govd.errors import BadFile, Usage

app = typer.Typer(
    no_args_is_help=True,
    help="Notices to webhooks and mailboxes: add, list, history, retry, test, secret, remove.",
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The receiver.")]
SecretOption = Annotated[
    Path | None,
    typer.Option(
        "--secret-file",
        help="A file with the webhook's secret (whsec_…); without it govd makes one and shows it.",
    ),
]

OnOption = Annotated[
    list[str],
    typer.Option(
        "--on",
        metavar="KIND…",
        help=(
            "Kinds of entries, with * (request.wait, request.*, revision.publish), and deadline and"
            " expiry: dates that come near. May be repeated."
        ),
    ),
]


@app.command("add")
def add(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] URL|mailto:ADDRESS",
            help="Where notices go (https://…), after a name for it (by itself: the host's).",
        ),
    ],
    on: OnOption,
    secret_file: SecretOption = None,
    body: Annotated[
        str,
        typer.Option(
            "--format",
            help="What a webhook is sent: json, or cloudevents (1.0, structured).",
        ),
    ] = "json",
    days: Annotated[
        str | None,
        typer.Option(
            "--days", help="Days before a date, when it is told (by itself 7,1)."
        ),
    ] = None,
    plain_http: Annotated[
        bool,
        typer.Option(
            "--plain-http",
            help="Also http:// to another machine: all on the way can read it.",
        ),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell a webhook or mailbox of entries from now on; a secret that govd makes is shown once."""
    from govd.cli.show_notices import show_receiver

    name, address, behind = _placed(words)
    kinds = [kind for text in (*on, *behind) for kind in split(text) or ()]
    days_before = _days(days)
    with opened(home) as api:
        secret = _secret(secret_file)
        receiver = api.add_notice(
            address, kinds, name, secret, body, days_before, plain_http
        )
    put(receiver, as_json, show_receiver)


@app.command("list")
def list_(
    form: FormatOption = "table", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """All receivers: of what they are told, what is due, and what is wrong."""
    from govd.cli.show_notices import show_receivers

    check_format(form)
    with opened(home) as api:
        receivers = api.notices()
    put_rows(receivers, form, as_json, show_receivers, receivers)


@app.command("history")
def history(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Only what this receiver was sent."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What became of notices, the newest first."""
    from govd.cli.show_notices import show_history

    check_format(form)
    with opened(home) as api:
        past = api.notice_history(name, limit)
    put_rows(past, form, as_json, show_history, past)


@app.command("retry")
def retry(
    notice: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A notice's id, or a receiver's name: all due to it."
        ),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send again what was given up, or what waits for its next attempt. Exit 1 where it fails
    again.
    """
    from govd.cli.show_notices import show_receiver

    with opened(home) as api:
        receiver = api.retry_notice(notice)
    put(receiver, as_json, show_receiver)
    if receiver["trouble"]:
        raise typer.Exit(1)


@app.command("test")
def send_test(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Send one notice that is about nothing. Exit 1 where it is not taken."""
    from govd.cli.show_notices import show_test

    with opened(home) as api:
        outcome = api.test_notice(name)
    put(outcome, as_json, show_test)
    if not outcome["sent"]:
        raise typer.Exit(1)


@app.command("secret")
def secret(
    name: NameArgument,
    secret_file: SecretOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Another secret for a webhook, shown this once; the one before signs beside it for a day."""
    from govd.cli.show_notices import show_receiver

    with opened(home) as api:
        put(api.renew_notice_secret(name, _secret(secret_file)), as_json, show_receiver)


@app.command("remove")
def remove(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Tell a receiver nothing more, and forget its secret."""
    from govd.cli.show_notices import show_receiver

    with opened(home) as api:
        put(api.remove_notice(name), as_json, show_receiver)


def _placed(words: list[str]) -> tuple[str, str, list[str]]:
    """Name, address, and kinds that stand behind it: `--on a b` is read so.

    Raises:
        Usage: no address, or more than one.
    """
    places = [place for place, word in enumerate(words) if ":" in word]
    if len(places) != 1 or places[0] > 1:
        advice = "Write govd notice add [NAME] https://HOST/PATH --on KIND, or mailto:ADDRESS."
        raise Usage("one address is needed, after at most one name", advice=advice)
    place = places[0]
    return "".join(words[:place]), words[place], words[place + 1 :]


def _days(text: str | None) -> list[int]:
    """Days before a date.

    Raises:
        Usage: they are no whole numbers.
    """
    try:
        return [int(part) for part in split(text) or ()]
    except ValueError:
        advice = "Write whole numbers: --days 7,1."
        raise Usage(f"{text!r} are no days", where="--days", advice=advice) from None


def _secret(path: Path | None) -> str | None:
    """The secret in a file.

    Raises:
        Usage: there is no such file. BadFile: it is no text.
    """
    if path is None:
        return None
    try:
        return path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        raise BadFile("holds no secret of a webhook", where=str(path)) from None
    except OSError as fault:
        raise Usage(f"cannot be read ({fault.strerror})", where=str(path)) from None
