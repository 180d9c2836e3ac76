"""What a token that is for some models alone may call: what is about one of them. Every other call
is refused with it, lists that are not narrowed to one of its models too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import Request

from govd.errors import Denied
from govd.service.tokens import Holder
from govd.types import Json
from govd.web.context import Context

#: Routes below `/v1`, their parameters in braces.
OF_NO_MODEL: Final = ("/whoami",)
OF_A_PATH: Final = ("/models/", "/audit/why/")
"""Routes whose path names the model, as its first parameter."""
OF_A_REQUEST: Final = ("/requests/", "/audit/trail/")
"""Routes whose path names a request."""
OF_A_QUERY: Final = (
    "GET /requests",
    "GET /audit/log",
    "GET /audit/as-of",
    "GET /audit/deadlines",
)
"""Routes that may be narrowed to a model by the parameter `model`."""
OF_A_BODY: Final = ("POST /requests", "POST /preview")
"""Routes whose body names the model."""


def check_scope(held: Holder, route: str, request: Request, body: Json) -> None:
    """Refuse what is not about one of the models that a token is for.

    Args:
        held: who calls.
        route: the route's path, with its parameters in braces.
        request: the call.
        body: its body; None where the route takes none.

    Raises:
        Denied: it is about another model, or about more than one. NotFound: there is no such
        request.
    """
    below = route.removeprefix("/v1")  # as it is, or as the router that has it knows it
    if not held.models or below in OF_NO_MODEL:
        return
    model = _model(below, request, body)
    models = ", ".join(held.models)
    if model is None:
        raise Denied(
            f"this token is for the models {models} alone, and this call is about others, too",
            advice="Narrow it with --model (model=…), or use a token for all models.",
        )
    if model not in held.models:
        raise Denied(
            f"this token is for the models {models} alone, not for {model}",
            advice="`govd token create --model M` makes one for other models.",
        )


def _model(route: str, request: Request, body: Json) -> str | None:
    """The model that a call is about; None where it is about more than one, or nobody can tell."""
    call = f"{request.method} {route}"
    parameters = list(request.path_params.values())
    if call in OF_A_BODY and isinstance(body, Mapping):
        return str(body.get("model"))
    if call in OF_A_QUERY:
        return request.query_params.get("model")
    if parameters and route.startswith(OF_A_PATH):
        return str(parameters[0])
    if parameters and route.startswith(OF_A_REQUEST):
        context: Context = request.app.state.context
        return context.service.core.desk.request(str(parameters[0])).model
    return None
