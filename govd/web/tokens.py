"""`/v1/tokens`: who may call."""

from __future__ import annotations

from fastapi import APIRouter, Response

from govd.types import Json
from govd.web.bodies import TokenBody
from govd.web.context import Here, Owner
from govd.web.strict import Strict

router = APIRouter(tags=["tokens"], route_class=Strict)


@router.post("/tokens", status_code=201)
def create(body: TokenBody, response: Response, context: Here, actor: Owner) -> Json:
    """A new token; its secret is shown this once, and kept nowhere."""
    token = context.service.tokens.create(
        body.role, body.name, actor, body.principal, body.models, body.expires
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/v1/tokens/{token['id']}"
    return token


@router.delete("/tokens/{token_id}")
def revoke(token_id: str, context: Here, actor: Owner) -> Json:
    """End a token."""
    return context.service.tokens.revoke(token_id, actor)
