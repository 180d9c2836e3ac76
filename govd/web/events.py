"""`/v1/events`: entries as server-sent events, from any position; each has its sequence number as
id.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from govd.errors import Conflict
from govd.web.context import Context, Here, Reader
from govd.web.strict import Strict

router = APIRouter(tags=["audit"], route_class=Strict)
KEEP_ALIVE = 15.0
"""Seconds without news after which a comment says that the line is open."""
PAGE = 500
LAST = 2**53 - 1
"""No entry has a greater number: canonical JSON could not say it."""


@router.get("/events", response_class=StreamingResponse)
async def events(
    context: Here,
    actor: Reader,
    last: Annotated[
        str | None,
        Header(alias="Last-Event-ID", description="The last entry that was read."),
    ] = None,
    after: Annotated[
        int, Query(ge=-1, le=LAST, description="The same, for who cannot send headers.")
    ] = -1,
) -> StreamingResponse:
    """Entries from the one after `Last-Event-ID` or `after`, without end."""
    start = after + 1 if last is None else _number(last) + 1
    size = context.service.core.desk.ledger.size()
    if start > size:
        fault = f"entry {start - 1} is not in a ledger of {size} entries"
        raise Conflict(
            fault,
            advice="Compare a log checkpoint that you kept: govd audit verify --since.",
        )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(context, start), media_type="text/event-stream", headers=headers
    )


def _number(text: str) -> int:
    if not (
        text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= LAST
    ):
        raise HTTPException(
            400, f"Last-Event-ID is {text[:40]!r}, which is no entry's number"
        )
    return int(text)


async def _stream(context: Context, start: int) -> AsyncIterator[str]:
    news = context.news
    ledger = context.service.core.desk.ledger
    yield ": entries follow\n\n"  # so that who asks knows at once that he is heard
    while not news.closed:
        position = news.count
        page: list[Any] = await run_in_threadpool(
            lambda at: list(ledger.entries(at, at + PAGE)), start
        )
        for entry in page:
            yield (
                f"id: {entry['seq']}\nevent: {entry['kind']}\ndata:"
                f" {json.dumps(entry, ensure_ascii=False)}\n\n"
            )
            start = int(entry["seq"]) + 1
        if not page and not await news.after(position, KEEP_ALIVE):
            yield ": nothing new\n\n"
