"""What every route works with, and who may call it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from govd.service.service import Service
from govd.service.tokens import Holder
from govd.web.admission import Admission
from govd.web.gauges import Sizes
from govd.web.lanes import Lane
from govd.web.news import News
from govd.web.turns import Turns


def _nothing() -> str:
    return ""


@dataclass(frozen=True)
class Context:
    """The service; `wake` tells the reconciler that something was filed; `trouble` says why it does
    not work, if so; `cold` what has not answered yet since the start.
    """

    service: Service
    wake: Callable[[], object] = _nothing
    trouble: Callable[[], str] = _nothing
    faults: Callable[[], dict[str, int]] = dict
    cold: Callable[[], str] = _nothing
    news: News = field(default_factory=News)
    turns: Turns = field(default_factory=Turns)
    lanes: defaultdict[str, Lane] = field(default_factory=lambda: defaultdict(Lane))

    @cached_property
    def admission(self) -> Admission:
        """The room for calls that ask for answers."""
        settings = self.service.core.home.settings
        return Admission(settings.max_waiting_pictures, settings.max_waiting_bytes)

    @cached_property
    def sizes(self) -> Sizes:
        """The home's files by size."""
        return Sizes(self.service.core.home.folder)


async def context_of(request: Request) -> Context:
    """The application's context."""
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(context_of)]
BEARER = Depends(HTTPBearer(auto_error=False, description="A token with a role."))
Credentials = Annotated[HTTPAuthorizationCredentials | None, BEARER]


def admit(
    context: Context, credentials: HTTPAuthorizationCredentials | None, role: str
) -> str:
    """The name of who calls.

    Raises:
        Unauthenticated: no valid token. Denied: its role is not enough.
    """
    return context.service.tokens.admit(
        credentials.credentials if credentials else None, role
    )


def held_by(
    context: Context, credentials: HTTPAuthorizationCredentials | None
) -> Holder:
    """Who calls, whatever his role.

    Raises:
        Unauthenticated: no valid token.
    """
    return context.service.tokens.held(credentials.credentials if credentials else None)


def bearer(request: Request) -> Holder:
    """Who calls by the Authorization header, for what is asked before a route's parameters are
    read.

    Raises:
        Unauthenticated: no valid token.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    context: Context = request.app.state.context
    return context.service.tokens.held(
        token.strip() if kind.lower() == "bearer" else None
    )


def needs(role: str) -> Callable[..., Awaitable[str]]:
    """A dependency: the name of who calls, who must have this role. Takes no thread, so that a busy
    daemon still says no.
    """

    async def admitted(context: Here, credentials: Credentials) -> str:
        return admit(context, credentials, role)

    return admitted


Owner = Annotated[str, Depends(needs("owner"))]
Operator = Annotated[str, Depends(needs("operator"))]
Reader = Annotated[str, Depends(needs("reader"))]
Anyone = Annotated[str, Depends(needs("inference"))]
