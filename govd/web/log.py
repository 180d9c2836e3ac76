"""Logs as JSON lines, and what is said of entries there: ids, never texts."""

from __future__ import annotations

import json
import logging
import os
import time
import traceback

from govd.errors import (
    BadFile,
    GovdError,
    MachineFault,
    NotFound,
    PluginFault,
    Unreachable,
)
from govd.hookspecs import hookimpl
from govd.types import Record

log = logging.getLogger("govd.ledger")
QUIET = (
    "request.vote",
    "contribution.make",
    "revision.compose",
    "revision.evaluate",
    "revision.measure",
)
"""Kinds of entries that are told at the level debug: steps on the way."""


OF_THINGS = (MachineFault, Unreachable, NotFound, BadFile)
"""Errors that speak of files, addresses and ids; others may quote what somebody asked to forget."""


def told(error: BaseException | None) -> str:
    """An error for the log: its message where that can hold no text of a request, else what kind it
    is.
    """
    if isinstance(error, OF_THINGS):
        return error.message
    if isinstance(error, PluginFault):
        return f"{error.title} ({error.where})"
    if isinstance(error, OSError) and error.errno:
        return f"{type(error).__name__}: {os.strerror(error.errno)}"
    return error.title if isinstance(error, GovdError) else type(error).__name__


def trace_of(error: BaseException | None) -> str:
    """Where an exception came from and after which others, without their messages: a `KeyError`
    quotes whatever was looked up.
    """
    parts = list[str]()
    while error is not None:
        parts.append("".join(traceback.format_tb(error.__traceback__)) + told(error))
        error = error.__cause__ or (
            None if error.__suppress_context__ else error.__context__
        )
    return "\nthe cause of:\n".join(reversed(parts))


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
        }
        fields |= {
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "entry", {}),
        }
        if record.exc_info:
            fields["error"] = trace_of(record.exc_info[1])
        return json.dumps(fields, ensure_ascii=False, default=str)


class EntryLog:
    """A plugin of the service that logs filing, decisions and publishing as they become durable."""

    @hookimpl
    def govd_on_entry(self, entry: Record) -> None:
        """An entry is durable."""
        level = logging.DEBUG if entry["kind"] in QUIET else logging.INFO
        fields = {
            k: entry[k]
            for k in ("seq", "kind", "subject", "model", "actor")
            if entry.get(k) not in (None, "")
        }
        log.log(
            level, "%s %s", entry["kind"], entry["subject"], extra={"entry": fields}
        )
