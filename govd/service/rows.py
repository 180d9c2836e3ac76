"""Records as rows: for spreadsheets, for pipes; the same bytes on the command line and over
HTTP.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from govd.errors import NotFound
from govd.records.limits import check_text
from govd.records.record import plain

if TYPE_CHECKING:
    from govd.types import Json, Record

FORMATS: Final = ("table", "json", "csv", "ndjson")


def as_csv(found: Sequence[Record]) -> str:
    """RFC 4180 with the names first and a bare line feed; what is no text is JSON in its cell."""
    names = list(dict.fromkeys(name for record in found for name in record))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if names:
        writer.writerow(names)
    for record in found:
        writer.writerow([_cell(record.get(name)) for name in names])
    return out.getvalue()


def as_ndjson(found: Sequence[Record]) -> str:
    """A JSON document a line."""
    return "".join(
        json.dumps(record, ensure_ascii=False, default=plain) + "\n" for record in found
    )


def sql_rows(found: Record) -> list[Record]:
    """The rows of an SQL answer by the names of their columns."""
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def as_of_rows(record: Record) -> list[dict[str, Json]]:
    """What was served at a time as a table: a row for each model and forget in force, one without a
    forget for a model that had none.
    """
    columns = (
        "model",
        "registered",
        "removed",
        "revision",
        "edit_digest",
        "published_at",
        "published_entry",
    )
    none = dict.fromkeys(
        (
            "id",
            "concepts",
            "domains",
            "method",
            "filed_at",
            "filed_by",
            "approvals",
            "entries",
            "covered_by",
        )
    )
    return [
        {
            "time": record["time"],
            **{name: model.get(name) for name in columns},
            **none,
            **forget,
        }
        for model in record["models"]
        for forget in model["forgets"] or [{}]
    ]


def page(
    found: Sequence[Mapping[str, Json]], key: str, after: str | None, limit: int
) -> tuple[list[Record], str | None]:
    """The records after the one whose `key` is `after`, at most `limit`, and the cursor to go on
    with: None at the end.

    Raises:
        NotFound: no record has this cursor.
    """
    start = 0
    if after is not None:
        check_text(after, "cursor")
        at = next((i for i, r in enumerate(found) if str(r[key]) == after), None)
        if at is None:
            raise NotFound(
                f"no record has the cursor {after!r}",
                advice="Go on with `next` of the page before.",
            )
        start = at + 1
    rows: list[Record] = list(found[start : start + limit])
    return rows, str(rows[-1][key]) if rows and start + limit < len(found) else None


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return (
        _safe(value)
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, default=plain)
    )


def _safe(text: str) -> str:
    """A cell that a spreadsheet does not take for a formula: what people filed is shown, not
    run.
    """
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
