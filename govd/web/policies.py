"""`/v1/policies` and `/v1/policy`: what changes policies, and the freeze."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from govd.errors import Usage
from govd.types import Json
from govd.web.bodies import Body, ReasonBody
from govd.web.context import Here, Operator, Owner, Reader
from govd.web.heavy import heavy
from govd.web.rendering import Form, rows
from govd.web.strict import Strict

router = APIRouter(tags=["policies"], route_class=Strict)


class PolicyBody(Body):
    """`govd policy add`: a `text`, or a `ready` one with `values`."""

    text: str | None = None
    where: str = "policy"
    ready: str | None = None
    values: dict[str, str] = Field(default_factory=dict)
    force: bool = False
    reason: str = ""


class EnforceBody(Body):
    """`govd policy enforce`."""

    report: str | None = None
    force: bool = False
    reason: str = ""


class TestBody(Body):
    """`govd policy test FILE`."""

    text: str
    where: str = "policy"
    since: str | None = None


@router.post("/policies", status_code=201)
def add(body: PolicyBody, context: Here, actor: Owner) -> Json:
    """Add a policy, or another text of one; in shadow, unless it is forced.

    Raises:
        Usage: neither a text nor a ready one, or both.
    """
    policies = context.service.policies
    if (body.text is None) == (body.ready is None):
        raise Usage("a policy is a text or a ready one", advice="Send text, or ready.")
    if body.ready is not None:
        return policies.add_ready(
            body.ready, body.values, actor, body.force, body.reason
        )
    return policies.add(body.text or "", actor, body.where, body.force, body.reason)


@router.post("/policy/test")
@heavy
def test(body: TestBody, context: Here, reader: Reader, form: Form) -> Response:
    """What a text that was not added would have decided otherwise on past requests."""
    tested = context.service.policies.reports.test_text(
        body.text, body.where, body.since
    )
    return rows(form, tested, tested["rows"])


@router.post("/policies/{name}/enforce")
def enforce(name: str, body: EnforceBody, context: Here, actor: Owner) -> Json:
    """Let its newest text count: with the digest of a report, or forced with a reason."""
    policies = context.service.policies
    return policies.enforce(name, actor, body.report, body.force, body.reason)


@router.post("/policies/{name}/{event}")
def move(
    name: str,
    event: Literal["shadow", "disable"],
    body: ReasonBody,
    context: Here,
    actor: Owner,
) -> Json:
    """Let it be asked and not count, or ask it no more."""
    policies = context.service.policies
    if event == "shadow":
        return policies.shadow(name, actor, body.reason)
    return policies.disable(name, actor, body.reason)


@router.post("/policy/freeze")
def freeze(body: ReasonBody, context: Here, actor: Operator) -> Json:
    """Stop everything that acts by itself."""
    return context.service.freezing.freeze(body.reason, actor)


@router.post("/policy/unfreeze")
def unfreeze(body: ReasonBody, context: Here, actor: Owner) -> Json:
    """Let it act again."""
    return context.service.thawing.unfreeze(actor, body.reason)
