"""`govd forget`, `preview`, `revert` and `govd request`: what is to go, who decides, and back."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govd.cli.access import opened
from govd.cli.options import (
    FormatOption,
    HomeOption,
    JsonOption,
    OfModelOption,
    ReasonOption,
    RequestArgument,
)
from govd.cli.output import check_format, put, put_rows
from govd.errors import MachineFault, Usage

if TYPE_CHECKING:
    from govd.service.api import Api


app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Forget requests: list, show, decide (approve, reject, withdraw, retry), hold, release,"
        " extend, criteria, shred."
    ),
)


StateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        help=(
            "filed, waiting (for a vote, a person, capacity), approved, in_force, subsumed"
            " (covered by "
            "another), reverted, denied (by a vote), rejected (by a person), withdrawn, failed;"
            " of a "
            "revert: done."
        ),
    ),
]
ConceptOption = Annotated[
    str | None,
    typer.Option(
        "--concept",
        help="That name this concept (a private one: exactly, for whoever may see it).",
    ),
]
FiledByOption = Annotated[
    str | None, typer.Option("--filed-by", help="Filed by this person or token.")
]
TicketOption = Annotated[
    str | None, typer.Option("--ticket", help="With this reference elsewhere.")
]
ListReasonOption = Annotated[
    str | None, typer.Option("--reason", help="Whose reason has this part.")
]
AfterOption = Annotated[
    int | None,
    typer.Option(
        "--after",
        help="Those after this entry: seq of the last one of the page before.",
    ),
]


@app.command("list")
def list_(
    state: StateOption = None,
    model: OfModelOption = None,
    concept: ConceptOption = None,
    domain: Annotated[
        str | None, typer.Option("--domain", help="That name this domain.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help="Voted on by this policy.")
    ] = None,
    filed_by: FiledByOption = None,
    ticket: TicketOption = None,
    reason: ListReasonOption = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Filed from this time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Filed before this time.")
    ] = None,
    after: AfterOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many.")
    ] = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Requests in the order of their filing."""
    from govd.cli.show_requests import show_requests
    from govd.records.states import check_state

    check_format(form)
    check_state(state)
    filters = {
        "state": state,
        "model": model,
        "concept": concept,
        "domain": domain,
        "policy": policy,
        "filed_by": filed_by,
    }
    filters |= {"ticket": ticket, "reason": reason}
    with opened(home) as api:
        requests = api.requests(
            since=since, until=until, after=after, limit=limit, **filters
        )
    put_rows(requests, form, as_json, show_requests, requests)


@app.command("show")
def show(
    request_id: RequestArgument,
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal",
            help="With the text of a private request; the reading is recorded.",
        ),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures", help="Write the pictures synthesised for it into this folder."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One request."""
    from govd.cli.show_requests import show_request

    with opened(home) as api:
        request = api.reveal(request_id) if reveal else api.request(request_id)
        if pictures is not None:
            request = {
                **request,
                "pictures": _write_pictures(api, str(request["id"]), pictures),
            }
    put(request, as_json, show_request)


def _write_pictures(api: Api, request_id: str, folder: Path) -> list[str]:
    """A file for each, named by its number and prompt; what is there already is not written
    over.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (prompt, data) in enumerate(api.pictures(request_id), 1):
            path = (
                folder
                / f"{number:03}-{re.sub(r'[^A-Za-z0-9]+', '-', prompt).strip('-')[:60]}.png"
            )
            if not path.exists() or path.read_bytes() != data:
                with path.open("xb") as file:
                    file.write(data)
            written.append(str(path))
    except FileExistsError as fault:
        raise Usage(
            "another file is there",
            where=str(fault.filename),
            advice="Choose a new folder; nothing is overwritten.",
        ) from None
    except OSError as fault:
        raise MachineFault(
            f"cannot be written ({fault.strerror})",
            where=str(fault.filename),
            advice="Choose another folder.",
        ) from None
    return written


def _decision(event: str, text: str) -> None:
    def command(
        request_id: RequestArgument,
        reason: ReasonOption = "",
        home: HomeOption = None,
        as_json: JsonOption = False,
    ) -> None:
        from govd.cli.show_requests import show_request

        with opened(home) as api:
            put(getattr(api, event)(request_id, reason), as_json, show_request)

    command.__doc__ = text
    app.command(event)(command)


_decision("approve", "A person's approval of a request that waits.")


_decision("reject", "A person's refusal; needs a reason.")


_decision("withdraw", "Take back a request that is not in force yet.")


_decision(
    "hold",
    "A legal hold: until it is released the request stays as it is; nobody reverts, withdraws,"
    " rejects or shreds it, and it does not expire.",
)


_decision(
    "release",
    "End a legal hold; needs a reason, and as many people who ask for it as policies want.",
)


_decision("retry", "Try a failed request again.")


@app.command("shred")
def shred(
    request_id: RequestArgument,
    reason: ReasonOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask back.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy the text of a private request, for good; every proof stays valid. Needs a reason, and
    asks back.
    """
    from govd.cli.show_requests import show_request

    with opened(home) as api:
        if not yes:
            _ask_back(
                f"Destroy the text of {api.request(request_id)['id']}? Nobody can bring it back."
            )
        put(api.shred(request_id, reason), as_json, show_request)


def _ask_back(question: str) -> None:
    """Go on only where a person says yes.

    Raises:
        Usage: nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise Usage(
            "this cannot be undone, and nobody is there to be asked",
            advice="Say --yes where a script may do it.",
        )
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


@app.command("criteria")
def criteria(
    request_id: RequestArgument,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="METRIC<=X",
            help="A criterion, in the place of that on it.",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            "--drop", metavar="METRIC", help="A metric that is bounded no more."
        ),
    ] = None,
    criterion_set: Annotated[
        str | None,
        typer.Option(
            "--criterion-set", metavar="DIGEST", help="Judge them on this set."
        ),
    ] = None,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what a forget must keep in every revision; needs a reason, and is an entry."""
    from govd.cli.show_requests import show_request

    with opened(home) as api:
        changed = api.criteria(
            request_id, set_ or (), drop or (), reason, criterion_set
        )
    put(changed, as_json, show_request)


@app.command("extend")
def extend(
    request_id: RequestArgument,
    due: Annotated[str, typer.Option("--due", help="The new date.")],
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """More time for a forget that is not in force yet; needs a reason, and as many people who ask
    for the same date as policies want.
    """
    from govd.cli.show_requests import show_request

    with opened(home) as api:
        put(api.extend(request_id, due, reason), as_json, show_request)
