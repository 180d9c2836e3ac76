"""`/v1/principals`: who is in charge."""

from __future__ import annotations

from fastapi import APIRouter

from govd.types import Json
from govd.web.context import Anyone, Credentials, Here, held_by
from govd.web.strict import Strict

router = APIRouter(tags=["people"], route_class=Strict)


@router.get("/whoami")
def whoami(context: Here, anyone: Anyone, credentials: Credentials) -> Json:
    """Who calls: actor, person, role and models of the token, all roles, for whom he acts."""
    return context.service.principals.whoami(held_by(context, credentials))
