"""Logs as JSON lines, and what is said of entries there: ids, never texts."""

from __future__ import annotations

import json
import logging
import time

from govd.hookspecs import hookimpl
from govd.types import Record

log = logging.getLogger("govd.ledger")
QUIET = ("request.vote", "contribution.make", "revision.compose", "revision.evaluate", "revision.measure")
"""Kinds of entries that are told at the level debug: steps on the way."""


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        said = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)), "level": record.levelname.lower()}
        said |= {"logger": record.name, "message": record.getMessage(), **getattr(record, "entry", {})}
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


class EntryLog:
    """A plugin of the service that logs filing, decisions and publishing as they become durable."""

    @hookimpl
    def govd_on_entry(self, entry: Record) -> None:
        """An entry is durable."""
        level = logging.DEBUG if entry["kind"] in QUIET else logging.INFO
        about = {k: entry[k] for k in ("seq", "kind", "subject", "model", "actor") if entry.get(k) not in (None, "")}
        log.log(level, "%s %s", entry["kind"], entry["subject"], extra={"entry": about})
