"""`/v1/stores`: embeddings that are kept elsewhere; added, found in, patched, verified, purged."""

from __future__ import annotations

from fastapi import APIRouter, Response

from govd.stores.finding import Query
from govd.stores.plans import PatchOptions
from govd.stores.registry import StoreSettings
from govd.types import Json
from govd.web.bodies import (
    ReasonBody,
    StoreBody,
    StoreFindBody,
    StorePatchBody,
    file_of,
)
from govd.web.context import Here, Operator, Owner
from govd.web.heavy import heavy
from govd.web.strict import Strict

router = APIRouter(tags=["stores"], route_class=Strict)


@router.post("/stores", status_code=201)
@heavy
def add(body: StoreBody, response: Response, context: Here, actor: Owner) -> Json:
    """Add a store; files are on the daemon's machine."""
    store = context.service.stores.add(StoreSettings(**body.model_dump()), actor)
    response.headers["Location"] = f"/v1/stores/{body.name}"
    return store


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


@router.post("/stores/{name}/patch", status_code=202)
@heavy
def patch(name: str, body: StorePatchBody, context: Here, actor: Operator) -> Json:
    """Begin to take a store to a revision; its record says how far it is."""
    begun = context.service.stores.patch(name, PatchOptions(**body.model_dump()), actor)
    context.wake()
    return begun


@router.post("/stores/{name}/verify")
@heavy
def verify(name: str, context: Here, actor: Operator) -> Json:
    """Whether a store is what its stamp says."""
    return context.service.stores.verify(name, actor)


@router.post("/stores/{name}/purge")
@heavy
def purge(name: str, body: ReasonBody, context: Here, actor: Owner) -> Json:
    """Take away every vector that is not searched, originals included."""
    return context.service.stores.purge(name, body.reason, actor)


@router.post("/stores/{name}/remove")
def remove(name: str, body: ReasonBody, context: Here, actor: Owner) -> Json:
    """Look after a store no more; its vectors and stamp stay as they are."""
    return context.service.stores.remove(name, body.reason, actor)
