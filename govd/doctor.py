"""What is installed and what is wrong with it."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from govd.plugins import load
from govd.types import Json

PACKAGES = ("govd", "numpy", "pluggy", "sqlalchemy", "jax", "flax", "transformers", "torch")


def examine() -> dict[str, Json]:
    """Versions, plugins and faults, as JSON. Never raises for what it is there to find."""
    versions: dict[str, Json] = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    plugins = load()[1]
    faults = [
        f"plugin {p.name} ({p.source}) is not in use: {p.fault}. Update or uninstall the distribution that brings it."
        for p in plugins
        if p.fault
    ]
    return {"versions": versions, "plugins": [asdict(p) for p in plugins], "faults": faults}
