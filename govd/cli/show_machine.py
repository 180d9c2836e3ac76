"""What `doctor`, `config`, `backup` and `restore` say, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from govd.cli.tables import console, count, escape, table

if TYPE_CHECKING:
    from govd.types import Json


def show_doctor(found: Mapping[str, Json]) -> None:
    """What `doctor` found, and what to do about it."""
    out = console()
    versions = Table(
        title="This machine", title_justify="left", show_header=False, box=None
    )
    versions.add_column(no_wrap=True)
    versions.add_column(overflow="fold")
    for name, version in found["versions"].items():
        versions.add_row(
            name, escape(version) if version else "[yellow]not installed[/]"
        )
    rows = [
        (
            escape(p["name"]),
            escape(p["source"]),
            escape(p["version"]),
            f"[red]{escape(p['fault'])}[/]" if p["fault"] else "[green]in use[/]",
        )
        for p in found["plugins"]
    ]
    for device in found["devices"]:
        versions.add_row("device", escape(device))
    home = found["home"]
    ledger = (
        f"{home['size']} entries, schema {home['schema']}, {home['origin']}"
        if "size" in home
        else "none yet"
    )
    running = f"runs at {home['daemon']}" if home["daemon"] else "does not run"
    for name, text in (
        ("home", home["folder"]),
        ("ledger", ledger),
        ("key", home.get("key", "made on first use")),
        ("daemon", running),
    ):
        versions.add_row(name, escape(text))
    versions.add_row("free", f"{home['free_bytes'] / 2**30:.1f} GiB")
    out.print(versions)
    out.print(table("plugin", "from", "version", "state", rows=rows, title="Plugins"))
    for fault in found["faults"]:
        out.print(f"[red]fault[/] {escape(fault)}")
    if not found["faults"]:
        out.print(
            "[green]Nothing is wrong. (Entries and artifacts were not checked: govd audit"
            " verify.)[/]"
        )


def show_settings(found: Mapping[str, Json]) -> None:
    """The settings of a home, a block each."""
    out = console()
    out.print(
        escape(found["file"])
        + ("" if found["exists"] else " (not there: every setting has its default)")
    )
    for row in found["settings"]:
        value, default = (
            escape(json.dumps(row[name])) for name in ("value", "default")
        )
        out.print(
            f"[bold]{row['name']}[/] = {value}"
            + (f"  [dim](default {default})[/]" if value != default else "")
        )
        out.print(f"  {escape(row['meaning'])}")


def show_backup(found: Mapping[str, Json]) -> None:
    """A backup that was written."""
    out = console()
    out.print(
        f"{escape(found['file'])}: {count(found['entries'], 'entry')} of {escape(found['origin'])}"
    )
    for why, names in _by_reason(found["left_out"]).items():
        listed = ", ".join(names[:4]) + (
            f" and {len(names) - 4} more" if len(names) > 4 else ""
        )
        out.print(f"[dim]left out: {escape(listed)} ({escape(why)})[/]", soft_wrap=True)
    out.print("It holds the signing key: keep it as safe as the home.")


def _by_reason(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for name, why in left_out.items():
        reasons.setdefault(why, []).append(name)
    return reasons


def show_restored(found: Mapping[str, Json]) -> None:
    """A home that was made from a backup."""
    out = console()
    out.print(f"{escape(found['home'])}: {count(found['entries'], 'entry')}, verified.")
    for warning in found["warnings"]:
        out.print(f"[yellow]{escape(warning)}[/]", soft_wrap=True)
