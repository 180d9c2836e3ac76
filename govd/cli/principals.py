"""`govd principal`: who is in charge, as what, and who acts for whom."""

from __future__ import annotations

from typing import Annotated

import typer

from govd.cli.access import opened
from govd.cli.options import HomeOption, JsonOption, ReasonOption
from govd.cli.output import put

app = typer.Typer(
    no_args_is_help=True,
    help="People: principals with their roles, and who acts for whom.",
)
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The principal's name.")
]
RolesOption = Annotated[
    list[str],
    typer.Option(
        "--role",
        help=(
            "What he may decide as: a role of tokens (owner, operator, reader, inference) or any"
            " other that policies ask for, like legal. May be repeated."
        ),
    ),
]
ToOption = Annotated[str, typer.Option("--to", help="The principal who acts for him.")]


@app.command("add")
def add(
    name: NameArgument,
    role: RolesOption,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A new principal: one person, however many tokens he holds. `owner` gives roles to the home's
    owner and the local accounts, who are one person.
    """
    from govd.cli.show_principals import show_principal

    with opened(home) as api:
        put(api.add_principal(name, role, reason), as_json, show_principal)


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All principals with their roles and who acts for them."""
    from govd.cli.show_principals import show_principals

    with opened(home) as api:
        put(api.principals(), as_json, show_principals)


@app.command("show")
def show(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """One principal with his roles, delegations in force and tokens in use."""
    from govd.cli.show_principals import show_principal

    with opened(home) as api:
        put(api.principal(name), as_json, show_principal)


@app.command("update")
def update(
    name: NameArgument,
    role: RolesOption,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a principal other roles, instead of those that he has."""
    from govd.cli.show_principals import show_principal

    with opened(home) as api:
        put(api.update_principal(name, role, reason), as_json, show_principal)


@app.command("remove")
def remove(
    name: NameArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a principal: his tokens and delegations end, and what he approved counts no more for
    what still waits.
    """
    from govd.cli.show_principals import show_principal

    with opened(home) as api:
        put(api.remove_principal(name, reason), as_json, show_principal)


@app.command("delegate")
def delegate(
    name: NameArgument,
    to: ToOption,
    until: Annotated[
        str, typer.Option("--until", help="The last day, like 2027-01-31.")
    ],
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let another principal act for this one until a date. A role counts once for the two of
    them, and neither approves alone what the other filed.
    """
    from govd.cli.show_principals import show_principal

    with opened(home) as api:
        put(api.delegate(name, to, until, reason), as_json, show_principal)


@app.command("undelegate")
def undelegate(
    name: NameArgument,
    to: ToOption,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a delegation before its date."""
    from govd.cli.show_principals import show_principal

    with opened(home) as api:
        put(api.undelegate(name, to, reason), as_json, show_principal)
