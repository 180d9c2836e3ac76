"""Entries about requests and revisions, before they have a number and a time."""

from __future__ import annotations

from govd.ledger.entry import Draft
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Json


def request_draft(request: Request, event: str, actor: str, payload: Json) -> Draft:
    """An entry about a request. `event`: what its kind says after the dot, `approve`."""
    return Draft(
        kind=f"request.{event}",
        subject=request.id,
        actor=actor,
        model=request.model,
        payload=payload,
    )


def revision_draft(revision: Revision, event: str, actor: str, payload: Json) -> Draft:
    """An entry about a revision. `event`: what its kind says after the dot, `publish`."""
    return Draft(
        kind=f"revision.{event}",
        subject=revision.subject,
        actor=actor,
        model=revision.model,
        payload=payload,
    )
