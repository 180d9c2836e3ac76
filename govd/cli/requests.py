"""`govd forget`, `preview`, `revert` and `govd request`: what is to go, who decides, and back."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govd.cli.access import opened
from govd.cli.options import (
    FormatOption,
    HomeOption,
    JsonOption,
    KeyOption,
    ModelOption,
    OfModelOption,
    ReasonOption,
    RequestArgument,
)
from govd.cli.output import check_format, put, put_rows
from govd.errors import MachineFault, Usage
from govd.home.regular import PICTURE_BYTES, read_regular

if TYPE_CHECKING:
    from govd.service.api import Api

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Forget requests: list, show, decide (approve, reject, withdraw, retry), hold, release,"
        " extend, shred."
    ),
)

ConceptsArgument = Annotated[
    list[str] | None, typer.Argument(help="Concepts: phrases, as a person would name them.")
]
DomainOption = Annotated[
    list[str] | None, typer.Option("--domain", help="Only in this domain; may be repeated.")
]
AliasOption = Annotated[
    list[str] | None,
    typer.Option("--alias", help="Another phrase for the single concept; may be repeated."),
]
AllOption = Annotated[bool, typer.Option("--all-concepts", help="Everything in the domains named.")]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        help=(
            "unnamed: no picture gets its label; level: its word finds its pictures no better than"
            " any others; shift: nor do examples of it."
        ),
    ),
]
StrengthOption = Annotated[
    float,
    typer.Option(
        "--strength",
        help=(
            "1 is as solved for the target; more is more certain and costs more of the other"
            " answers, less the other way round (0 to 2)."
        ),
    ),
]
MethodOption = Annotated[
    str,
    typer.Option(
        "--method",
        help=(
            "auto chooses by what the model was registered with; or a method by name (README,"
            " Methods)."
        ),
    ),
]
ExampleOption = Annotated[
    list[Path] | None,
    typer.Option("--example", help="A picture of the single concept; may be repeated."),
]
PrototypesOption = Annotated[
    int,
    typer.Option(
        "--prototypes",
        help="Synthesise N pictures for each concept: takes a minute and more on a CPU.",
    ),
]


def forget(
    concepts: ConceptsArgument = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="The registered model; with --from a column may say it."),
    ] = None,
    domain: DomainOption = None,
    alias: AliasOption = None,
    all_concepts: AllOption = False,
    target: TargetOption = None,
    strength: StrengthOption = 1.0,
    method: MethodOption = "auto",
    prototypes: PrototypesOption = 0,
    example: ExampleOption = None,
    reason: ReasonOption = "",
    basis: Annotated[str, typer.Option("--basis", help="The legal or contractual basis.")] = "",
    ticket: Annotated[str, typer.Option("--ticket", help="A reference elsewhere.")] = "",
    due: Annotated[str | None, typer.Option("--due", help="Must be in force by this date.")] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="A date after which it may be reverted.")
    ] = None,
    key: KeyOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when it is decided and served.")
    ] = False,
    private: Annotated[
        bool,
        typer.Option(
            "--private",
            help=(
                "The ledger holds a commitment; names and reasons can be destroyed. Without"
                " concepts, they are asked for: what is typed "
                "behind a command is in the list of processes and in the shell's history."
            ),
        ),
    ] = False,
    rows: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help=(
                "A forget for each row: one name a line, or CSV with a column concept and these"
                " options as columns (several values "
                "between |); - for standard input. Each row is answered; one that is wanted already"
                " is told and is no fault."
            ),
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """File a forget request: concepts everywhere, concepts in some domains, or everything in some
    domains.
    """
    from govd.cli.show import show_request

    options = _scope(domain, alias, all_concepts, target, strength, method, prototypes, example)
    circumstances: dict[str, Any] = {
        "reason": reason,
        "basis": basis,
        "ticket": ticket,
        "due": due,
        "expires": expires,
    }
    options |= circumstances | {"idempotency_key": key, "private": private}
    if rows is not None:
        _forget_rows(rows, concepts, model, options, wait, home, as_json)
        return
    if model is None:
        raise Usage("no model", advice="Say --model NAME; `govd model list` shows them.")
    if private and not concepts and not all_concepts:
        from govd.cli.filings import read_private_names

        concepts, asked_reason = read_private_names()
        options["reason"] = reason or asked_reason or ""
    with opened(home) as api:
        found = api.forget(*(concepts or ()), model=model, wait=wait or not api.remote, **options)
    put(found, as_json, show_request)
    if found["state"] in ("denied", "failed"):
        raise typer.Exit(1)


def _forget_rows(
    path: Path,
    concepts: list[str] | None,
    model: str | None,
    options: dict[str, Any],
    wait: bool,
    home: Path | None,
    as_json: bool,
) -> None:
    """File the rows of a file; exit 1 where one of them was refused, denied or failed."""
    from govd.cli.filings import file_all, read_filings
    from govd.cli.show import show_filings

    if concepts or options["idempotency_key"]:
        raise Usage(
            "--from files each row", advice="Put concepts and idempotency keys into the file."
        )
    filings = read_filings(path)
    with opened(home) as api:
        answers = file_all(api, filings, model, options, wait or not api.remote)
    put(answers, as_json, show_filings)
    if any(
        answer["answer"] == "refused" or answer["state"] in ("denied", "failed")
        for answer in answers
    ):
        raise typer.Exit(1)


def preview(
    model: ModelOption,
    concepts: ConceptsArgument = None,
    domain: DomainOption = None,
    alias: AliasOption = None,
    all_concepts: AllOption = False,
    target: TargetOption = None,
    strength: StrengthOption = 1.0,
    method: MethodOption = "auto",
    prototypes: PrototypesOption = 0,
    example: ExampleOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a forget would do: will it work, what does it cost, does it wait and for whom; files
    nothing.
    """
    from govd.cli.show_preview import show_preview

    options = _scope(domain, alias, all_concepts, target, strength, method, prototypes, example)
    with opened(home) as api:
        put(api.preview(*(concepts or ()), model=model, **options), as_json, show_preview)


def _scope(
    domain: list[str] | None,
    alias: list[str] | None,
    everything: bool,
    target: str | None,
    strength: float,
    method: str,
    prototypes: int,
    example: list[Path] | None,
) -> dict[str, Any]:
    named = {
        "domains": domain or [],
        "aliases": alias or [],
        "all_concepts": everything,
        "examples": [_picture(p) for p in example or []],
    }
    return {
        **named,
        "target": target,
        "strength": strength,
        "method": method,
        "prototypes": prototypes,
    }


def _picture(path: Path) -> bytes:
    try:
        return read_regular(path, PICTURE_BYTES)
    except OSError as fault:
        raise Usage(f"the example cannot be read ({fault.strerror})", where=str(path)) from None


def revert(
    request_id: RequestArgument,
    reason: ReasonOption = "",
    key: KeyOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is served.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a forget back, with a reason: what is published is then as if it had never been."""
    from govd.cli.show import show_request

    if not reason.strip():
        raise Usage(
            "a revert needs a reason",
            advice="Say --reason TEXT: whoever asks later who took it back reads it.",
        )
    with opened(home) as api:
        put(
            api.revert(request_id, reason=reason, idempotency_key=key, wait=wait or not api.remote),
            as_json,
            show_request,
        )


@app.command("list")
def list_(
    state: Annotated[
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
    ] = None,
    model: OfModelOption = None,
    concept: Annotated[
        str | None,
        typer.Option(
            "--concept",
            help="That name this concept (a private one: exactly, for whoever may see it).",
        ),
    ] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="That name this domain.")] = None,
    policy: Annotated[str | None, typer.Option("--policy", help="Voted on by this policy.")] = None,
    filed_by: Annotated[
        str | None, typer.Option("--filed-by", help="Filed by this person or token.")
    ] = None,
    ticket: Annotated[
        str | None, typer.Option("--ticket", help="With this reference elsewhere.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Whose reason has this part.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Filed from this time on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Filed before this time.")] = None,
    after: Annotated[
        int | None,
        typer.Option(
            "--after", help="Those after this entry: seq of the last one of the page before."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Requests in the order of their filing."""
    from govd.cli.show import show_requests
    from govd.service.states import check_state

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
        found = api.requests(since=since, until=until, after=after, limit=limit, **filters)
    put_rows(found, form, as_json, show_requests, found)


@app.command("show")
def show(
    request_id: RequestArgument,
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal", help="With the text of a private request; the reading is recorded."
        ),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", help="Write the pictures synthesised for it into this folder."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One request."""
    from govd.cli.show import show_request

    with opened(home) as api:
        found = api.reveal(request_id) if reveal else api.request(request_id)
        if pictures is not None:
            found = {**found, "pictures": _write_pictures(api, str(found["id"]), pictures)}
    put(found, as_json, show_request)


def _write_pictures(api: Api, request_id: str, folder: Path) -> list[str]:
    """A file for each, named by its number and prompt; what is there already is not written
    over.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (prompt, data) in enumerate(api.pictures(request_id), 1):
            path = (
                folder / f"{number:03}-{re.sub(r'[^A-Za-z0-9]+', '-', prompt).strip('-')[:60]}.png"
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
        from govd.cli.show import show_request

        with opened(home) as api:
            put(getattr(api, event)(request_id, reason), as_json, show_request)

    command.__doc__ = text
    app.command(event)(command)


_decision("approve", "A person's approval of a request that waits.")
_decision("reject", "A person's refusal; needs a reason.")
_decision("withdraw", "Take back a request that is not in force yet.")
_decision(
    "hold",
    "A legal hold: the request is neither reverted, withdrawn, rejected nor shredded until it is"
    " released.",
)
_decision("release", "End a legal hold; needs a reason.")
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
    from govd.cli.show import show_request

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


@app.command("extend")
def extend(
    request_id: RequestArgument,
    due: Annotated[str, typer.Option("--due", help="The new date.")],
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """More time for a forget that is not in force yet; needs a reason."""
    from govd.cli.show import show_request

    with opened(home) as api:
        put(api.extend(request_id, due, reason), as_json, show_request)
