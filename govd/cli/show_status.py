"""How a home stands, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console

from govd.cli.capacity import capacity_line, of_others
from govd.cli.show_feeds import show_feed_trouble
from govd.cli.show_models import show_retired
from govd.cli.show_stores import show_copies
from govd.cli.tables import console, count, escape, state, table

if TYPE_CHECKING:
    from govd.types import Json


def show_status(found: Mapping[str, Json]) -> None:
    """What serves, what waits, how large the ledger is."""
    out = console()
    rows = [
        (
            escape(m["name"]),
            m["revision"] or "base",
            m["rank"],
            m["in_force"],
            m["subsumed"],
        )
        for m in found["models"]
    ]
    if rows:
        out.print(table("model", "revision", "rank", "in force", "subsumed", rows=rows))
    else:
        out.print("No model is registered yet: govd model add NAME REFERENCE")
    for model in found["models"]:
        if model.get("undelivered"):
            out.print(
                f"[red]not delivered[/] {escape(model['name'])}: {escape(model['undelivered'])}"
            )
        if model.get("capacity"):
            out.print(
                f"{escape(model['name'])}: {of_others(model['capacity'])}, by how many forgets:"
                f" {capacity_line(model['capacity'])}"
            )
        show_copies(model["name"], model.get("copies", ()))
    show_retired(found["retired"])
    frozen = found.get("frozen")
    if frozen:
        out.print(
            f"[red]frozen[/] since {frozen['at'][:16]} by {escape(frozen['by'])}:"
            f" {escape(frozen['reason'])} (govd policy unfreeze)"
        )
    for mode in ("enforce", "shadow"):
        names = [
            escape(p["name"]) for p in found.get("policies", ()) if p["mode"] == mode
        ]
        if names:
            how = "enforced" if mode == "enforce" else "in shadow"
            out.print(f"policies {how}: {', '.join(names)}")
    _show_requests(found)
    ledger = found["ledger"]
    if ledger.get("fault"):
        out.print(f"[red]the ledger takes no entries[/]: {escape(ledger['fault'])}")
    out.print(
        f"ledger {escape(ledger['origin'])}: {count(ledger['size'], 'entry')}, root"
        f" {ledger['root'][:16]}…"
    )


def _show_untold(out: Console, status: Mapping[str, Json]) -> None:
    """The feeds that are at fault or wait for a person; the receivers of notices that are not told
    what they should be.
    """
    for feed in status.get("feeds", ()):
        show_feed_trouble(feed)
    for receiver in status.get("notices", ()):
        out.print(
            f"[red]not told[/] {escape(receiver['name'])}: {escape(receiver['trouble'])}"
            f" ({count(receiver['due'], 'notice')} due)",
            soft_wrap=True,
        )


def _show_requests(found: Mapping[str, Json]) -> None:
    """The requests that somebody should look at."""
    out = console()
    for waiting in found["waiting"]:
        out.print(
            f"{waiting['id']} {state(waiting['state'])} {escape(waiting['reason'])}"
        )
    for breach in found.get("recognised", ()):
        out.print(
            f"{breach['id']} [red]is recognised again[/]: {escape(breach['reason'])}"
        )
    for expired in found.get("expired", ()):
        identifier = expired["id"]
        day = expired["expires_at"][:10]
        out.print(
            f"{identifier} [yellow]expired[/] on {day} and still in force: govd revert {identifier}"
            " --reason …"
        )
    _show_untold(out, found)


def show_reconciled(record: Mapping[str, Json]) -> None:
    """What was still to do, and what is left of it."""
    out = console()
    if record["daemon"]:
        out.print(
            "A daemon runs on this home: it does by itself what is to do (govd status)."
        )
        return
    for verb, lines in (("was", record["done"]), ("is left", record["left"])):
        for line in lines:
            out.print(f"{verb}: {escape(line)}", soft_wrap=True)
    out.print(
        "[red]Something is left.[/]" if record["left"] else "Nothing is left to do."
    )
