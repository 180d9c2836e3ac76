"""`Idempotency-Key` on every POST: whoever is not sure that an answer came sends the same again and gets the same answer.

A key belongs to the token that it came with. Its first answer is kept for two days, in a file of its own that outlives a restart:

- the same call again: the same answer, with `Idempotent-Replay: true`; while the first one runs the second waits for it;
- another path or body: 422 `key-reused`;
- an answer of 500 and more is not kept: trying again is what it asks for;
- what an answer says not to store (`Cache-Control: no-store`: a new token's secret, the text of a private request, a preview of names that
  may never be filed) is not kept either. Where it made something (`Location`) the same call is refused with 409 and says what it made;
  where it did not, it is made again.

Filing and reverting have keys in the ledger itself, for good (`Requests.forget`), and are none of this.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govd.errors import Conflict, GovdError, KeyReused, Usage
from govd.tokens import Tokens
from govd.web.problems import problem

HOURS: Final = 48
LONGEST: Final = 255
"""Characters of a key."""
LARGEST: Final = 8 * 2**20
"""Bytes of an answer that is kept."""
PATIENCE: Final = 30.0
"""Seconds that a call waits for the first one with its key."""
OWN: Final = re.compile(r"/v1/requests(/[^/]+/revert)?")
"""Paths whose keys the ledger keeps."""
KEPT: Final = ("content-type", "location", "govd-revision", "govd-answer", "www-authenticate")
"""Headers that are part of an answer."""
SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS answers (principal TEXT, key TEXT, time REAL, fingerprint TEXT, status INTEGER, headers TEXT, body BLOB,"
    " PRIMARY KEY (principal, key)) STRICT, WITHOUT ROWID"
)


@dataclass(frozen=True)
class Answer:
    """A first answer: of which call, and what it was. `body` None: it may not be kept."""

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: bytes | None


class Store:
    """First answers below `path`, by principal and key; for its owner's eyes alone. Made when the first key comes."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._db: sqlite3.Connection | None = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)  # SQLite would make it readable by others
            os.close(handle)
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(SCHEMA)
        return self._db

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def get(self, principal: str, key: str) -> Answer | None:
        """The first answer, None where there is none or it is too old."""
        query = "SELECT fingerprint, status, headers, body FROM answers WHERE principal = ? AND key = ? AND time > ?"
        with self._lock:
            found = self._opened().execute(query, (principal, key, time.time() - 3600 * HOURS)).fetchone()
        return Answer(found[0], found[1], json.loads(found[2]), found[3]) if found else None

    def put(self, principal: str, key: str, answer: Answer) -> None:
        """Keep an answer; those that are too old go."""
        now = time.time()
        row = (principal, key, now, answer.fingerprint, answer.status, json.dumps(answer.headers), answer.body)
        with self._lock:
            db = self._opened()
            db.execute("DELETE FROM answers WHERE time <= ?", (now - 3600 * HOURS,))
            db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", row)


class Idempotency:
    """Answers repeats of POST from the store. Asks for the token first: who may not call is answered by the route, and nothing is kept."""

    def __init__(self, app: ASGIApp, store: Store, tokens: Tokens) -> None:
        self.app, self.store, self.tokens = app, store, tokens
        self._running: dict[tuple[str, str], asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get("idempotency-key")
        if key is None or scope["method"] != "POST" or not scope["path"].startswith("/v1/") or OWN.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        token = headers.get("authorization", "").partition(" ")[2].strip()
        try:
            self.tokens.admit(token or None, "inference")
        except GovdError:
            await self.app(scope, receive, send)
            return
        if not 0 < len(key) <= LONGEST:
            error = Usage(f"an idempotency key of {len(key)} characters", advice=f"From 1 to {LONGEST}.")
            await problem(error.status, error.as_problem())(scope, receive, send)
            return
        await self._keyed((hashlib.sha256(token.encode()).hexdigest(), key), scope, receive, send)

    async def _keyed(self, name: tuple[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:  # whoever asked has gone
            return
        asked = f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n".encode()
        fingerprint = hashlib.sha256(asked + body).hexdigest()
        if not await self._turn(name):
            advice = "Wait for its answer, then send the same again."
            error = Conflict("a call with this idempotency key is still running", where=name[1], advice=advice)
            await problem(error.status, error.as_problem(), {"Retry-After": "5"})(scope, receive, send)
            return
        try:
            known = await run_in_threadpool(self.store.get, *name)
            if known is not None and await self._repeated(known, fingerprint, name[1], scope, receive, send):
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

    async def _repeated(self, known: Answer, fingerprint: str, key: str, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer from what is known; False where the call has to be made again."""
        error: GovdError
        if known.fingerprint != fingerprint:
            error = KeyReused("this idempotency key came with another call", where=key, advice="Use a new key.")
        elif known.body is not None:
            await _replay(known, send)
            return True
        elif "location" in known.headers:
            made = known.headers["location"]
            advice = "What the first answer held is shown once: undo that and ask with a new key if it was lost."
            error = Conflict(f"this was done already, as {made}", where=key, advice=advice, location=made, id=made.rpartition("/")[2])
        else:
            return False
        await problem(error.status, error.as_problem(), {"Idempotent-Replay": "true"})(scope, receive, send)
        return True

    async def _first(self, fingerprint: str, body: bytes, scope: Scope, receive: Receive, send: Send) -> Answer | None:
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
            await send(message)

        await self.app(scope, again, sent)
        if status >= 500 or status in (401, 403):
            return None
        secret = "no-store" in headers.get("cache-control", "") or len(parts) > LARGEST
        said = {name: headers[name] for name in KEPT if name in headers}
        return Answer(fingerprint, status, said, None if secret else bytes(parts))


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
    headers = MutableHeaders(headers={**known.headers, "Idempotent-Replay": "true", "Content-Length": str(len(known.body))})
    await send({"type": "http.response.start", "status": known.status, "headers": headers.raw})
    await send({"type": "http.response.body", "body": known.body})
