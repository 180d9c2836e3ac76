"""Calls that wait for a decision: they take no thread, and not for ever."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import Query, Response
from starlette.concurrency import run_in_threadpool

from govd.records.lifecycle import MOVING
from govd.types import Record
from govd.web.context import Context

LOOK = 1.0
"""Seconds after which one looks without having been told: what another process appends is not told
here.
"""
Wait = Annotated[
    bool,
    Query(
        description="Answer when it is decided and served, or when the time is over."
    ),
]
Timeout = Annotated[float, Query(ge=0, le=300, description="Seconds to wait at most.")]
SECONDS = 60.0


async def settled(context: Context, request_id: str, seconds: float) -> Record:
    """A request's record once it is decided and served, or as it is when the time is over or the
    daemon ends.
    """
    end = time.monotonic() + seconds
    while True:
        position = context.news.count
        record = await run_in_threadpool(context.service.requests.show, request_id)
        seconds_left = end - time.monotonic()
        if record["state"] not in MOVING or seconds_left <= 0 or context.news.closed:
            return record
        await context.news.after(position, min(LOOK, seconds_left))


async def answered(
    context: Context, response: Response, record: Record, wait: bool, seconds: float
) -> Record:
    """Wake the reconciler; 200 with what was decided and served, 202 with what is still to come."""
    await run_in_threadpool(context.wake)
    if wait:
        record = await settled(context, str(record["id"]), seconds)
    response.status_code = 202 if record["state"] in MOVING or not wait else 200
    return record
