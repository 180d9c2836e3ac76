"""Receivers of notices and what they were told, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from govd.cli.tables import console, count, escape, minute, table

if TYPE_CHECKING:
    from govd.types import Json


def show_receivers(receivers: Sequence[Mapping[str, Json]]) -> None:
    """Receivers, a line each, and what is wrong with them."""
    out = console()
    if not receivers:
        out.print("Nobody is told of anything yet: govd notice add URL --on KIND")
        return
    rows = [
        (
            escape(r["name"]),
            escape(r["to"]),
            escape(", ".join(r["on"])),
            _state(r),
            r["due"],
            r["sent"],
            minute(r["last_sent_at"]),
        )
        for r in receivers
    ]
    out.print(
        table("name", "to", "on", "state", "due", "sent", "last sent (UTC)", rows=rows)
    )
    for receiver in receivers:
        _show_trouble(receiver)


def show_receiver(receiver: Mapping[str, Json]) -> None:
    """One receiver; its secret where it was just made."""
    out = console()
    out.print(
        f"{escape(receiver['name'])}: {escape(receiver['to'])} {_state(receiver)}, on"
        f" {escape(', '.join(receiver['on']))}",
        soft_wrap=True,
    )
    if receiver["days"] and receiver["state"] != "removed":
        days = ", ".join(str(day) for day in receiver["days"])
        out.print(f"dates are told {days} days before")
    if receiver["state"] != "removed":
        sent = count(receiver["sent"], "notice")
        out.print(f"{sent} sent, {receiver['due']} due")
    _show_trouble(receiver)
    if receiver.get("secret"):
        out.print(f"secret: {receiver['secret']}", soft_wrap=True)
        out.print("It is shown this once: the receiver checks signatures with it.")


def show_history(past: Sequence[Mapping[str, Json]]) -> None:
    """What became of notices, a line each."""
    out = console()
    if not past:
        out.print("No notice was sent yet.")
        return
    rows = [
        (
            minute(notice["at"]),
            escape(notice["receiver"]),
            escape(notice["kind"]),
            escape(notice["subject"]),
            "[green]sent[/]" if notice["state"] == "sent" else "[red]failed[/]",
        )
        for notice in past
    ]
    out.print(table("time (UTC)", "receiver", "kind", "subject", "state", rows=rows))
    for notice in past:
        if notice["state"] == "failed":
            reason = (
                f"{escape(notice['reason'])}, {count(notice['attempts'], 'attempt')}"
            )
            out.print(
                f"[red]failed[/] {escape(notice['id'])}: {reason}", soft_wrap=True
            )


def show_test(outcome: Mapping[str, Json]) -> None:
    """Whether a test was taken."""
    name = escape(outcome["receiver"])
    if outcome["sent"]:
        console().print(f"[green]{name} took it[/] ({outcome['status']}).")
    else:
        console().print(f"[red]{name} did not take it[/]: {escape(outcome['reason'])}.")


def _state(receiver: Mapping[str, Json]) -> str:
    colour = {"active": "green", "failed": "red"}.get(str(receiver["state"]), "dim")
    colour = "yellow" if receiver["trouble"] and colour == "green" else colour
    return f"[{colour}]{escape(receiver['state'])}[/]"


def _show_trouble(receiver: Mapping[str, Json]) -> None:
    if receiver["trouble"]:
        name = escape(receiver["name"])
        trouble = escape(receiver["trouble"])
        console().print(f"[red]not told[/] {name}: {trouble}", soft_wrap=True)
