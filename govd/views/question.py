"""Answers one question in SQL in a process of its own: `python -I -S question.py`, what is asked on
standard input, the answer on standard output, both JSON. It imports nothing of govd, so that it
starts at once; whatever the question takes, it takes from this process alone.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""An object of JSON."""
Cell = None | int | float | str | bytes
"""What SQLite keeps in a column of a row."""


def limit_process(memory_bytes: int, seconds: float) -> None:
    """Limit what this process may use; a system that cannot do so still has the database's own
    limits.
    """
    try:
        import resource
    except ImportError:
        return
    limits = {
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_CPU": math.ceil(seconds) + 2,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 2**24,
    }
    for name, limit in limits.items():
        try:
            hard = resource.getrlimit(getattr(resource, name))[1]
            resource.setrlimit(
                getattr(resource, name), (limit if hard < 0 else min(limit, hard), hard)
            )
        except (AttributeError, ValueError, OSError):
            continue
    os.nice(5)  # the daemon comes first


def opened(question: Record, ends: float) -> sqlite3.Connection:
    """The database, read-only, with its own limits."""
    uri = f"{Path(question['path']).absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    # what is sorted is bounded with the rest
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA hard_heap_limit = {question['memory_bytes'] // 2}")
    for limit, size in (
        (sqlite3.SQLITE_LIMIT_LENGTH, question["value_bytes"]),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
        (sqlite3.SQLITE_LIMIT_COLUMN, 200),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    ):
        connection.setlimit(limit, size)
    connection.set_authorizer(allowed)
    connection.set_progress_handler(lambda: time.monotonic() > ends, 10_000)
    return connection


def allowed(action: int, *_: object) -> int:
    """Allow reading and nothing else."""
    fine = (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    )
    if action in fine:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def cell(value: Cell) -> int | float | str | None:
    """A value as JSON has it: bytes in hex, what is no finite number as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def answered(question: Record) -> str:
    """Columns and rows as JSON; or what is wrong, in words."""
    ends = time.monotonic() + float(question["seconds"])
    try:
        connection = opened(question, ends)
        cursor = connection.execute(question["text"])
        rows: list[str] = []
        size = 0
        more = False
        for row in cursor:
            if len(rows) == question["limit"]:
                more = True
                break
            rows.append(json.dumps([cell(value) for value in row], ensure_ascii=False))
            size += len(rows[-1].encode("utf-8", "replace"))
            if size > question["bytes"]:
                return json.dumps(
                    {
                        "problem": f"the answer is larger than {question['bytes'] // 2**20} MiB"
                    }
                )
        columns = json.dumps(
            [column[0] for column in cursor.description or ()], ensure_ascii=False
        )
    except MemoryError:
        return json.dumps(
            {
                "problem": f"it needs more than {question['memory_bytes'] // 2**20} MiB of memory"
            }
        )
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        slow = f"it took longer than {float(question['seconds']):g} s"
        return json.dumps(
            {"problem": slow if "interrupted" in str(error) else str(error)}
        )
    return f'{{"columns": {columns}, "rows": [{", ".join(rows)}], "more": {json.dumps(more)}}}'


def main() -> None:
    """One question, one answer."""
    question = json.load(sys.stdin.buffer)
    limit_process(int(question["memory_bytes"]), float(question["seconds"]))
    sys.stdout.buffer.write(answered(question).encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
