"""`/v1/audit`: questions to the ledger; JSON, CSV or NDJSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from govd.audit.states import as_of_rows
from govd.service.api import check_state
from govd.service.rows import sql_rows
from govd.types import Json
from govd.web.bodies import SqlBody
from govd.web.context import Here, Owner, Reader
from govd.web.heavy import heavy
from govd.web.rendering import Form, Limit, listed, rows
from govd.web.strict import Strict

router = APIRouter(tags=["audit"], prefix="/audit", route_class=Strict)


@router.get("/log")
def log(
    request: Request,
    context: Here,
    reader: Reader,
    form: Form,
    since: str | None = None,
    until: str | None = None,
    actor: str | None = None,
    kind: str | None = None,
    subject: str | None = None,
    model: str | None = None,
    concept: str | None = None,
    domain: str | None = None,
    state: str | None = None,
    policy: str | None = None,
    after: int | None = None,
    limit: Limit = 100,
) -> Response:
    """Entries of the ledger, in their order."""
    check_state(state)
    filters = {
        "since": since,
        "until": until,
        "actor": actor,
        "kind": kind,
        "subject": subject,
        "model": model,
    }
    filters |= {"concept": concept, "domain": domain, "state": state, "policy": policy}
    found = context.service.audit.log(after, limit + 1, **filters)
    return listed(
        request, form, found[:limit], found[limit - 1]["seq"] if len(found) > limit else None
    )


@router.get("/trail/{request_id}")
def trail(request_id: str, context: Here, reader: Reader, form: Form) -> Response:
    """Everything that happened to one request; its timeline as rows."""
    found = context.service.audit.trail(request_id)
    return rows(form, found, found["timeline"])


@router.get("/as-of")
def as_of(
    time: str,
    context: Here,
    reader: Reader,
    form: Form,
    model: str | None = None,
    proof: bool = False,
) -> Response:
    """What was served at a time; the forgets that were in force as rows."""
    found = context.service.proofs.as_of(time, model, proof)
    return rows(form, found, as_of_rows(found))


@router.get("/why/{model}/{number}")
def why(model: str, number: int, context: Here, reader: Reader, form: Form) -> Response:
    """From a revision back to requests, votes, artifacts and software; its requests as rows."""
    found = context.service.audit.why(model, number)
    return rows(form, found, found["requests"])


@router.get("/deadlines")
def deadlines(
    context: Here,
    reader: Reader,
    form: Form,
    model: str | None = None,
    since: str | None = None,
    until: str | None = None,
    days: Annotated[int | None, Query(ge=1)] = None,
    extended: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """What is due, late and extended."""
    found = context.service.audit.deadlines(model, since, until, days, extended)
    return rows(form, found, found["requests"])


@router.post("/sql")
@heavy
def sql(body: SqlBody, context: Here, reader: Reader, form: Form) -> Response:
    """A question in SQL to the views, read-only."""
    found = context.service.audit.sql(body.query, body.seconds, body.limit)
    return rows(form, found, sql_rows(found))


@router.get("/answers/{key}")
def answer(key: str, context: Here, reader: Reader) -> Json:
    """Which revision gave an answer."""
    return context.service.answers.show(key)


@router.post("/rebuild")
@heavy
def rebuild(context: Here, actor: Owner) -> Json:
    """Make the views anew from the entries and compare."""
    return context.service.verification.rebuild()
