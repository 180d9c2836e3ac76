"""Rows of forgets from a file or a feed: CSV, one name a line, JSON or NDJSON. A row that makes no
sense does not hold up the others.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from govd.errors import Usage, reason_of
from govd.models.name_lists import fault_of
from govd.models.phrases import LINE_END, text_in
from govd.requests.row_options import (
    KNOWN,
    Filing,
    check_columns,
    column_of,
    filed_row,
    named_in,
)
from govd.types import RowForm

MAX_ROWS: Final = 10_000
FORMS: Final[Mapping[str, RowForm]] = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
"""How rows are written, by how a file's name ends; whatever else is a text."""

SEPARATOR: Final = re.compile(r"sep=([,;\t]?)", re.IGNORECASE)
"""The line before the head of a table in which spreadsheets say what is between its cells."""


def form_of(name: str) -> RowForm:
    """How the rows of a file of this name are written."""
    return FORMS.get(Path(name).suffix.lower(), "text")


def rows_of(
    data: bytes, where: str, form: RowForm = "text", pictures: bool = True
) -> list[Filing]:
    """The rows of a document; none where it has none.

    A text whose first line names the column `concept` (or `concepts`, `all_concepts`) is CSV with
    commas, semicolons or tabs, behind a line `sep=;` as spreadsheets write it or not; any other
    holds one name a line, without blank lines and those that begin with `#`. JSON is a list of
    names or objects with the same columns (or an object whose `rows` are that); NDJSON has one of
    them a line.

    Args:
        data: the bytes of the document, UTF-8, or UTF-16 with a byte order mark.
        where: what errors call it.
        form: how it is written.
        pictures: whether a row may name picture files on this machine (`example`).

    Raises:
        Usage: it cannot be read, has a column that is no option or none that names concepts, or too
        many rows.
    """
    try:
        text = text_in(data)
    except UnicodeDecodeError as fault:
        raise Usage(
            f"the rows cannot be read ({reason_of(fault)})",
            where=where,
            advice="Give a text file in UTF-8.",
        ) from None
    read = {"text": _of_text, "json": _of_json, "ndjson": _of_ndjson}[form]
    filings: list[Filing] = []
    for filing in read(text, where, pictures):
        filings.append(filing)
        if len(filings) > MAX_ROWS:
            raise Usage(
                f"more than {MAX_ROWS} rows",
                where=where,
                advice=f"At most {MAX_ROWS} at once: split the file.",
            )
    return filings


# -- text


def _of_text(text: str, where: str, pictures: bool) -> Iterator[Filing]:
    lines = LINE_END.split(text)
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    delimiter = max(",;\t", key=lines[first].count)
    separator = SEPARATOR.fullmatch(lines[first].strip(' "'))
    if separator:
        delimiter = separator[1] or "\t"
        lines[first] = ""
        text = "\n".join(lines)
        first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    header = next(csv.reader([lines[first]], delimiter=delimiter), [])
    columns = [column_of(name) for name in header]
    if {"concept", "all_concepts"} & set(columns):
        yield from _of_csv(text, columns, delimiter, where, pictures)
        return
    if separator or (len(columns) > 1 and set(columns) & set(KNOWN)):
        raise Usage(
            f"line {first + 1} is the head of a table, and no column of it is concept",
            where=where,
            advice="Call the column with the names concept.",
        )
    names = [
        Filing(number, (line.strip(),))
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    fault = fault_of(text, [filing.concepts[0] for filing in names])
    if fault:
        raise Usage(
            f"the file {fault[0]}",
            where=where,
            advice=f"{fault[1]} JSON is read from a file whose name ends in .json.",
        )
    yield from names


def _of_csv(
    text: str, columns: list[str], delimiter: str, where: str, pictures: bool
) -> Iterator[Filing]:
    check_columns(columns, where)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            is_header = [column_of(cell) for cell in cells] == columns
            if any(cell.strip() for cell in cells) and not is_header:
                yield _of_cells(cells, columns, line, where, pictures)
            line = reader.line_num + 1
    except csv.Error as fault:
        raise Usage(
            f"line {reader.line_num} is not CSV ({fault})",
            where=where,
            advice="Close each quotation mark, and quote cells that hold the delimiter.",
        ) from None


def _of_cells(
    cells: Sequence[str], columns: Sequence[str], line: int, where: str, pictures: bool
) -> Filing:
    row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
    place = f"{where}, line {line}"
    if len(cells) > len(columns):
        fault = Usage(
            f"{len(cells)} cells for {len(columns)} columns",
            where=place,
            advice="Quote cells that hold the delimiter.",
        )
        return Filing(line, tuple(filter(None, [row.get("concept")])), fault=fault)
    return filed_row(
        {name: cell for name, cell in row.items() if name}, line, place, pictures
    )


# -- JSON


class _Twice(Exception):
    """An object has a name twice."""


def _of_json(text: str, where: str, pictures: bool) -> Iterator[Filing]:
    try:
        document = _parsed(text)
    except (ValueError, RecursionError, _Twice) as fault:
        raise Usage(
            f"this is not JSON ({fault})",
            where=where,
            advice="Give a list of names or objects.",
        ) from None
    items = document
    if isinstance(document, dict):
        items = document.get("rows")
    if not isinstance(items, list):
        raise Usage(
            "this is not a list of rows",
            where=where,
            advice="Give a list of names or objects.",
        )
    for number, item in enumerate(items, 1):
        yield _of_item(item, number, f"{where}, row {number}", pictures)


def _of_ndjson(text: str, where: str, pictures: bool) -> Iterator[Filing]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{where}, line {number}"
        try:
            item = _parsed(line)
        except (ValueError, RecursionError, _Twice) as fault:
            wrong = Usage(
                f"this is not JSON ({fault})", where=place, advice="One object a line."
            )
            yield Filing(number, (), fault=wrong)
            continue
        yield _of_item(item, number, place, pictures)


def _parsed(text: str) -> Any:
    return json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(f"{next(n for n in names if names.count(n) > 1)!r} appears twice")
    return fields


def _of_item(item: Any, line: int, where: str, pictures: bool) -> Filing:
    """A row of JSON: a name, or an object whose values are what cells would say."""
    if isinstance(item, str) and item.strip():
        return Filing(line, (item.strip(),))
    if not isinstance(item, dict):
        fault = Usage(
            "this is not a row", where=where, advice="Write a name or an object."
        )
        return Filing(line, (), fault=fault)
    columns = [column_of(name) for name in item]
    row = dict(zip(columns, item.values(), strict=True))
    try:
        check_columns(columns, where)
    except Usage as fault:
        return Filing(line, named_in(row), fault=fault)
    values = {name: value for name, value in row.items() if value is not None}
    return filed_row(values, line, where, pictures)
