"""`/v1/principals`: who is in charge."""

from __future__ import annotations

from fastapi import APIRouter, Response

from govd.types import Json
from govd.web.bodies import DelegateBody, PrincipalBody, RolesBody, UndelegateBody
from govd.web.context import Anyone, Credentials, Here, Owner, held_by
from govd.web.strict import Strict

router = APIRouter(tags=["people"], route_class=Strict)


@router.get("/whoami")
def whoami(context: Here, anyone: Anyone, credentials: Credentials) -> Json:
    """Who calls: actor, person, role and models of the token, all roles, for whom he acts."""
    return context.service.principals.whoami(held_by(context, credentials))


@router.post("/principals", status_code=201)
def add(body: PrincipalBody, response: Response, context: Here, actor: Owner) -> Json:
    """A new principal; `owner` gives roles to the home's owner."""
    record = context.service.principals.add(body.name, body.roles, body.reason, actor)
    response.headers["Location"] = f"/v1/principals/{record['name']}"
    return record


@router.patch("/principals/{name}")
def update(name: str, body: RolesBody, context: Here, actor: Owner) -> Json:
    """Other roles, instead of those that he has."""
    return context.service.principals.update(name, body.roles, body.reason, actor)


@router.delete("/principals/{name}")
def remove(name: str, context: Here, actor: Owner, reason: str = "") -> Json:
    """Remove a principal: his tokens and delegations end, and what he approved counts no more for
    what still waits.
    """
    return context.service.principals.remove(name, reason, actor)


@router.post("/principals/{name}/delegate")
def delegate(name: str, body: DelegateBody, context: Here, actor: Owner) -> Json:
    """Let another principal act for him until a date."""
    return context.service.principals.delegate(
        name, body.to, body.until, body.reason, actor
    )


@router.post("/principals/{name}/undelegate")
def undelegate(name: str, body: UndelegateBody, context: Here, actor: Owner) -> Json:
    """End a delegation before its date."""
    return context.service.principals.undelegate(name, body.to, body.reason, actor)
