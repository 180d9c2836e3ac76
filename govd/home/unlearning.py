"""`[unlearning.NAME]` of `govd.toml`: commands that unlearn and evaluate, for models of which a
contribution is an external job's result.

Commands stand in the owner's settings alone. Nothing in a model's folder is ever read as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from govd.errors import BadFile
from govd.types import ExternalJob
from govd.types.jobs import NETWORKS

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
GATE: Final = re.compile(r"[A-Za-z0-9_.@-]{1,64} *(<=|>=) *-?[0-9.]+(e-?[0-9]+)?")
LISTS: Final = ("forget", "evaluate", "gates", "environment")
NUMBERS: Final = {"seconds": 604_800.0, "memory_mb": 2.0**24, "output_mb": 2.0**24}
"""Settings that are numbers over 0, and the most that each may be."""


def jobs_of(tables: Any, path: Path) -> tuple[ExternalJob, ...]:
    """The jobs of a settings file, by name.

    Args:
        tables: what the file says under `unlearning`.
        path: of the file, for errors.

    Raises:
        BadFile: something else than tables of settings.
    """
    if not isinstance(tables, Mapping) or not all(
        isinstance(t, Mapping) for t in tables.values()
    ):
        advice = 'It must be tables: [unlearning.NAME] with forget = ["COMMAND", "ARGUMENT"].'
        raise BadFile("unlearning is no table of jobs", where=str(path), advice=advice)
    return tuple(_job(name, tables[name], path) for name in sorted(tables))


def _job(name: str, table: Mapping[str, Any], path: Path) -> ExternalJob:
    names = {setting.name for setting in fields(ExternalJob)} - {"name"}
    values: dict[str, Any] = {}
    wrong = (
        "" if NAME.fullmatch(name) else "A job's name has letters, digits, dot, dash."
    )
    for key, value in table.items():
        if key not in names:
            wrong = (
                wrong or f"{key} is no setting of a job: {', '.join(sorted(names))}."
            )
        wrong = wrong or _wrong(key, value)
        values[key] = tuple(value) if isinstance(value, list) else value
    if not wrong and not values.get("forget"):
        wrong = 'It needs a command: forget = ["python", "/path/to/job.py"].'
    if wrong:
        raise BadFile(
            f"[unlearning.{name}] cannot be used", where=str(path), advice=wrong
        )
    return ExternalJob(name, **values)


def _wrong(key: str, value: Any) -> str:
    """What is wrong with a value, as advice; empty where nothing is."""
    if key in LISTS:
        if not isinstance(value, list) or not all(
            isinstance(v, str) and v for v in value
        ):
            return f"{key} is a list of texts."
        broken = next(
            (v for v in value if key == "gates" and not GATE.fullmatch(v)), None
        )
        if broken is None:
            return ""
        return f"{broken!r} is no bound: write NAME<=NUMBER."
    if key in NUMBERS:
        whole = isinstance(value, int) or (
            key == "seconds" and isinstance(value, float)
        )
        fits = whole and not isinstance(value, bool) and 0 < value < NUMBERS[key]
        if fits:
            return ""
        return f"{key} is a number over 0, under {NUMBERS[key]:.0f}."
    if key == "network":
        if value in NETWORKS:
            return ""
        return f"network is {', '.join(NETWORKS)}."
    return "" if isinstance(value, str) else f"{key} is a text."
