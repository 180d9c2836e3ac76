"""How results leave: one JSON document, rows for spreadsheets and pipes, or words for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from govd.cli.streams import speak_utf8
from govd.errors import Usage, instead
from govd.records.record import plain
from govd.service.rows import FORMATS, as_csv, as_ndjson

if TYPE_CHECKING:
    from govd.types import Json, Record


def print_json(value: Json) -> None:
    """One JSON document on standard output."""
    speak_utf8()
    print(json.dumps(value, indent=2, ensure_ascii=False, default=plain))


def put(value: Json, as_json: bool, human: Callable[[Any], None]) -> None:
    """Print a result for scripts or for people."""
    if as_json:
        print_json(value)
    else:
        human(value)


def check_format(form: str) -> None:
    """Before anything is asked.

    Raises:
        Usage: there is no such format.
    """
    if form not in FORMATS:
        raise Usage(
            f"unknown format {form!r}", advice=instead(form, FORMATS, "Formats")
        )


def put_rows(
    found: Json,
    form: str,
    as_json: bool,
    human: Callable[[Any], None],
    listed: Sequence[Record],
) -> None:
    """Print in the format asked for; `listed` are the rows of CSV and NDJSON."""
    check_format(form)
    if as_json or form == "json":
        print_json(found)
    elif form == "table":
        human(found)
    else:
        speak_utf8()
        sys.stdout.write(as_csv(listed) if form == "csv" else as_ndjson(listed))
