"""The method and the target of a request that names none: by what its model is registered with."""

from __future__ import annotations

from govd.methods import EXTERNAL, WITH_POOL, WITHOUT_POOL
from govd.models.core import Core
from govd.types import Record


def method_for(record: Record) -> str:
    """The method of requests that name none."""
    if not record["dim"]:
        return EXTERNAL
    return WITH_POOL if record["pool"] else WITHOUT_POOL


def target_for(
    core: Core, record: Record, method: str, target: str | None = None
) -> str | None:
    """The target of a request, by the model's use where it names none; None for methods that have
    no targets.

    Args:
        core: has the plugins.
        record: of the model.
        method: its name.
    """
    if core.plugins.methods[method].family != "dual":
        return None
    return target or ("unnamed" if record["use"] == "labels" else "level")
