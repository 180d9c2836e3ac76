"""Loads plugins from the entry points of the group `govd`: a broken one is named, and the rest goes on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from govd import hookspecs
from govd.errors import GovdError, PluginFault


@dataclass(frozen=True)
class Plugin:
    """One plugin as it was found: its name, where it comes from, and why it is not in use, if so."""

    name: str
    source: str
    version: str
    fault: str = ""


def found_entry_points() -> list[EntryPoint]:
    """What installed distributions offer, in the order of their names."""
    return sorted(entry_points(group="govd"), key=lambda e: (e.name, e.value))


def load(disabled: frozenset[str] = frozenset(), points: list[EntryPoint] | None = None) -> tuple[pluggy.PluginManager, list[Plugin]]:
    """A plugin manager with everything that could be loaded, and a record of everything that was found."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    records = []
    for point in found_entry_points() if points is None else points:
        if point.name in disabled:
            continue
        version = point.dist.version if point.dist else ""
        records.append(Plugin(point.name, point.value, version, _register(manager, point)))
    return manager, records


def _register(manager: pluggy.PluginManager, point: EntryPoint) -> str:
    """Register one; the reason where that fails. A plugin's import may raise anything: that is its fault, and is told, not hidden."""
    try:
        plugin = point.load()
        if manager.has_plugin(point.name):
            return f"the name {point.name!r} is taken by another plugin"
        manager.register(plugin, point.name)
        manager.check_pending()
    except Exception as fault:  # noqa: BLE001 - whatever a foreign module raises is recorded with its name
        if manager.has_plugin(point.name):
            manager.unregister(name=point.name)
        return f"{type(fault).__name__}: {fault}"
    return ""


def ask_each(manager: pluggy.PluginManager, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
    """Ask every plugin by itself (pluggy would stop at the first that raises): (plugin, answer), a `PluginFault` where it raised."""
    answers: list[tuple[str, Any]] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        name = implementation.plugin_name
        try:
            answer = implementation.function(*(arguments[a] for a in implementation.argnames))
        except Exception as fault:  # noqa: BLE001 - see above
            answer = PluginFault(f"{type(fault).__name__}: {fault}", where=f"plugin {name}, {hook}")
        if answer is not None:
            answers.append((name, answer))
    return answers


def ask_first(manager: pluggy.PluginManager, hook: str, **arguments: Any) -> tuple[str, Any]:
    """The first answer of a *first* hook, in pluggy's order (what was registered last is asked first), and whose it is; "" and None where
    nobody has one.

    Raises:
        PluginFault: a plugin raised something that is no error of govd's; it is named.
    """
    for implementation in reversed(getattr(manager.hook, hook).get_hookimpls()):
        try:
            answer = implementation.function(*(arguments[a] for a in implementation.argnames))
        except GovdError:
            raise
        except Exception as fault:
            where = f"plugin {implementation.plugin_name}, {hook}"
            raise PluginFault(f"{type(fault).__name__}: {fault}", where=where, advice="`govd doctor` lists the plugins.") from fault
        if answer is not None:
            return str(implementation.plugin_name), answer
    return "", None
