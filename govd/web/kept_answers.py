"""Answers of calls with an `Idempotency-Key`, kept for two days in a database of their own."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from govd.errors import BadFile, GovdError, MachineFault
from govd.ledger.database import fault_of

T = TypeVar("T")
log = logging.getLogger("govd.web")
HOURS: Final = 48
SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS answers (principal TEXT, key TEXT, time REAL, fingerprint TEXT,"
    " status INTEGER, headers TEXT, body BLOB, seal TEXT, PRIMARY KEY (principal, key)) STRICT,"
    " WITHOUT ROWID"
)


@dataclass(frozen=True)
class Answer:
    """A first answer: of which call, and what it was. `body` None: it may not be kept. `seal`: what
    shows that it was not changed in the file since.
    """

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: bytes | None
    seal: str = ""


class Store:
    """First answers below `path`, by principal and key; for its owner's eyes alone. Made when the
    first key comes.

    No call fails for its sake: what is wrong with it is in the log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            # SQLite would make it readable by others
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            os.close(handle)
            opened = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=10
            )
            try:
                for statement in (
                    "PRAGMA journal_mode=WAL",
                    "PRAGMA synchronous=FULL",
                    "PRAGMA secure_delete=ON",
                    SCHEMA,
                ):
                    opened.execute(statement)
                columns = {
                    row[1] for row in opened.execute("PRAGMA table_info(answers)")
                }
                # of an older version: nobody can tell what it answered
                if "seal" not in columns:
                    opened.execute("DROP TABLE answers")
                    opened.execute(SCHEMA)
            except sqlite3.Error:
                opened.close()
                raise
            self._db = opened
        return self._db

    def _forgotten(self) -> None:
        """Begin another file instead of a damaged one."""
        self._let_go()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def _done(
        self, step: Callable[[sqlite3.Connection], T], consequence: str
    ) -> T | None:
        """What a step on the file gives; None where it cannot be taken, for which `consequence`
        follows.
        """
        with self._lock:
            for _ in range(2):
                try:
                    return step(self._opened())
                except (sqlite3.Error, OSError) as error:
                    fault = _fault(error, self.path)
                try:
                    if not isinstance(fault, BadFile):
                        break
                    log.warning(
                        "%s; another is begun, and calls that were answered before are not known"
                        " again",
                        fault.what,
                    )
                    self._forgotten()
                except OSError as error:
                    fault = _fault(error, self.path)
                    break
        log.warning("%s: %s", consequence, fault.message)
        return None

    def _let_go(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):  # of a damaged file
                self._db.close()
            self._db = None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._let_go()

    def get(self, principal: str, key: str) -> Answer | None:
        """The first answer, None where there is none or it is too old."""
        query = (
            "SELECT fingerprint, status, headers, body, seal FROM answers WHERE principal = ? AND"
            " key = ? AND time > ?"
        )
        place = (principal, key, time.time() - 3600 * HOURS)
        row = self._done(
            lambda db: db.execute(query, place).fetchone(),
            "whether a call was answered before is not known",
        )
        return (
            None if row is None else Answer(row[0], row[1], _headers(row[2]), *row[3:])
        )

    def put(self, principal: str, key: str, answer: Answer) -> None:
        """Keep an answer; those that are too old go."""
        row = (
            principal,
            key,
            time.time(),
            answer.fingerprint,
            answer.status,
            json.dumps(answer.headers),
            answer.body,
            answer.seal,
        )

        def keep(db: sqlite3.Connection) -> None:
            _purged(db)
            db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row
            )

        self._done(keep, "an answer was not kept, so its repeat will be done again")

    def purge(self) -> None:
        """Overwrite what is too old, in the file and in its write-ahead log."""
        if self.path.exists():
            self._done(_purged, "answers that are too old were not overwritten")


def _headers(text: str) -> dict[str, str]:
    """Headers as they were kept; none where somebody made something else of them."""
    try:
        headers = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return headers if isinstance(headers, dict) else {}


def _purged(db: sqlite3.Connection) -> None:
    if db.execute(
        "DELETE FROM answers WHERE time <= ?", (time.time() - 3600 * HOURS,)
    ).rowcount:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fault(error: sqlite3.Error | OSError, path: Path) -> GovdError:
    title = "the file of first answers"
    if isinstance(error, sqlite3.Error):
        return fault_of(error, str(path), title, "Another is begun.")
    return MachineFault(
        f"{title} cannot be written or read ({error.strerror})", where=str(path)
    )
