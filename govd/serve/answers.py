"""A sample of answers with the revisions that gave them: digests, never pictures or texts. Not
evidence, so not in the ledger.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from govd.errors import NotFound
from govd.ledger.database import fault_of
from govd.ledger.times import now
from govd.records.limits import bounded
from govd.types import Json, Record

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, time TEXT, model TEXT, revision"
    " INTEGER, said TEXT) STRICT, WITHOUT ROWID"
)


_REPAIR = "It is no evidence: move it away, and another is begun."

log = logging.getLogger("govd")


def digest(data: bytes) -> str:
    """SHA-256 of an input, in hex."""
    return hashlib.sha256(data).hexdigest()


class Answers:
    """Answers below `path`; a share of them is kept, at random."""

    def __init__(self, path: Path, share: float) -> None:
        self.path = path
        self.share = share
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            opened = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=10
            )
            try:
                for statement in (
                    "PRAGMA journal_mode=WAL",
                    "PRAGMA synchronous=OFF",
                    SCHEMA,
                ):
                    opened.execute(statement)
            except sqlite3.Error:
                opened.close()
                raise
            self._db = opened
        return self._db

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def note(
        self, model: str, revision: int, inputs: Sequence[bytes], said: Json
    ) -> str:
        """The id of an answer; it is kept where chance wants it so. An answer is given though it
        cannot be kept: the log says so.
        """
        key = f"{random.getrandbits(64):016x}"  # a name, no secret
        if self.share > 0 and random.random() < self.share:
            text = json.dumps(
                {"inputs": [digest(i) for i in inputs], "answer": said},
                ensure_ascii=False,
                default=float,
            )
            try:
                with self._lock:
                    self._opened().execute(
                        "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
                        (key, now(), model, revision, text),
                    )
            except sqlite3.Error as error:
                log.warning(
                    "an answer was not kept: %s",
                    fault_of(
                        error, str(self.path), "the sample of answers", _REPAIR
                    ).message,
                )
        return key

    @bounded
    def show(self, key: str) -> Record:
        """Which revision gave an answer, when, to what.

        Raises:
            NotFound: it was not kept. MachineFault, BadFile: the sample cannot be read.
        """
        row = None
        if self.path.exists():
            try:
                with self._lock:
                    query = (
                        "SELECT time, model, revision, said FROM answers WHERE id = ?"
                    )
                    row = self._opened().execute(query, (key,)).fetchone()
            except sqlite3.Error as error:
                raise fault_of(
                    error, str(self.path), "the sample of answers", _REPAIR
                ) from error
        if row is None:
            advice = "Only a sample is kept: inference_log in govd.toml is its share."
            raise NotFound(f"the answer {key!r} was not kept", advice=advice)
        noted = {
            "id": key,
            "time": row[0],
            "model": row[1],
            "revision": row[2],
            **json.loads(row[3]),
        }
        return noted | {
            "evidence": "none: a sample that is kept beside the ledger, not signed"
        }
