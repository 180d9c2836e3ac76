"""`govd forget --from FILE`: a forget for each row, every row answered; a row that cannot be filed
holds up no other.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from govd.errors import Conflict, GovdError, Usage
from govd.home.regular import PICTURE_BYTES, read_regular

if TYPE_CHECKING:
    from govd.service.api import Api
    from govd.types import Json, Record

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
MAX_BYTES: Final = 16 << 20
MAX_ROWS: Final = 10_000
YES, NO = ("1", "true", "yes", "y", "x"), ("", "0", "false", "no", "n")
BAR: Final = "|"


@dataclass(frozen=True)
class Filing:
    """A row of the file: where it stands, what it names, and the options that it gives; or what is
    wrong with it.
    """

    line: int
    concepts: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    fault: Usage | None = None


def read_filings(path: Path) -> list[Filing]:
    """The rows of a file, `-` for standard input.

    A file whose first line names the column `concept` (or `concepts`, `all_concepts`) is CSV with
    commas, semicolons or tabs; any other holds one name a line, without blank lines and those that
    begin with `#`.

    Raises:
        Usage: it cannot be read, has a column that is no option, too many rows, or none.
    """
    text = _text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    columns = [_column(name) for name in next(csv.reader([first], delimiter=delimiter), [])]
    if {"concept", "all_concepts"} & set(columns):
        filings = _from_csv(text, columns, delimiter, path)
    else:
        lines = enumerate(text.splitlines(), 1)
        filings = [
            Filing(n, (line.strip(),))
            for n, line in lines
            if line.strip() and not line.startswith("#")
        ]
    if not filings:
        raise Usage(
            "there is nothing to forget in it",
            where=str(path),
            advice="One name a line, or CSV with a column concept.",
        )
    if len(filings) > MAX_ROWS:
        raise Usage(
            f"{len(filings)} rows",
            where=str(path),
            advice=f"At most {MAX_ROWS} at once: split the file.",
        )
    return filings


def _text(path: Path) -> str:
    try:
        raw = (
            sys.stdin.buffer.read(MAX_BYTES + 1)
            if str(path) == "-"
            else read_regular(path, MAX_BYTES)
        )
        if len(raw) > MAX_BYTES:
            raise Usage(
                "the file is too large", where=str(path), advice=f"At most {MAX_BYTES >> 20} MiB."
            )
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise Usage(
            f"the rows cannot be read ({fault})",
            where=str(path),
            advice="Give a text file in UTF-8.",
        ) from None


def _column(name: str) -> str:
    plain = name.strip().lower().replace("-", "_")
    return next((singular for singular, several in SEVERAL.items() if plain == several), plain)


def _from_csv(text: str, columns: list[str], delimiter: str, path: Path) -> list[Filing]:
    known = (*SEVERAL, *TEXTS, *SWITCHES, "strength", "prototypes")
    unknown = [name for name in columns if name and name not in known]
    if unknown:
        raise Usage(
            f"the column {unknown[0]!r} is no option of forget",
            where=str(path),
            advice=f"Columns: {', '.join(known)}.",
        )
    if len(set(columns)) < len(columns):
        raise Usage(
            "a column stands twice",
            where=str(path),
            advice="Put several values into one cell, with | between them.",
        )
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    filings: list[Filing] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells) or [_column(cell) for cell in cells] == columns:
            continue
        where = f"{path}, line {reader.line_num}"
        if len(cells) > len(columns):
            raise Usage(
                f"{len(cells)} cells for {len(columns)} columns",
                where=where,
                advice="Quote cells that hold the delimiter.",
            )
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        try:
            filings.append(_of_row(row, reader.line_num, where))
        except Usage as fault:  # of this row alone: the others are filed
            filings.append(
                Filing(reader.line_num, tuple(filter(None, [row.get("concept")])), fault=fault)
            )
    return filings


def _of_row(row: Mapping[str, str], line: int, where: str) -> Filing:
    options = {name: _value(name, cell, where) for name, cell in row.items() if name and cell}
    concepts = options.pop("concept", ())
    return Filing(
        line, concepts, {SEVERAL.get(name, name): value for name, value in options.items()}
    )


def _value(name: str, cell: str, where: str) -> Any:
    if name == "example":
        return [_bytes(Path(part.strip()), where) for part in cell.split(BAR) if part.strip()]
    if name in SEVERAL:
        return tuple(part.strip() for part in cell.split(BAR) if part.strip())
    if name in SWITCHES:
        if cell.lower() not in (*YES, *NO):
            raise Usage(f"{name} is {cell!r}", where=where, advice="Write yes or no.")
        return cell.lower() in YES
    if name in ("strength", "prototypes"):
        try:
            return float(cell) if name == "strength" else int(cell)
        except ValueError:
            raise Usage(f"{name} is {cell!r}", where=where, advice="It must be a number.") from None
    return cell


def _bytes(path: Path, where: str) -> bytes:
    try:
        return read_regular(path, PICTURE_BYTES)
    except OSError as fault:
        raise Usage(f"the example {path} cannot be read ({fault.strerror})", where=where) from None


def file_all(
    api: Api, filings: Sequence[Filing], model: str | None, defaults: Mapping[str, Any], wait: bool
) -> list[Record]:
    """File every row; the answers in their order: `line`, `concepts`, `answer` (`filed`, `already`,
    `refused`), `id`, `state`, `reason`.

    A scope that is wanted already is told with the request that it is part of, and is no fault.
    """
    answers: list[Record] = [_filed(api, filing, model, defaults) for filing in filings]
    if wait:
        identifiers = [str(a["id"]) for a in answers if a["answer"] == "filed"]
        settled = {str(r["id"]): r for r in api.settled(identifiers)}
        answers = [
            _with_state(a, settled.get(str(a["id"]))) if a["answer"] == "filed" else a
            for a in answers
        ]
    return answers


def _filed(api: Api, filing: Filing, model: str | None, defaults: Mapping[str, Any]) -> Record:
    options = {**defaults, **filing.options}
    named = options.pop("model", None) or model
    answer: dict[str, Json] = {
        "line": filing.line,
        "concepts": list(filing.concepts),
        "domains": list(options.get("domains") or ()),
    }
    try:
        if filing.fault is not None:
            raise filing.fault
        if not named:
            raise Usage("no model", advice="Say --model NAME, or give the file a column model.")
        record = api.forget(*filing.concepts, model=named, **options)
    except Conflict as error:
        taken = bool(error.details.get("taken"))
        what = (
            {"answer": "already", "reason": error.what}
            if taken
            else {"answer": "refused", "reason": error.message}
        )
        return answer | {"id": error.details.get("request"), "state": None} | what
    except GovdError as error:
        return answer | {"answer": "refused", "id": None, "state": None, "reason": error.message}
    return _with_state(answer | {"answer": "filed", "id": record["id"]}, record)


def _with_state(answer: Record, record: Record | None) -> Record:
    return (
        answer
        if record is None
        else {**answer, "state": record["state"], "reason": record["state_reason"]}
    )


def read_private_names() -> tuple[list[str], str | None]:
    """Concepts from standard input, one a line, and after a blank line the reason: what is in no
    list of processes and no shell history.

    Raises:
        Usage: nothing was given.
    """
    if sys.stdin.isatty():
        print("Concepts, one a line; an empty line ends them:", file=sys.stderr)
        names = list(iter(lambda: sys.stdin.readline().strip(), ""))
        print("Reason (may be left empty):", file=sys.stderr)
        reason = sys.stdin.readline().strip()
    else:
        head, _, tail = (
            sys.stdin.read(MAX_BYTES).removeprefix("\ufeff").strip("\n").partition("\n\n")
        )
        names, reason = (
            [line.strip() for line in head.splitlines() if line.strip()],
            " ".join(tail.split()),
        )
    if not names:
        raise Usage(
            "no concept",
            advice=(
                "Write the names to standard input, one a line; after an empty line, the reason."
            ),
        )
    return names, reason or None
