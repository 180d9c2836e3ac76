"""`/v1/notices/history`: what became of notices; the room turns its pages."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from govd.web.context import Here, Reader
from govd.web.rendering import Form, Limit, listed
from govd.web.strict import Strict

router = APIRouter(tags=["notices"], route_class=Strict)


@router.get("/notices/history")
def history(
    request: Request,
    context: Here,
    reader: Reader,
    form: Form,
    name: str | None = None,
    after: int | None = None,
    limit: Limit = 100,
) -> Response:
    """What became of notices, the newest first."""
    past = context.service.notices.history(name, limit, after)
    cursor = past[-1]["entry"] if len(past) == limit else None
    return listed(request, form, past, cursor)
