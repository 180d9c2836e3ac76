"""Work that takes long has threads of its own, a few for each model: filing, questions and other
models never wait for it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from govd.web.context import Context

P = ParamSpec("P")
T = TypeVar("T")


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
        model = (
            arguments.get("name")
            or arguments.get("model")
            or getattr(body, "model", None)
        )
        is_registered = model in context.service.core.desk.views.models
        # of one checkpoint, where one is registered
        name = (
            str(model) if is_registered else f"{kind} {getattr(body, 'reference', '')}"
        )
        return await context.turns.take(
            name, functools.partial(function, *given, **named)
        )

    return in_turn
