"""`/v1/models`: what is registered, and what was published."""

from __future__ import annotations

from fastapi import APIRouter

from govd.types import Json
from govd.web.context import Here, Reader
from govd.web.heavy import heavy
from govd.web.strict import Strict

router = APIRouter(tags=["models"], route_class=Strict)


@router.get("/models/{name}/revisions/{number}/interference")
@heavy
def interference(name: str, number: int, context: Here, reader: Reader) -> Json:
    """What each forget of a revision costs the retained answers, and what it does to the others:
    each left out once.
    """
    return context.service.interference(name, number)
