"""What a row of a file or a feed says: its columns, and their cells as options of a forget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from govd.errors import Usage, instead
from govd.home.regular import PICTURE_BYTES, read_regular
from govd.types import Record

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
YES = ("1", "true", "yes", "y", "x")
NO = ("", "0", "false", "no", "n")
BAR: Final = "|"


@dataclass(frozen=True)
class Filing:
    """A row: its line, or its number in a JSON list, from 1; what it names, and the options that it
    gives; or what is wrong with it.
    """

    line: int
    concepts: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    fault: Usage | None = None


def column_of(name: str) -> str:
    """The option that a column is, by its name in the singular or the plural."""
    plain = name.strip().lower().replace("-", "_")
    return next(
        (singular for singular, several in SEVERAL.items() if plain == several), plain
    )


def check_columns(columns: Sequence[str], where: str) -> None:
    """Refuse columns that are not options, or that appear twice.

    Raises:
        Usage: one is or does.
    """
    unknown = [name for name in columns if name and name not in KNOWN]
    if unknown:
        raise Usage(
            f"the column {unknown[0]!r} is not an option of forget",
            where=where,
            advice=instead(unknown[0], KNOWN, "Columns"),
        )
    if len(set(columns)) < len(columns):
        raise Usage(
            "a column appears twice",
            where=where,
            advice="Put several values into one cell, with | between them.",
        )


def filed_row(row: Record, line: int, where: str, pictures: bool) -> Filing:
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
        return Filing(line, named_in(row), fault=fault)
    concepts = options.pop("concept", ())
    several = {SEVERAL.get(name, name): value for name, value in options.items()}
    return Filing(line, concepts, several)


def _value(name: str, cell: Any, where: str) -> Any:
    if name in SEVERAL:
        parts = _parts(name, cell, where)
        if name == "example":
            return [_bytes(Path(part), where) for part in parts]
        return parts
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
        advice="It must be a text or a list of texts.",
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


def named_in(row: Record) -> tuple[str, ...]:
    """The concepts of a row that is refused, as it spells them."""
    concepts = row.get("concept")
    names = [concepts] if isinstance(concepts, str) else concepts
    if not isinstance(names, list):
        return ()
    return tuple(str(name) for name in names if name)
