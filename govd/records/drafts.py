"""Entries about requests and revisions, before they have a number and a time."""

from __future__ import annotations

from govd.ledger.entry import Draft
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Json


def request_draft(request: Request, event: str, actor: str, payload: Json) -> Draft:
    """An entry about a request. `event`: what its kind says after the dot, `approve`."""
    return Draft(f"request.{event}", request.id, actor, request.model, payload)


def revision_draft(revision: Revision, event: str, actor: str, payload: Json) -> Draft:
    """An entry about a revision. `event`: what its kind says after the dot, `publish`."""
    return Draft(f"revision.{event}", revision.subject, actor, revision.model, payload)
