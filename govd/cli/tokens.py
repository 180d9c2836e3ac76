"""`govd token`: who may talk to the daemon."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from govd.cli.access import opened
from govd.cli.options import HomeOption, JsonOption
from govd.cli.output import put

if TYPE_CHECKING:
    from govd.types import Record

TOLD: Final = 1000
"""Characters of a message at most."""
app = typer.Typer(no_args_is_help=True, help="Bearer tokens: create, list, revoke.")


PrincipalOption = Annotated[
    str | None,
    typer.Option(
        "--principal",
        help="Whose it is: what is done with it is done by principal:P. He may have several.",
    ),
]
ModelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help=(
            "Only for what is about this model: every other call is refused with it, lists of all"
            " models too. May be repeated."
        ),
    ),
]


@app.command("create")
def create(
    role: Annotated[
        str,
        typer.Option(
            "--role",
            help=(
                "owner (everything), operator (files, decides, reverts), reader (asks and"
                " previews) or "
                "inference (answers of what is served)."
            ),
        ),
    ],
    name: Annotated[
        str,
        typer.Option(
            "--name",
            help=(
                "What it is called; without --principal also who holds it: what is done with it is"
                " done by principal:NAME."
            ),
        ),
    ],
    principal: PrincipalOption = None,
    model: ModelsOption = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", help="The last day on which it lets anybody in."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A new token; it is shown this once."""
    from govd.cli.tables import show_record
    from govd.records.people import DECIDING

    with opened(home) as api:
        token = api.create_token(role, name, principal, model or (), expires)
        put(token, as_json, show_record)
        if role in DECIDING and principal is None:
            _tell_whose(token, api.principals())


def _tell_whose(token: Record, principals: Sequence[Record]) -> None:
    """Say that a token with which one may approve is counted as somebody of its own, where people
    are kept as principals and it is nobody's of them.
    """
    from govd.records.actors import OWNER, person_named, person_of
    from govd.verify.safe_text import safe

    people = {
        person_named(p["name"]) for p in principals if p["removed_at"] is None
    } - {OWNER}
    if people and person_of(token["actor"]) not in people:
        message = (
            f"govd: with this acts {token['actor']}, who is no principal and is counted as a person"
            " of his own. If it is for somebody who is one, revoke it and say --principal NAME."
        )
        print(safe(message, TOLD), file=sys.stderr)


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All tokens, without their secrets."""
    from govd.cli.show_tokens import show_tokens

    with opened(home) as api:
        put(api.tokens(), as_json, show_tokens)


@app.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a token."""
    from govd.cli.tables import show_record

    with opened(home) as api:
        put(api.revoke_token(token_id), as_json, show_record)
