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
written calls are answered all the same. An answer that was changed in it is not given, since it
does not fit its seal, HMAC-SHA-256 keyed with the caller's token, too: the call is made again.

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
import re
import time
from dataclasses import replace
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govd.errors import Conflict, GovdError, KeyReused, Usage
from govd.service.tokens import Tokens
from govd.web.kept_answers import Answer, Store
from govd.web.problems import problem

log = logging.getLogger("govd.web")
PURGE_SECONDS: Final = 3600.0
"""Between two looks for answers that are too old."""
FILE: Final = "the file of first answers"
LONGEST: Final = 255
"""Characters of a key."""
LARGEST: Final = 8 * 2**20
"""Bytes of an answer that is kept."""
PATIENCE: Final = 30.0
"""Seconds that a call waits for the first one with its key."""
OWN: Final = re.compile(r"/v1/(requests(/[^/]+/revert)?|feeds/[^/]+)")
"""Paths whose keys the ledger keeps; what is sent to a feed has the id of its message."""
UNKEPT: Final = re.compile(r"/v1/(preview|requests/[^/]+/reveal)")
"""Paths whose answers, refusals included, may name what the ledger does not."""
KEPT: Final = (
    "content-type",
    "location",
    "govd-revision",
    "govd-answer",
    "www-authenticate",
)
"""Headers that are part of an answer."""


class Idempotency:
    """Answers repeats of POST from the store. Asks for the token first: who may not call is
    answered by the route, and nothing is kept.
    """

    def __init__(self, app: ASGIApp, store: Store, tokens: Tokens) -> None:
        self.app = app
        self.store = store
        self.tokens = tokens
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
                f"an idempotency key of {len(key)} characters",
                advice=f"From 1 to {LONGEST}.",
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
        call = f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n".encode()
        fingerprint = _keyed_digest(token, call + body)
        name = (hashlib.sha256(token).hexdigest(), _keyed_digest(token, key.encode()))
        if not await self._turn(name):
            advice = "Wait for its answer, then send the same again."
            error = Conflict(
                "a call with this idempotency key is still running",
                where=key,
                advice=advice,
            )
            await problem(error.status, error.as_problem(), {"Retry-After": "5"})(
                scope, receive, send
            )
            return
        try:
            first = await run_in_threadpool(self._kept, token, name)
            if first is not None and await self._repeated(
                first, fingerprint, key, scope, receive, send
            ):
                return
            answer = await self._first(fingerprint, body, scope, receive, send)
            if answer is not None:
                sealed = replace(answer, seal=_seal(token, name, answer))
                await run_in_threadpool(self.store.put, *name, sealed)
        finally:
            self._running.pop(name).set()

    def _kept(self, token: bytes, name: tuple[str, str]) -> Answer | None:
        """The first answer to a call as it was given; None where there is none."""
        first = self.store.get(*name)
        if first is None:
            return None
        if not hmac.compare_digest(
            str(first.seal).encode(), _seal(token, name, first).encode()
        ):
            log.error(
                "%s was changed: an answer is not given, the call is made again", FILE
            )
            return None
        return first

    async def _turn(self, name: tuple[str, str]) -> bool:
        """Wait until no other call has this key; False where that takes too long."""
        end = time.monotonic() + PATIENCE
        while name in self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._running[name].wait(), max(0.0, end - time.monotonic())
                )
            if time.monotonic() >= end:
                return False
        self._running[name] = asyncio.Event()
        return True

    async def _repeated(
        self,
        first: Answer,
        fingerprint: str,
        key: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> bool:
        """Answer from what is known; False where the call has to be made again."""
        error: GovdError
        if first.fingerprint != fingerprint:
            error = KeyReused(
                "this idempotency key came with another call",
                where=key,
                advice="Use a new key.",
            )
        elif first.body is not None:
            await _replay(first, send)
            return True
        elif "location" in first.headers:
            location = first.headers["location"]
            advice = (
                "What the first answer held is shown once: undo that and ask with a new key if it"
                " was lost."
            )
            error = Conflict(
                f"this was done already, as {location}",
                where=key,
                advice=advice,
                location=location,
                id=location.rpartition("/")[2],
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
        status = 500
        headers = Headers()
        parts = bytearray()
        is_read = False

        async def again() -> Message:
            nonlocal is_read
            if is_read:
                return await receive()
            is_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def sent(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = Headers(raw=message["headers"])
            elif message["type"] == "http.response.body" and len(parts) <= LARGEST:
                parts.extend(message.get("body", b""))
            # whoever asked has gone, and will ask again: the answer is kept all the same
            with contextlib.suppress(OSError):
                await send(message)

        await self.app(scope, again, sent)
        if status >= 500 or status in (401, 403):
            return None
        secret = (
            "no-store" in headers.get("cache-control", "")
            or UNKEPT.fullmatch(scope["path"])
            or len(parts) > LARGEST
        )
        kept_headers = {name: headers[name] for name in KEPT if name in headers}
        return Answer(
            fingerprint, status, kept_headers, None if secret else bytes(parts)
        )


def _seal(token: bytes, name: tuple[str, str], answer: Answer) -> str:
    """What nobody can make who has not the caller's token."""
    parts = [*name, answer.fingerprint, answer.status, answer.headers]
    body = b"none" if answer.body is None else b"some" + answer.body
    return _keyed_digest(
        token, json.dumps(parts, sort_keys=True).encode() + b"\n" + body
    )


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
    await send(
        {"type": "http.response.start", "status": known.status, "headers": headers.raw}
    )
    await send({"type": "http.response.body", "body": known.body})
