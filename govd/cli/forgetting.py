"""`govd forget`, `preview` and `revert`: what is to go, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govd.cli.access import opened
from govd.cli.options import (
    HomeOption,
    JsonOption,
    KeyOption,
    ReasonOption,
    RequestArgument,
)
from govd.cli.output import put
from govd.errors import Usage
from govd.home.regular import PICTURE_BYTES, read_regular

if TYPE_CHECKING:
    pass


ConceptsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Concepts: phrases, as a person would name them."),
]
DomainOption = Annotated[
    list[str] | None,
    typer.Option("--domain", help="Only in this domain; may be repeated."),
]
AliasOption = Annotated[
    list[str] | None,
    typer.Option(
        "--alias", help="Another phrase for the single concept; may be repeated."
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all-concepts", help="Everything in the domains named.")
]
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


ForgetModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", help="The registered model; with --from a column may say it."
    ),
]
ExpiresOption = Annotated[
    str | None, typer.Option("--expires", help="A date after which it may be reverted.")
]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Return when it is decided and served.")
]
PrivateOption = Annotated[
    bool,
    typer.Option(
        "--private",
        help=(
            "The ledger holds a commitment; names and reasons can be destroyed. Without"
            " concepts, they are asked for: what is typed "
            "behind a command is in the list of processes and in the shell's history."
        ),
    ),
]
CriterionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--criterion",
        metavar="METRIC<=X",
        help=(
            "What it must keep in every revision while it stands: named<=0.01, cost<=2%,"
            " worst_cell<=0.05; may be repeated (metrics: README, Acceptance criteria)."
        ),
    ),
]
CriterionSetOption = Annotated[
    str | None,
    typer.Option(
        "--criterion-set",
        metavar="DIGEST",
        help="Judge the criteria on this evaluation set; by default on that of the model now.",
    ),
]
RowsOption = Annotated[
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
]


def forget(
    concepts: ConceptsArgument = None,
    model: ForgetModelOption = None,
    domain: DomainOption = None,
    alias: AliasOption = None,
    all_concepts: AllOption = False,
    target: TargetOption = None,
    strength: StrengthOption = 1.0,
    method: MethodOption = "auto",
    prototypes: PrototypesOption = 0,
    example: ExampleOption = None,
    reason: ReasonOption = "",
    basis: Annotated[
        str, typer.Option("--basis", help="The legal or contractual basis.")
    ] = "",
    ticket: Annotated[
        str, typer.Option("--ticket", help="A reference elsewhere.")
    ] = "",
    due: Annotated[
        str | None, typer.Option("--due", help="Must be in force by this date.")
    ] = None,
    expires: ExpiresOption = None,
    criterion: CriterionOption = None,
    criterion_set: CriterionSetOption = None,
    key: KeyOption = None,
    wait: WaitOption = False,
    private: PrivateOption = False,
    rows: RowsOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """File a forget request: concepts everywhere, concepts in some domains, or everything in some
    domains.
    """
    from govd.cli.show_requests import show_request

    options = _scope(
        domain, alias, all_concepts, target, strength, method, prototypes, example
    )
    options |= {"reason": reason, "basis": basis, "ticket": ticket, "due": due}
    options |= {"expires": expires, "idempotency_key": key, "private": private}
    options |= {"criteria": criterion or [], "criterion_set": criterion_set}
    if rows is not None:
        _forget_rows(rows, concepts, model, options, wait, home, as_json)
        return
    if model is None:
        raise Usage(
            "no model", advice="Say --model NAME; `govd model list` shows them."
        )
    if private and not concepts and not all_concepts:
        from govd.cli.filings import read_private_names

        concepts, typed_reason = read_private_names()
        options["reason"] = reason or typed_reason or ""
    with opened(home) as api:
        request = api.forget(
            *(concepts or ()), model=model, wait=wait or not api.remote, **options
        )
    put(request, as_json, show_request)
    if request["state"] in ("denied", "failed"):
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
    from govd.cli.show_requests import show_filings

    if concepts or options["idempotency_key"]:
        raise Usage(
            "--from files each row",
            advice="Put concepts and idempotency keys into the file.",
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


PreviewModelOption = Annotated[
    str | None, typer.Option("--model", help="The registered model; not with --revert.")
]
RevertOption = Annotated[
    str | None,
    typer.Option(
        "--revert",
        metavar="ID",
        help="What the revert of this forget would bring back.",
    ),
]


def preview(
    model: PreviewModelOption = None,
    concepts: ConceptsArgument = None,
    domain: DomainOption = None,
    alias: AliasOption = None,
    all_concepts: AllOption = False,
    target: TargetOption = None,
    strength: StrengthOption = 1.0,
    method: MethodOption = "auto",
    prototypes: PrototypesOption = 0,
    example: ExampleOption = None,
    criterion: CriterionOption = None,
    revert: RevertOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a forget would do: will it work, what does it cost, does it wait and for whom; or what
    a revert would bring back. Files nothing.
    """
    from govd.cli.show_preview import show_preview
    from govd.cli.show_returning import show_revert_preview

    if revert is not None:
        if concepts or domain or all_concepts:
            raise Usage(
                "--revert says what it is about", advice="Name no concepts beside it."
            )
        with opened(home) as api:
            put(api.preview_revert(revert), as_json, show_revert_preview)
        return
    if model is None:
        raise Usage(
            "no model", advice="Say --model NAME; `govd model list` shows them."
        )
    options = _scope(
        domain, alias, all_concepts, target, strength, method, prototypes, example
    )
    options["criteria"] = criterion or []
    with opened(home) as api:
        put(
            api.preview(*(concepts or ()), model=model, **options),
            as_json,
            show_preview,
        )


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
        raise Usage(
            f"the example cannot be read ({fault.strerror})", where=str(path)
        ) from None


def revert(
    request_id: RequestArgument,
    reason: ReasonOption = "",
    key: KeyOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when it is served.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a forget back, with a reason: what is published is then as if it had never been."""
    from govd.cli.show_requests import show_request

    if not reason.strip():
        raise Usage(
            "a revert needs a reason",
            advice="Say --reason TEXT: whoever asks later who took it back reads it.",
        )
    with opened(home) as api:
        put(
            api.revert(
                request_id,
                reason=reason,
                idempotency_key=key,
                wait=wait or not api.remote,
            ),
            as_json,
            show_request,
        )
