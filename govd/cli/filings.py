"""`govd forget --from FILE` and `govd preview --from FILE`: a forget for each row, every row
answered; a row that cannot be filed holds up no other.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from govd.errors import Conflict, GovdError, Usage, reason_of
from govd.home.regular import read_regular
from govd.requests.row_options import Filing
from govd.requests.rows import form_of, rows_of

if TYPE_CHECKING:
    from govd.service.api import Api
    from govd.types import Json, Record

MAX_BYTES: Final = 16 << 20


def read_filings(path: Path) -> list[Filing]:
    """The rows of a file, `-` for standard input, as `govd.requests.rows` reads them; `.json` and
    `.ndjson` by the file's name.

    Raises:
        Usage: it cannot be read, has a column that is no option, too many rows, or none.
    """
    filings = rows_of(_data(path), str(path), form_of(path.name))
    if not filings:
        raise Usage(
            "there is nothing to forget in it",
            where=str(path),
            advice="One name a line, or CSV with a column concept.",
        )
    return filings


def _data(path: Path) -> bytes:
    try:
        if str(path) != "-":
            return read_regular(path, MAX_BYTES)
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as fault:
        raise Usage(
            f"the rows cannot be read ({reason_of(fault)})",
            where=str(path),
            advice="Give a text file in UTF-8.",
        ) from None
    if len(data) > MAX_BYTES:
        raise Usage(
            "the file is too large",
            where=str(path),
            advice=f"At most {MAX_BYTES >> 20} MiB.",
        )
    return data


def file_all(
    api: Api,
    filings: Sequence[Filing],
    model: str | None,
    defaults: Mapping[str, Any],
    wait: bool,
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


def _filed(
    api: Api, filing: Filing, model: str | None, defaults: Mapping[str, Any]
) -> Record:
    options = {**defaults, **filing.options}
    answer = _answer(filing, options)
    try:
        model_name = _model(filing, options, model)
        record = api.forget(*filing.concepts, model=model_name, **options)
    except Conflict as error:
        is_taken = bool(error.details.get("taken"))
        details = (
            {"answer": "already", "reason": error.what}
            if is_taken
            else {"answer": "refused", "reason": error.message}
        )
        return answer | {"id": error.details.get("request"), "state": None} | details
    except GovdError as error:
        return answer | {
            "answer": "refused",
            "id": None,
            "state": None,
            "reason": error.message,
        }
    return _with_state(answer | {"answer": "filed", "id": record["id"]}, record)


def _answer(filing: Filing, options: Mapping[str, Any]) -> dict[str, Json]:
    """What is told of a row whatever becomes of it."""
    return {
        "line": filing.line,
        "concepts": list(filing.concepts),
        "domains": list(options.get("domains") or ()),
    }


def _model(filing: Filing, options: dict[str, Any], model: str | None) -> str:
    """The model of a row, which is taken out of its options.

    Raises:
        GovdError: the row cannot be meant, or there is no model.
    """
    model_name = options.pop("model", None) or model
    if filing.fault is not None:
        raise filing.fault
    if not model_name:
        raise Usage(
            "no model", advice="Say --model NAME, or give the file a column model."
        )
    return str(model_name)


def preview_all(
    api: Api,
    filings: Sequence[Filing],
    model: str | None,
    defaults: Mapping[str, Any],
) -> list[Record]:
    """Preview every row alone; the answers in their order: `line`, `concepts`, `domains`, and the
    `preview`, or `reason` why there is none.
    """
    answers: list[Record] = []
    for filing in filings:
        options = {**defaults, **filing.options}
        answer = _answer(filing, options)
        try:
            model_name = _model(filing, options, model)
            preview = api.preview(*filing.concepts, model=model_name, **options)
            answers.append({**answer, "preview": preview})
        except GovdError as error:
            answers.append({**answer, "preview": None, "reason": error.message})
    return answers


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
            sys.stdin.read(MAX_BYTES)
            .removeprefix("\ufeff")
            .strip("\n")
            .partition("\n\n")
        )
        names = [line.strip() for line in head.splitlines() if line.strip()]
        reason = " ".join(tail.split())
    if not names:
        raise Usage(
            "no concept",
            advice=(
                "Write the names to standard input, one a line; after an empty line, the reason."
            ),
        )
    return names, reason or None
