"""`/v1/feeds`: what comes in from elsewhere by itself; added, run, decided, and sent to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from govd.automatic.feeds import FeedSettings
from govd.types import Json
from govd.web.bodies import FeedBody, ReasonBody
from govd.web.context import Here, Operator, Owner
from govd.web.strict import Open, Strict

router = APIRouter(tags=["feeds"], route_class=Strict)
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


@sent.post("/feeds/{name}", status_code=202)
async def send(name: str, request: Request, context: Here) -> Json:
    """Send a document to a feed `webhook:`: CSV, one name a line, JSON or NDJSON, signed by
    Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`). 202: it is kept, and
    taken in its turn.
    """
    body = await request.body()
    taken = await run_in_threadpool(
        context.service.feeds.receive, name, request.headers, body, datetime.now(UTC)
    )
    await run_in_threadpool(context.wake)
    return taken
