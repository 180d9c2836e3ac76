"""`/v1/notices`: who is told of entries."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from govd.notices.options import ReceiverOptions
from govd.types import Json
from govd.web.bodies import NoticeBody, SecretBody, options
from govd.web.context import Here, Owner, Reader
from govd.web.rendering import Form, Limit, listed
from govd.web.strict import Strict

router = APIRouter(tags=["notices"], route_class=Strict)


@router.post("/notices", status_code=201)
def add(body: NoticeBody, response: Response, context: Here, actor: Owner) -> Json:
    """Tell somebody of entries from now on. A secret that govd made is shown this once."""
    receiver = context.service.notices.add(ReceiverOptions(**options(body)), actor)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/v1/notices/{receiver['name']}"
    return receiver


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


@router.delete("/notices/{name}")
def remove(name: str, context: Here, actor: Owner) -> Json:
    """Tell a receiver nothing more."""
    return context.service.notices.remove(name, actor)


@router.post("/notices/{name}/secret")
def renew_secret(
    name: str, body: SecretBody, response: Response, context: Here, actor: Owner
) -> Json:
    """Another secret; the one before signs beside it for a day."""
    response.headers["Cache-Control"] = "no-store"
    return context.service.notices.renew_secret(name, actor, body.secret)


@router.post("/notices/{name}/test")
def test(name: str, context: Here, actor: Owner) -> Json:
    """Send a receiver one notice that is about nothing."""
    return context.service.notices.test(name, actor)


@router.post("/notices/{notice}/retry")
def retry(notice: str, context: Here, actor: Owner) -> Json:
    """Send again what was given up: a notice by its id, or what is due to a receiver by its
    name.
    """
    return context.service.notices.retry(notice, actor)
