"""Principals, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from govd.cli.tables import console, escape, minute, moment, table
from govd.records.actors import spoken

if TYPE_CHECKING:
    from govd.types import Json


def show_principals(principals: Sequence[Mapping[str, Json]]) -> None:
    """Principals, a line each."""
    if not principals:
        console().print("nobody yet: govd principal add NAME --role ROLE")
        return
    rows = [
        (
            escape(principal["name"]),
            escape(", ".join(principal["roles"])),
            escape(_delegates(principal)) or "–",
            len(principal["tokens"]),
            minute(principal["added_at"]),
            minute(principal["removed_at"]),
        )
        for principal in principals
    ]
    columns = (
        "name",
        "roles",
        "for him acts",
        "tokens",
        "added (UTC)",
        "removed (UTC)",
    )
    console().print(table(*columns, rows=rows))


def show_principal(principal: Mapping[str, Json]) -> None:
    """One principal."""
    out = console()
    roles = escape(", ".join(principal["roles"]))
    out.print(
        f"[bold]{escape(principal['name'])}[/] ({escape(principal['actor'])}): {roles}"
    )
    out.print(
        f"  added by {escape(spoken(principal['added_by']))} on {moment(principal['added_at'])}"
    )
    if principal["removed_at"]:
        out.print(f"  [yellow]removed on {moment(principal['removed_at'])}[/]")
        return
    for delegation in principal["delegations"]:
        because = f": {escape(delegation['reason'])}" if delegation["reason"] else ""
        out.print(
            f"  {escape(delegation['to'])} acts for him until {delegation['until'][:10]}{because}"
        )
    if principal["tokens"]:
        out.print(f"  tokens in use: {', '.join(principal['tokens'])}")
    elif principal["name"] != "owner":
        out.print(
            "  [yellow]next:[/] govd token create --role operator --name NAME --principal"
            f" {escape(quote(principal['name']))}"
        )


def _delegates(principal: Mapping[str, Json]) -> str:
    """Who acts for a principal, and until when."""
    return ", ".join(
        f"{d['to']} until {d['until'][:10]}" for d in principal["delegations"]
    )
