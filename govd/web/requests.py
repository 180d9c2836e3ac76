"""`/v1/requests` and `/v1/preview`: what is to go, who decides, and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from govd.errors import Denied
from govd.records.states import check_state
from govd.requests import ForgetOptions
from govd.requests.synthesised import picture_of, pictures_of
from govd.types import Json
from govd.web.bodies import (
    ForgetBody,
    ReasonBody,
    options,
)
from govd.web.context import Context, Credentials, Here, Operator, Reader, admit
from govd.web.heavy import heavy
from govd.web.rendering import Form, Limit, listed
from govd.web.strict import Strict
from govd.web.waiting import SECONDS, Timeout, Wait, answered, settled

router = APIRouter(tags=["requests"], route_class=Strict)
KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]


def _is_owner(context: Context, credentials: Credentials) -> bool:
    try:
        admit(context, credentials, "owner")
    except Denied:
        return False
    return True


@router.get("/requests")
def every(
    request: Request,
    context: Here,
    reader: Reader,
    credentials: Credentials,
    form: Form,
    state: str | None = None,
    model: str | None = None,
    concept: str | None = None,
    domain: str | None = None,
    policy: str | None = None,
    filed_by: str | None = None,
    ticket: str | None = None,
    reason: str | None = None,
    since: str | None = None,
    until: str | None = None,
    after: int | None = None,
    limit: Limit = 100,
) -> Response:
    """Requests in the order of their filing. An owner finds a private request by the exact name of
    a concept.
    """
    check_state(state)
    filters = {
        "state": state,
        "model": model,
        "concept": concept,
        "domain": domain,
        "policy": policy,
        "filed_by": filed_by,
    }
    filters |= {"ticket": ticket, "reason": reason, "since": since, "until": until}
    owner = concept is not None and _is_owner(context, credentials)
    requests = context.service.requests.all(
        after=after, limit=limit + 1, private_too=owner, **filters
    )
    return listed(
        request,
        form,
        requests[:limit],
        requests[limit - 1]["seq"] if len(requests) > limit else None,
    )


@router.post("/requests", status_code=202)
async def forget(
    body: ForgetBody,
    response: Response,
    context: Here,
    actor: Operator,
    wait: Wait = False,
    timeout: Timeout = SECONDS,
    key: KeyHeader = None,
) -> Json:
    """File a forget. With a key the same call files it once."""
    fields = options(body, "model") | ({"idempotency_key": key} if key else {})
    record = await run_in_threadpool(
        context.service.requests.forget, body.model, ForgetOptions(**fields), actor
    )
    return await answered(context, response, record, wait, timeout)


@router.post("/preview")
@heavy
def preview(
    body: ForgetBody, response: Response, context: Here, reader: Reader
) -> Json:
    """What a forget would do; files nothing."""
    response.headers["Cache-Control"] = (
        "no-store"  # it may name whom a private request will not
    )
    return context.service.requests.preview(
        body.model, ForgetOptions(**options(body, "model")), reader
    )


@router.get("/requests/{request_id}")
async def show(
    request_id: str,
    context: Here,
    reader: Reader,
    wait: Wait = False,
    timeout: Timeout = SECONDS,
) -> Json:
    """One request."""
    return await settled(context, request_id, timeout if wait else 0)


@router.get("/requests/{request_id}/pictures")
def pictures(
    request_id: str, request: Request, context: Here, reader: Reader, form: Form
) -> Response:
    """The pictures that were synthesised for it."""
    return listed(
        request,
        form,
        pictures_of(context.service.core, context.service.requests.show(request_id)),
        None,
    )


@router.get("/requests/{request_id}/pictures/{digest}")
def picture(request_id: str, digest: str, context: Here, reader: Reader) -> Response:
    """One of them, as PNG."""
    record = context.service.requests.show(request_id)
    return Response(
        picture_of(context.service.core, record, digest), media_type="image/png"
    )


@router.get("/requests/{request_id}/revert")
@heavy
def preview_revert(
    request_id: str, response: Response, context: Here, reader: Reader
) -> Json:
    """What its revert would bring back; files nothing."""
    response.headers["Cache-Control"] = "no-store"
    return context.service.requests.preview_revert(request_id, reader)


@router.post("/requests/{request_id}/revert", status_code=202)
async def revert(
    request_id: str,
    body: ReasonBody,
    response: Response,
    context: Here,
    actor: Operator,
    wait: Wait = False,
    timeout: Timeout = SECONDS,
    key: KeyHeader = None,
) -> Json:
    """Take a forget back. With a key the same call files it once."""
    record = await run_in_threadpool(
        context.service.requests.revert,
        request_id,
        body.reason,
        actor,
        key or body.idempotency_key,
    )
    return await answered(context, response, record, wait, timeout)
