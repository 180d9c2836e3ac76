"""Rows of forgets from a file or a feed: CSV, one name a line, JSON or NDJSON. A row that cannot be
meant holds up no other.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from govd.errors import Usage
from govd.home.regular import PICTURE_BYTES, read_regular
from govd.types import RowForm

SEVERAL: Final = {
    "concept": "concepts",
    "domain": "domains",
    "alias": "aliases",
    "example": "examples",
    "criterion": "criteria",
}
"""Columns whose cells hold several, between bars; their plural means the same."""
TEXTS: Final = (
    "model",
    "target",
    "method",
    "reason",
    "basis",
    "ticket",
    "due",
    "expires",
    "idempotency_key",
    "criterion_set",
)
SWITCHES: Final = ("all_concepts", "private")
NUMBERS: Final = ("strength", "prototypes")
KNOWN: Final = (*SEVERAL, *TEXTS, *SWITCHES, *NUMBERS)
MAX_ROWS: Final = 10_000
YES, NO = ("1", "true", "yes", "y", "x"), ("", "0", "false", "no", "n")
BAR: Final = "|"
FORMS: Final[Mapping[str, RowForm]] = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
"""How rows are written, by how a file's name ends; whatever else is a text."""


@dataclass(frozen=True)
class Filing:
    """A row: its line, or its number in a JSON list, from 1; what it names, and the options that it
    gives; or what is wrong with it.
    """

    line: int
    concepts: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    fault: Usage | None = None


def form_of(name: str) -> RowForm:
    """How the rows of a file of this name are written."""
    return FORMS.get(Path(name).suffix.lower(), "text")


def rows_of(
    data: bytes, where: str, form: RowForm = "text", pictures: bool = True
) -> list[Filing]:
    """The rows of a document; none where it has none.

    A text whose first line names the column `concept` (or `concepts`, `all_concepts`) is CSV with
    commas, semicolons or tabs; any other holds one name a line, without blank lines and those that
    begin with `#`. JSON is a list of names or objects with the same columns (or an object whose
    `rows` are that); NDJSON has one of them a line.

    Args:
        data: the bytes of the document, UTF-8.
        where: what errors call it.
        form: how it is written.
        pictures: whether a row may name picture files on this machine (`example`).

    Raises:
        Usage: it cannot be read, has a column that is no option, or too many rows.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise Usage(
            f"the rows cannot be read ({fault})",
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
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    columns = [
        _column(name) for name in next(csv.reader([first], delimiter=delimiter), [])
    ]
    if {"concept", "all_concepts"} & set(columns):
        yield from _of_csv(text, columns, delimiter, where, pictures)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield Filing(number, (line.strip(),))


def _column(name: str) -> str:
    plain = name.strip().lower().replace("-", "_")
    return next(
        (singular for singular, several in SEVERAL.items() if plain == several), plain
    )


def _check_columns(columns: Sequence[str], where: str) -> None:
    """Refuse columns that are no options, or that stand twice."""
    unknown = [name for name in columns if name and name not in KNOWN]
    if unknown:
        raise Usage(
            f"the column {unknown[0]!r} is no option of forget",
            where=where,
            advice=f"Columns: {', '.join(KNOWN)}.",
        )
    if len(set(columns)) < len(columns):
        raise Usage(
            "a column stands twice",
            where=where,
            advice="Put several values into one cell, with | between them.",
        )


def _of_csv(
    text: str, columns: list[str], delimiter: str, where: str, pictures: bool
) -> Iterator[Filing]:
    _check_columns(columns, where)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            is_header = [_column(cell) for cell in cells] == columns
            if any(cell.strip() for cell in cells) and not is_header:
                yield _of_cells(cells, columns, reader.line_num, where, pictures)
    except csv.Error as fault:
        raise Usage(
            f"line {reader.line_num} is no CSV ({fault})",
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
    return _of_row(
        {name: cell for name, cell in row.items() if name}, line, place, pictures
    )


# -- JSON


class _Twice(Exception):
    """A name that an object has twice."""


def _of_json(text: str, where: str, pictures: bool) -> Iterator[Filing]:
    try:
        document = _parsed(text)
    except (ValueError, RecursionError, _Twice) as fault:
        raise Usage(
            f"this is no JSON ({fault})",
            where=where,
            advice="Give a list of names or objects.",
        ) from None
    items = document.get("rows") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise Usage(
            "this is no list of rows",
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
                f"this is no JSON ({fault})", where=place, advice="One object a line."
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
        raise _Twice(f"{next(n for n in names if names.count(n) > 1)!r} stands twice")
    return fields


def _of_item(item: Any, line: int, where: str, pictures: bool) -> Filing:
    """A row of JSON: a name, or an object whose values are what cells would say."""
    if isinstance(item, str) and item.strip():
        return Filing(line, (item.strip(),))
    if not isinstance(item, dict):
        fault = Usage(
            "this is no row", where=where, advice="Write a name or an object."
        )
        return Filing(line, (), fault=fault)
    columns = [_column(name) for name in item]
    row = dict(zip(columns, item.values(), strict=True))
    try:
        _check_columns(columns, where)
    except Usage as fault:
        return Filing(line, _named(row), fault=fault)
    values = {name: value for name, value in row.items() if value is not None}
    return _of_row(values, line, where, pictures)


def _named(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The concepts of a row that is refused, as it spells them."""
    concepts = row.get("concept")
    names = [concepts] if isinstance(concepts, str) else concepts
    if not isinstance(names, list):
        return ()
    return tuple(str(name) for name in names if name)


# -- a row's options


def _of_row(row: Mapping[str, Any], line: int, where: str, pictures: bool) -> Filing:
    """A row of cells or JSON values, by its columns; with what is wrong with it, if so."""
    try:
        if row.get("example") and not pictures:
            raise Usage(
                "a feed brings no pictures", where=where, advice="Leave example out."
            )
        options = {
            name: _value(name, cell, where) for name, cell in row.items() if cell != ""
        }
    except Usage as fault:  # of this row alone: the others are filed
        return Filing(line, _named(row), fault=fault)
    concepts = options.pop("concept", ())
    named = {SEVERAL.get(name, name): value for name, value in options.items()}
    return Filing(line, concepts, named)


def _value(name: str, cell: Any, where: str) -> Any:
    if name in SEVERAL:
        parts = _parts(name, cell, where)
        return (
            [_bytes(Path(part), where) for part in parts]
            if name == "example"
            else parts
        )
    if name in SWITCHES:
        return _switch(name, cell, where)
    if name in NUMBERS:
        return _number(name, cell, where)
    if not isinstance(cell, str):
        raise Usage(
            f"{name} is {cell!r}"[:200], where=where, advice="It must be a text."
        )
    return cell


def _parts(name: str, cell: Any, where: str) -> tuple[str, ...]:
    """Several texts: a cell with bars between them, or a list in JSON."""
    if isinstance(cell, str):
        return tuple(part.strip() for part in cell.split(BAR) if part.strip())
    if isinstance(cell, list) and all(isinstance(part, str) for part in cell):
        return tuple(part.strip() for part in cell if part.strip())
    raise Usage(
        f"{name} is {cell!r}"[:200],
        where=where,
        advice="It must be a text, or several.",
    )


def _switch(name: str, cell: Any, where: str) -> bool:
    if isinstance(cell, bool):
        return cell
    if not isinstance(cell, str) or cell.lower() not in (*YES, *NO):
        raise Usage(f"{name} is {cell!r}"[:200], where=where, advice="Write yes or no.")
    return cell.lower() in YES


def _number(name: str, cell: Any, where: str) -> float | int:
    try:
        if isinstance(cell, bool) or not isinstance(cell, str | int | float):
            raise ValueError
        if name == "strength":
            return float(cell)
        if int(cell) != float(cell):
            raise ValueError
        return int(cell)
    except (ValueError, OverflowError):
        raise Usage(
            f"{name} is {cell!r}"[:200], where=where, advice="It must be a number."
        ) from None


def _bytes(path: Path, where: str) -> bytes:
    try:
        return read_regular(path, PICTURE_BYTES)
    except OSError as fault:
        raise Usage(
            f"the example {path} cannot be read ({fault.strerror})", where=where
        ) from None
