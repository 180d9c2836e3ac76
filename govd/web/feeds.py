"""What is sent to `/v1/feeds/{name}`: a document, signed by its sender."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from govd.automatic.feed_settings import FORMS
from govd.types import DOCUMENT_BYTES, Json
from govd.web.context import Here
from govd.web.guards import TooLarge
from govd.web.strict import Open

BODY: Final[Json] = {
    "parameters": [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ],
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string"}} for kind in FORMS},
    },
}
"""What is sent, for the description."""
sent = APIRouter(tags=["feeds"], route_class=Open)
"""What is signed by its sender, who has no token."""


async def _body(request: Request) -> bytes:
    """The body, as long as it is no larger than a document may be.

    Raises:
        TooLarge: it is.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > DOCUMENT_BYTES:
            raise TooLarge(DOCUMENT_BYTES)
    return bytes(body)


@sent.post("/feeds/{name}", status_code=202, openapi_extra=BODY)
async def send(name: str, request: Request, context: Here) -> Json:
    """Send a document to a feed `webhook:`: CSV, one name a line, JSON or NDJSON, signed by
    Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`). 202: it is kept, and
    taken in its turn.
    """
    body = await _body(request)
    receipt = await run_in_threadpool(
        context.service.feeds.receive, name, request.headers, body, datetime.now(UTC)
    )
    await run_in_threadpool(context.wake)
    return receipt
