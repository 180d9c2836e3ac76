"""`Idempotency-Key` on every POST: whoever is not sure that an answer came sends the same again and
gets the same answer.

A key belongs to the token that it came with. Its first answer is kept for two days, in a file of
its own that outlives a restart:

- the same call again: the same answer, with `Idempotent-Replay: true`; while the first one runs the
  second waits for it;
- another path or body: 422 `key-reused`;
- an answer of 500 and more is not kept: trying again is what it asks for;
- what an answer says not to store (`Cache-Control: no-store`: a new token's secret) is not kept
  either, nor is anything that is answered
  where names may be that the ledger does not hold (a private request's text, a preview), refusals
  included. Where a call made something (`Location`) the same one is refused with 409 and says what
  it made; where it did not, it is made again.

Bodies hold reasons that may be private, and a guess of one must not be confirmed from this file
once the text was destroyed: calls are told apart by HMAC-SHA-256 (RFC 2104) keyed with the caller's
token, of which a home keeps only the SHA-256 (but for its own token); what is too old is
overwritten.

The file is a help to callers, no evidence: a damaged one is replaced, and where it cannot be
written calls are answered all the same.

Filing and reverting have keys in the ledger itself, for good (`Requests.forget`), and are none of
this.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govd.errors import BadFile, Conflict, GovdError, KeyReused, MachineFault, Usage
from govd.ledger.database import fault_of
from govd.service.tokens import Tokens
from govd.web.problems import problem

log = logging.getLogger("govd.web")
T = TypeVar("T")
HOURS: Final = 48
PURGE_SECONDS: Final = 3600.0
"""Between two looks for answers that are too old."""
LONGEST: Final = 255
"""Characters of a key."""
LARGEST: Final = 8 * 2**20
"""Bytes of an answer that is kept."""
PATIENCE: Final = 30.0
"""Seconds that a call waits for the first one with its key."""
OWN: Final = re.compile(r"/v1/requests(/[^/]+/revert)?")
"""Paths whose keys the ledger keeps."""
UNKEPT: Final = re.compile(r"/v1/(preview|requests/[^/]+/reveal)")
"""Paths whose answers, refusals included, may name what the ledger does not."""
KEPT: Final = ("content-type", "location", "govd-revision", "govd-answer", "www-authenticate")
"""Headers that are part of an answer."""
SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS answers (principal TEXT, key TEXT, time REAL, fingerprint TEXT,"
    " status INTEGER, headers TEXT, body BLOB, PRIMARY KEY (principal, key)) STRICT, WITHOUT ROWID"
)


@dataclass(frozen=True)
class Answer:
    """A first answer: of which call, and what it was. `body` None: it may not be kept."""

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: bytes | None


class Store:
    """First answers below `path`, by principal and key; for its owner's eyes alone. Made when the
    first key comes.

    No call fails for its sake: what is wrong with it is in the log.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._db: sqlite3.Connection | None = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            handle = os.open(
                self.path, os.O_RDWR | os.O_CREAT, 0o600
            )  # SQLite would make it readable by others
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

    def _done(self, step: Callable[[sqlite3.Connection], T], consequence: str) -> T | None:
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
            "SELECT fingerprint, status, headers, body FROM answers WHERE principal = ? AND key = ?"
            " AND time > ?"
        )
        asked = (principal, key, time.time() - 3600 * HOURS)
        found = self._done(
            lambda db: db.execute(query, asked).fetchone(),
            "whether a call was answered before is not known",
        )
        return Answer(found[0], found[1], json.loads(found[2]), found[3]) if found else None

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
        )

        def keep(db: sqlite3.Connection) -> None:
            _purged(db)
            db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", row)

        self._done(keep, "an answer was not kept, so its repeat will be done again")

    def purge(self) -> None:
        """Overwrite what is too old, in the file and in its write-ahead log."""
        if self.path.exists():
            self._done(_purged, "answers that are too old were not overwritten")


def _purged(db: sqlite3.Connection) -> None:
    if db.execute("DELETE FROM answers WHERE time <= ?", (time.time() - 3600 * HOURS,)).rowcount:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fault(error: sqlite3.Error | OSError, path: Path) -> GovdError:
    what = "the file of first answers"
    if isinstance(error, sqlite3.Error):
        return fault_of(error, str(path), what, "Another is begun.")
    return MachineFault(f"{what} cannot be written or read ({error.strerror})", where=str(path))


class Idempotency:
    """Answers repeats of POST from the store. Asks for the token first: who may not call is
    answered by the route, and nothing is kept.
    """

    def __init__(self, app: ASGIApp, store: Store, tokens: Tokens) -> None:
        self.app, self.store, self.tokens = app, store, tokens
        self._running: dict[tuple[str, str], asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get("idempotency-key")
        if (
            key is None
            or scope["method"] != "POST"
            or not scope["path"].startswith("/v1/")
            or OWN.fullmatch(scope["path"])
        ):
            await self.app(scope, receive, send)
            return
        token = headers.get("authorization", "").partition(" ")[2].strip()
        try:
            self.tokens.admit(token or None, "inference")
        except GovdError:
            await self.app(scope, receive, send)
            return
        if not 0 < len(key) <= LONGEST:
            error = Usage(
                f"an idempotency key of {len(key)} characters", advice=f"From 1 to {LONGEST}."
            )
            await problem(error.status, error.as_problem())(scope, receive, send)
            return
        await self._keyed(token.encode(), key, scope, receive, send)

    async def _keyed(
        self, token: bytes, key: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        body = await _read(receive)
        if body is None:  # whoever asked has gone
            return
        asked = f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n".encode()
        fingerprint = _keyed_digest(token, asked + body)
        name = (hashlib.sha256(token).hexdigest(), _keyed_digest(token, key.encode()))
        if not await self._turn(name):
            advice = "Wait for its answer, then send the same again."
            error = Conflict(
                "a call with this idempotency key is still running", where=key, advice=advice
            )
            await problem(error.status, error.as_problem(), {"Retry-After": "5"})(
                scope, receive, send
            )
            return
        try:
            known = await run_in_threadpool(self.store.get, *name)
            if known is not None and await self._repeated(
                known, fingerprint, key, scope, receive, send
            ):
                return
            answer = await self._first(fingerprint, body, scope, receive, send)
            if answer is not None:
                await run_in_threadpool(self.store.put, *name, answer)
        finally:
            self._running.pop(name).set()

    async def _turn(self, name: tuple[str, str]) -> bool:
        """Wait until no other call has this key; False where that takes too long."""
        end = time.monotonic() + PATIENCE
        while name in self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._running[name].wait(), max(0.0, end - time.monotonic()))
            if time.monotonic() >= end:
                return False
        self._running[name] = asyncio.Event()
        return True

    async def _repeated(
        self, known: Answer, fingerprint: str, key: str, scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Answer from what is known; False where the call has to be made again."""
        error: GovdError
        if known.fingerprint != fingerprint:
            error = KeyReused(
                "this idempotency key came with another call", where=key, advice="Use a new key."
            )
        elif known.body is not None:
            await _replay(known, send)
            return True
        elif "location" in known.headers:
            made = known.headers["location"]
            advice = (
                "What the first answer held is shown once: undo that and ask with a new key if it"
                " was lost."
            )
            error = Conflict(
                f"this was done already, as {made}",
                where=key,
                advice=advice,
                location=made,
                id=made.rpartition("/")[2],
            )
        else:
            return False
        await problem(error.status, error.as_problem(), {"Idempotent-Replay": "true"})(
            scope, receive, send
        )
        return True

    async def _first(
        self, fingerprint: str, body: bytes, scope: Scope, receive: Receive, send: Send
    ) -> Answer | None:
        """Make the call; its answer, None where it is not one to keep."""
        status, headers, parts = 500, Headers(), bytearray()
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def sent(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=message["headers"])
            elif message["type"] == "http.response.body" and len(parts) <= LARGEST:
                parts.extend(message.get("body", b""))
            with contextlib.suppress(
                OSError
            ):  # whoever asked has gone, and will ask again: the answer is kept all the same
                await send(message)

        await self.app(scope, again, sent)
        if status >= 500 or status in (401, 403):
            return None
        secret = (
            "no-store" in headers.get("cache-control", "")
            or UNKEPT.fullmatch(scope["path"])
            or len(parts) > LARGEST
        )
        said = {name: headers[name] for name in KEPT if name in headers}
        return Answer(fingerprint, status, said, None if secret else bytes(parts))


def _keyed_digest(token: bytes, said: bytes) -> str:
    return hmac.new(token, said, hashlib.sha256).hexdigest()


async def _read(receive: Receive) -> bytes | None:
    """A whole body; what counts it stands before this."""
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.extend(message.get("body", b""))
        if not message.get("more_body", False):
            return bytes(parts)


async def _replay(known: Answer, send: Send) -> None:
    assert known.body is not None
    headers = MutableHeaders(
        headers={
            **known.headers,
            "Idempotent-Replay": "true",
            "Content-Length": str(len(known.body)),
        }
    )
    await send({"type": "http.response.start", "status": known.status, "headers": headers.raw})
    await send({"type": "http.response.body", "body": known.body})
