"""Entries and records as rows of the tables."""

from __future__ import annotations

from govd.records.record import StoredRecord
from govd.types import Record
from govd.views.seals import Cell


def line(entry: Record, latest: str) -> tuple[Cell, ...]:
    """An entry as `add_log` takes it. `latest`: the greatest time up to it."""
    kind = str(entry["kind"])
    policy = entry["payload"].get("policy") if kind == "request.vote" else None
    return (
        entry["seq"],
        latest,
        entry["actor"],
        kind,
        kind.partition(".")[0],
        entry["subject"],
        entry.get("model", ""),
        None if policy is None else str(policy),
    )


def row(
    noun: str, key: str, record: StoredRecord, live: bool, seq: int
) -> tuple[Cell, ...]:
    """A record as `put` takes it."""
    return (
        noun,
        key,
        str(record.get("model") or ""),
        str(record.get("state") or ""),
        int(live),
        seq,
        record.get("due_at"),
        record.as_text(),
    )
