"""`/v1/audit`: questions to the ledger; JSON, CSV or NDJSON."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from govd.service.states import check_state
from govd.web.context import Here, Reader
from govd.web.rendering import Form, Limit, listed
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
    entries = context.service.audit.log(after, limit + 1, **filters)
    return listed(
        request,
        form,
        entries[:limit],
        entries[limit - 1]["seq"] if len(entries) > limit else None,
    )
