"""`/v1/stores/{name}/find`: pictures in its body are files."""

from __future__ import annotations

from fastapi import APIRouter

from govd.stores.finding import Query
from govd.types import Json
from govd.web.bodies import StoreFindBody, file_of
from govd.web.context import Here, Operator
from govd.web.heavy import heavy
from govd.web.strict import Strict

router = APIRouter(tags=["stores"], route_class=Strict)


@router.post("/stores/{name}/find")
@heavy
def find(name: str, body: StoreFindBody, context: Here, actor: Operator) -> Json:
    """What in a store is about a concept, by its text, by pictures, or both."""
    examples = tuple(
        (f"example {place}", file_of(text, f"example {place}"))
        for place, text in enumerate(body.examples, 1)
    )
    return context.service.stores.find(
        name, Query(body.concept, examples, body.limit, body.whole)
    )
