"""`govd forget`, `preview` and `revert`: what is to go, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
from govd.cli.scope_options import (
    AliasOption,
    AllOption,
    BasisOption,
    ConceptsArgument,
    CriterionOption,
    CriterionSetOption,
    DomainOption,
    DueOption,
    ExampleOption,
    ExpiresOption,
    ForgetModelOption,
    MethodOption,
    PreviewModelOption,
    PrivateOption,
    PrototypesOption,
    RevertOption,
    RowsOption,
    StrengthOption,
    TargetOption,
    TicketOption,
    WaitOption,
)
from govd.errors import Usage
from govd.home.regular import PICTURE_BYTES, read_regular


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
    basis: BasisOption = "",
    ticket: TicketOption = "",
    due: DueOption = None,
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
    options |= _why(reason, basis, ticket, due, expires)
    options |= {"idempotency_key": key, "private": private}
    options |= {"criteria": criterion or [], "criterion_set": criterion_set}
    if rows is not None:
        _forget_rows(rows, concepts, model, options, wait, home, as_json)
        return
    if model is None:
        raise _no_model()
    if private and not concepts and not all_concepts:
        concepts, options["reason"] = _typed_names(reason)
    with opened(home) as api:
        request = api.forget(
            *(concepts or ()), model=model, wait=wait or not api.remote, **options
        )
    put(request, as_json, show_request)
    if request["state"] in ("denied", "failed"):
        raise typer.Exit(1)


def _typed_names(reason: str) -> tuple[list[str], str]:
    """Names that are asked for, and the reason, where none is given yet."""
    from govd.cli.filings import read_private_names

    names, typed_reason = read_private_names()
    return names, reason or typed_reason or ""


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
    reason: ReasonOption = "",
    basis: BasisOption = "",
    ticket: TicketOption = "",
    due: DueOption = None,
    expires: ExpiresOption = None,
    criterion: CriterionOption = None,
    criterion_set: CriterionSetOption = None,
    key: KeyOption = None,
    wait: WaitOption = False,
    private: PrivateOption = False,
    rows: RowsOption = None,
    revert: RevertOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a forget would do: will it work, what does it cost, does it wait and for whom; or what
    a revert would bring back. Takes what `govd forget` takes, and files nothing.
    """
    from govd.cli.show_preview import show_preview

    if revert is not None:
        _preview_revert(revert, bool(concepts or domain or all_concepts), home, as_json)
        return
    options = _scope(
        domain, alias, all_concepts, target, strength, method, prototypes, example
    )
    options |= _why(reason, basis, ticket, due, expires) | {"private": private}
    options |= {"criteria": criterion or [], "criterion_set": criterion_set}
    if rows is not None:
        _preview_rows(rows, concepts, model, options, home, as_json)
        return
    if model is None:
        raise _no_model()
    if private and not concepts and not all_concepts:
        concepts, options["reason"] = _typed_names(reason)
    with opened(home) as api:
        record = api.preview(*(concepts or ()), model=model, **options)
    put(record, as_json, show_preview)


def _preview_rows(
    path: Path,
    concepts: list[str] | None,
    model: str | None,
    options: dict[str, Any],
    home: Path | None,
    as_json: bool,
) -> None:
    """Preview the rows of a file, each alone; exit 1 where one of them cannot be."""
    from govd.cli.filings import preview_all, read_filings
    from govd.cli.show_preview import show_previews

    if concepts:
        raise Usage(
            "--from previews each row", advice="Put concepts into the file, too."
        )
    filings = read_filings(path)
    with opened(home) as api:
        answers = preview_all(api, filings, model, options)
    put(answers, as_json, show_previews)
    if any(answer["preview"] is None for answer in answers):
        raise typer.Exit(1)


def _preview_revert(
    forget_id: str, is_scoped: bool, home: Path | None, as_json: bool
) -> None:
    from govd.cli.show_returning import show_revert_preview

    if is_scoped:
        raise Usage(
            "--revert says what it is about", advice="Name no concepts beside it."
        )
    with opened(home) as api:
        put(api.preview_revert(forget_id), as_json, show_revert_preview)


def _no_model() -> Usage:
    return Usage("no model", advice="Say --model NAME; `govd model list` shows them.")


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
    scope_fields = {
        "domains": domain or [],
        "aliases": alias or [],
        "all_concepts": everything,
        "examples": [_picture(p) for p in example or []],
    }
    return {
        **scope_fields,
        "target": target,
        "strength": strength,
        "method": method,
        "prototypes": prototypes,
    }


def _why(
    reason: str, basis: str, ticket: str, due: str | None, expires: str | None
) -> dict[str, Any]:
    dates = {"due": due, "expires": expires}
    return {"reason": reason, "basis": basis, "ticket": ticket, **dates}


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
