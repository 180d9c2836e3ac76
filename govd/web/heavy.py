"""Work that takes long has threads of its own, a few for each model: filing, questions and other
models never wait for it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from govd.web.context import Context

P = ParamSpec("P")
T = TypeVar("T")
AT_ONCE: Final = 4
"""Calls of one kind, or of one model, that work at once; others wait for their turn."""


class Turns:
    """Whose turn it is, by model, by checkpoint, or by kind of work where it is of neither."""

    def __init__(self) -> None:
        self._limiters: dict[str, anyio.CapacityLimiter] = {}

    async def take(self, name: str, work: Callable[[], T]) -> T:
        """What some work gives, on a thread of its own when its name's turn has come; only to be
        asked on the loop's thread.
        """
        turns = self._limiters.setdefault(name, anyio.CapacityLimiter(AT_ONCE))
        try:
            return await anyio.to_thread.run_sync(work, limiter=turns)
        finally:
            if not turns.borrowed_tokens and not turns.statistics().tasks_waiting:
                self._limiters.pop(name, None)


def heavy(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """A route's function that takes long, as one that is awaited; FastAPI calls it with
    keywords.
    """
    kind = f"/{function.__name__}"  # no model is called so

    @functools.wraps(function)
    async def in_turn(*given: P.args, **named: P.kwargs) -> T:
        arguments: dict[str, Any] = dict(named)
        context: Context = arguments["context"]
        body = arguments.get("body")
        model = arguments.get("name") or arguments.get("model") or getattr(body, "model", None)
        is_registered = model in context.service.core.desk.views.models
        name = (
            str(model) if is_registered else f"{kind} {getattr(body, 'reference', '')}"
        )  # of one checkpoint, where one is registered
        return await context.turns.take(name, functools.partial(function, *given, **named))

    return in_turn
