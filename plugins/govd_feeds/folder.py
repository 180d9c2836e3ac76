"""A folder of CSV, JSON and NDJSON files, `file:///srv/lists`.

A file is read where it lies and is never moved: the cursor says which bytes of it were taken, so a
file that is replaced under its name is read again. Best write `names.csv.part` and rename it to
`names.csv`, or write into the folder by `mv`. A file that is written in place is read once it has
stood unchanged for `SETTLED_SECONDS`, and never while a process has it open for writing (where the
system tells). Beside it `names.csv.result.csv` (or `.result.ndjson`) has an answer for each row; it
is written under another name and renamed.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import io
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from govd.errors import BadFile, MachineFault, NotFound
from govd.types import DOCUMENT_BYTES, Answers, Document, Feed, Json, Proposals, RowForm

FORMS: Final[Mapping[str, RowForm]] = {
    ".csv": "text",
    ".txt": "text",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
"""Files that are read, by how their names end."""
RESULT: Final = ".result"
HIDDEN: Final = (".", "~$", "~lock.")
"""How names begin of files that are nobody's list: hidden ones, and those that office programs put
beside a file that is open.
"""
SETTLED_SECONDS: Final = 2.0
"""For which a file that is written in place must have stood unchanged."""
LOOK_BYTES: Final = 4 * DOCUMENT_BYTES
"""Of which one look brings about as many; what is left is read at the next."""
MOST_FILES: Final = 1000
"""Files of a folder at most."""
COLUMNS: Final = ("row", "concepts", "domains", "answer", "request", "reason")


def is_own(url: str) -> bool:
    """Whether this is the address of a folder."""
    return url.startswith("file://")


def look(feed: Feed, cursor: Mapping[str, Json], by_hand: bool) -> Proposals:
    """The files that are new or were changed, by their names.

    `cursor`: what was taken of each file: `digest` (SHA-256), `bytes`, `changed` (nanoseconds).
    `by_hand`: a file need not have stood unchanged.

    Raises:
        NotFound: there is no such folder. MachineFault: it cannot be read. BadFile: it has too many
        files, or one that is too large.
    """
    folder = path_of(feed.url)
    taken = dict(cursor.get("files", {}))
    files: dict[str, Json] = {}
    documents: list[Document] = []
    waiting: list[str] = []
    left_bytes = LOOK_BYTES
    for path in _files(folder):
        before = taken.get(path.name)
        try:
            status = path.lstat()
        except OSError:
            continue  # gone meanwhile
        if before is not None and _same(before, status):
            files[path.name] = before
            continue
        is_next = left_bytes <= 0
        data, why = (
            (None, "is read at the next look") if is_next else _settled(path, by_hand)
        )
        if data is None:
            waiting.append(f"{path.name} {why}")
            if before is not None:
                files[path.name] = before
            continue
        left_bytes -= len(data)
        digest = hashlib.sha256(data).hexdigest()
        changed = str(status.st_mtime_ns)
        files[path.name] = {"digest": digest, "bytes": len(data), "changed": changed}
        if before is None or before["digest"] != digest:
            documents.append(Document(path.name, data, FORMS[path.suffix.lower()]))
    return Proposals(tuple(documents), {"files": files}, tuple(waiting))


def answer(feed: Feed, document: Document, answers: Answers) -> None:
    """Write the result beside the file.

    Raises:
        MachineFault: it cannot be written.
    """
    folder = path_of(feed.url)
    is_table = document.form == "text"
    target = folder / f"{document.name}{RESULT}{'.csv' if is_table else '.ndjson'}"
    text = _table(answers) if is_table else _lines(answers)
    part = folder / f".{target.name}.{os.getpid()}.part"
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as fault:
        with contextlib.suppress(OSError):
            part.unlink()
        raise MachineFault(
            f"the result cannot be written ({fault.strerror})",
            where=str(target),
            advice="Let the daemon's account write into the folder.",
        ) from None


def path_of(url: str) -> Path:
    """The folder of an address `file:///srv/lists`."""
    return Path(unquote(urlsplit(url).path))


def _files(folder: Path) -> list[Path]:
    """What is read of a folder, by name."""
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            "there is no such folder",
            where=str(folder),
            advice="Make it, or disable the feed.",
        ) from None
    except OSError as fault:
        raise MachineFault(
            f"the folder cannot be read ({fault.strerror})",
            where=str(folder),
            advice="Let the daemon's account read it.",
        ) from None
    paths = [folder / name for name in names if _is_read(name)]
    files = [path for path in paths if _is_regular(path)]
    if len(files) > MOST_FILES:
        raise BadFile(
            f"{len(files)} files",
            where=str(folder),
            advice=f"At most {MOST_FILES}: move away what was answered long ago.",
        )
    return files


def _is_read(name: str) -> bool:
    stem, suffix = os.path.splitext(name)
    if not name.isprintable():  # bytes that are no UTF-8, or what nobody sees
        return False
    return (
        not name.startswith(HIDDEN)
        and suffix.lower() in FORMS
        and not stem.endswith(RESULT)
    )


def _is_regular(path: Path) -> bool:
    """Whether it is a file; a link is none: it may lead anywhere."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False  # gone meanwhile


def _same(before: Mapping[str, Json], status: os.stat_result) -> bool:
    is_as_long = int(before["bytes"]) == status.st_size
    return is_as_long and str(before["changed"]) == str(status.st_mtime_ns)


def _settled(path: Path, by_hand: bool) -> tuple[bytes | None, str]:
    """The bytes of a file that nobody writes, else None and why not."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as fault:
        return None, f"cannot be read ({fault.strerror})"
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            return None, "is no file"
        if before.st_size > DOCUMENT_BYTES:
            return None, f"has more than {DOCUMENT_BYTES >> 20} MiB"
        if not by_hand and abs(time.time() - before.st_mtime) < SETTLED_SECONDS:
            return None, "was changed a moment ago"
        if _has_writer(handle):
            return None, "is still being written"
        data = _read(handle)
        after = os.fstat(handle)
    finally:
        os.close(handle)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None, "was changed while it was read"
    return data, ""


def _has_writer(handle: int) -> bool:
    """Whether a process has the file open for writing, as far as the system tells: a read lease is
    granted where none has (fcntl(2)). Other people's files, some file systems and systems know no
    leases; there the file must have stood unchanged.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    with contextlib.suppress(OSError):
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _read(handle: int) -> bytes:
    data = bytearray()
    while len(data) <= DOCUMENT_BYTES and (block := os.read(handle, 1 << 20)):
        data += block
    return bytes(data)


def _rows(answers: Answers) -> Iterator[dict[str, Json]]:
    if answers.state != "done":
        yield {"row": 0, "answer": answers.state, "reason": answers.reason}
    for row in answers.rows:
        yield {
            "row": row.row,
            "concepts": list(row.concepts),
            "domains": list(row.domains),
            "answer": row.answer,
            "request": row.request,
            "reason": row.reason,
        }


def _lines(answers: Answers) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in _rows(answers))


def _table(answers: Answers) -> str:
    """CSV; what a spreadsheet would take for a formula has an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in _rows(answers):
        writer.writerow([_cell(row.get(column, "")) for column in COLUMNS])
    return text.getvalue()


def _cell(value: Json) -> str:
    text = "|".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
