"""Loads plugins from the entry points of the group `govd`: a broken one is named, and the rest goes
on.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import pluggy

from govd import hookspecs
from govd.asking.limited import Call, words

IMPORT_SECONDS: Final = 60.0
"""For which a plugin's import is waited for."""


@dataclass(frozen=True)
class Plugin:
    """One plugin as it was found: its name, where it comes from, and why it is not in use, if
    so.
    """

    name: str
    source: str
    version: str
    fault: str = ""


def found_entry_points() -> list[EntryPoint]:
    """What installed distributions offer, in the order of their names."""
    return sorted(entry_points(group="govd"), key=lambda e: (e.name, e.value))


def load(
    disabled: frozenset[str] = frozenset(), points: list[EntryPoint] | None = None
) -> tuple[pluggy.PluginManager, list[Plugin]]:
    """A plugin manager with everything that could be loaded, and a record of everything that was
    found.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    records = []
    for point in found_entry_points() if points is None else points:
        if point.name in disabled:
            continue
        version = point.dist.version if point.dist else ""
        records.append(
            Plugin(point.name, point.value, version, _register(manager, point))
        )
    return manager, records


def _register(manager: pluggy.PluginManager, point: EntryPoint) -> str:
    """Register one; the reason where that fails. A plugin's import may raise anything, or hang:
    that is its fault, told, not hidden.
    """
    importing = Call(point.load)
    if not importing.start(f"import of plugin {point.name}", IMPORT_SECONDS):
        return f"its import did not end within {IMPORT_SECONDS:g} s"
    if importing.error is not None:
        return words(importing.error)
    if manager.has_plugin(point.name):
        return f"the name {point.name!r} is taken by another plugin"
    registering = Call(lambda: _registered(manager, point.name, importing.answer))
    if (
        registering.start(f"plugin {point.name}", IMPORT_SECONDS)
        and registering.error is None
    ):
        return ""
    if manager.has_plugin(point.name):
        manager.unregister(name=point.name)
    if registering.error:
        return words(registering.error)
    return f"its hooks could not be looked at within {IMPORT_SECONDS:g} s"


def _registered(manager: pluggy.PluginManager, name: str, plugin: object) -> None:
    manager.register(plugin, name)
    manager.check_pending()
