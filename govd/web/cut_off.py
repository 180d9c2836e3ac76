"""What the daemon's end cuts off is told so, in place of an answer that looks like a fault."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govd.errors import Unreachable
from govd.web.problems import problem

AGAIN_SECONDS = 5
"""After which a caller may ask again."""


class CutOff:
    """Answers calls that are cancelled, since the daemon ends, with 503, where nothing of an answer
    was sent yet.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except asyncio.CancelledError:
            if scope["type"] == "http" and not begun:
                advice = (
                    "What was filed goes on when it is started again; ask then, with the same"
                    " idempotency key."
                )
                error = Unreachable(
                    "the daemon ends, and this call with it", advice=advice
                )
                await problem(
                    error.status,
                    error.as_problem(),
                    {"Retry-After": str(AGAIN_SECONDS)},
                )(scope, receive, send)
            raise
