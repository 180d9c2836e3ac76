"""`/v1/models`: what is registered, and what was published."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response

from govd.models.given import Given
from govd.types import Json
from govd.web.bodies import (
    EvaluateBody,
    ExportBody,
    ModelBody,
    ModelChange,
    options,
)
from govd.web.context import Here, Owner, Reader
from govd.web.heavy import heavy
from govd.web.strict import Strict

router = APIRouter(tags=["models"], route_class=Strict)


@router.post("/models", status_code=201)
@heavy
def add(body: ModelBody, response: Response, context: Here, actor: Owner) -> Json:
    """Register a model; paths are on the daemon's machine."""
    record = context.service.add_model(
        body.name, body.reference, Given(**options(body, "name", "reference")), actor
    )
    response.headers["Location"] = (
        f"/v1/models/{body.name}"  # only now is it known to be a name
    )
    context.wake()
    return record


@router.patch("/models/{name}")
@heavy
def update(name: str, body: ModelChange, context: Here, actor: Owner) -> Json:
    """Change what a model is registered with; with a reference, rebase it."""
    return context.service.update_model(
        name, Given(**options(body, "reference")), actor, body.reference
    )


@router.delete("/models/{name}")
@heavy
def remove(
    name: str,
    context: Here,
    actor: Owner,
    reason: str = "",
    delete_published: bool = False,
) -> Json:
    """Take a model out of service; its entries stay. With forgets in force it is retired: they keep
    their states, and its name is not used again. `delete_published`: take away what was published
    to its folder, too.
    """
    return context.service.models.remove(name, actor, reason, delete_published)


@router.get("/models/{name}/revisions/{number}/interference")
@heavy
def interference(name: str, number: int, context: Here, reader: Reader) -> Json:
    """What each forget of a revision costs the retained answers, and what it does to the others:
    each left out once.
    """
    return context.service.interference(name, number)


@router.post("/models/{name}/export")
@heavy
def export(name: str, body: ExportBody, context: Here, actor: Owner) -> Json:
    """Write the edited model into a folder on the daemon's machine."""
    return context.service.export(
        name,
        Path(body.folder),
        actor,
        body.revision,
        body.format,
        body.disclose,
        body.recipient,
        body.side,
    )


@router.post("/models/{name}/evaluate")
@heavy
def evaluate(name: str, body: EvaluateBody, context: Here, actor: Owner) -> Json:
    """Metrics on labelled pictures on the daemon's machine."""
    return context.service.evaluate(
        name,
        body.images,
        body.revision,
        body.base,
        body.report,
        body.disclose,
        body.words,
    )
