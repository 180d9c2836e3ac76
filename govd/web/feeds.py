"""`/v1/feeds`: what comes in from elsewhere by itself; added, run, decided, and sent to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from govd.automatic.feed_settings import FORMS, FeedSettings
from govd.types import DOCUMENT_BYTES, Json
from govd.web.bodies import FeedBody, ReasonBody
from govd.web.context import Here, Operator, Owner
from govd.web.guards import TooLarge
from govd.web.strict import Open, Strict

router = APIRouter(tags=["feeds"], route_class=Strict)
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


@router.post("/feeds", status_code=201)
def add(body: FeedBody, response: Response, context: Here, actor: Owner) -> Json:
    """Add a feed; folders are on the daemon's machine. A signing secret that is made for it is
    shown this once.
    """
    settings = FeedSettings(**body.model_dump())
    response.headers["Cache-Control"] = "no-store"
    feed = context.service.feeds.add(settings, actor, datetime.now(UTC))
    response.headers["Location"] = f"/v1/feeds/{body.name}"
    return feed


@router.post("/feeds/{name}/run")
def run(name: str, context: Here, actor: Operator) -> Json:
    """Look at a feed now."""
    look = context.service.feeds.run(name, datetime.now(UTC))
    context.wake()
    return look


@router.post("/feeds/{name}/enable")
def enable(name: str, context: Here, actor: Owner) -> Json:
    """Look at a feed again."""
    feed = context.service.feeds.enable(name, actor)
    context.wake()
    return feed


@router.post("/feeds/{name}/disable")
def disable(name: str, context: Here, actor: Operator) -> Json:
    """Look at a feed no more; what it filed stays."""
    return context.service.feeds.disable(name, actor)


@router.post("/feeds/{name}/runs/{run}/{event}")
def decide(
    name: str,
    run: int,
    event: Literal["release", "reject"],
    body: ReasonBody,
    context: Here,
    actor: Operator,
) -> Json:
    """File the rows of a held run after all, or leave them unfiled."""
    feeds = context.service.feeds
    decision = feeds.release if event == "release" else feeds.reject
    decided = decision(name, run, body.reason, actor)
    context.wake()
    return decided


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
