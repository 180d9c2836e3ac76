"""Records as tables for people."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from govd.types import Json


def show_doctor(found: Mapping[str, Json]) -> None:
    """What `doctor` found, and what to do about it."""
    console = Console()
    versions = Table(title="Versions", title_justify="left", show_header=False, box=None)
    for name, version in found["versions"].items():
        versions.add_row(name, version or "[yellow]not installed[/]")
    plugins = Table("plugin", "from", "version", "state", title="Plugins", title_justify="left")
    for plugin in found["plugins"]:
        plugins.add_row(
            plugin["name"], plugin["source"], plugin["version"], f"[red]{plugin['fault']}[/]" if plugin["fault"] else "[green]in use[/]"
        )
    console.print(versions)
    console.print(plugins)
    for fault in found["faults"]:
        console.print(f"[red]fault[/] {fault}")
    if not found["faults"]:
        console.print("[green]Nothing is wrong.[/]")
