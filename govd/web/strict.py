"""Routes that take what they document and nothing else, and look at the token first.

Before a route's own parameters are read: the token is one, each query parameter is documented and
comes once, and a body is JSON in UTF-8 that says what it means: finite numbers that fit 64 bits, no
name twice, whole characters, not endlessly deep.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from govd.errors import Usage
from govd.records.limits import check_document, shorn
from govd.types import Json, changeable
from govd.web.context import bearer
from govd.web.scoping import check_scope

SHOWN: Final = 60
"""Characters of what somebody sent that an answer says again."""
Handler = Callable[[Request], Awaitable[Response]]


class Open(APIRoute):
    """A strict route that needs no token."""

    guarded = False

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, as_json(endpoint), **options)

    def get_route_handler(self) -> Any:
        """The route's handler behind what is looked at first."""
        handler = self.answered_by(super().get_route_handler())
        names = _query_names(self.dependant)
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            token_holder = request.state.holder = (
                bearer(request) if self.guarded else None
            )
            _check_query(request, names)
            body: Json = None
            if takes_body:
                request = Body(request.scope, request.receive)
                # here, where what is wrong with it is told as that
                body = await request.json()
            if token_holder is not None:
                check_scope(token_holder, self.path_format, request, body)
            return await handler(request)

        return strict

    def answered_by(self, handler: Handler) -> Handler:
        """What answers a call that was looked at. `handler`: FastAPI's own."""
        return handler


def as_json(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The same endpoint, records in its answer as JSON: FastAPI would show them as dataclasses."""
    if inspect.iscoroutinefunction(endpoint):

        @functools.wraps(endpoint)
        async def awaited(*values: Any, **named: Any) -> Any:
            return changeable(await endpoint(*values, **named))

        return awaited

    @functools.wraps(endpoint)
    def answered(*values: Any, **named: Any) -> Any:
        return changeable(endpoint(*values, **named))

    return answered


class Strict(Open):
    """A strict route for who has a token."""

    guarded = True


class Direct(Strict):
    """A strict route of models whose function reads the call itself. Where the address has no
    query there is nothing for FastAPI to read and check: a third of what a call costs beside its
    answer.
    """

    def answered_by(self, handler: Handler) -> Handler:
        """The route's function, or FastAPI's handler where there are options in the address."""
        endpoint = self.endpoint

        async def direct(request: Request) -> Response:
            if request.scope["query_string"]:
                return await handler(request)
            context = request.app.state.context
            response: Response = await endpoint(
                name=request.path_params["name"], request=request, context=context
            )
            return response

        return direct


class Body(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """The document; b"" where there is none, which is for the route to refuse.

        Raises:
            Usage: it cannot be meant. HTTPException: it is of another type than JSON, or broken.
        """
        if not hasattr(self, "_json"):
            data = await self.body()
            if data:
                check_encoding(self.headers.get("content-encoding", ""))
                check_type(self.headers.get("content-type", ""))
            self._json = document(data) if data else b""
        return self._json


def _query_names(dependant: Dependant) -> frozenset[str]:
    aliases = {parameter.alias for parameter in dependant.query_params}
    return frozenset(
        aliases.union(*(_query_names(inner) for inner in dependant.dependencies))
    )


def _check_query(request: Request, names: frozenset[str]) -> None:
    earlier = set[str]()
    for name, _ in request.query_params.multi_items():
        excerpt = shorn(name[:SHOWN])
        if name not in names:
            listed = ", ".join(sorted(names)) or "none"
            raise Usage(
                f"unknown query parameter {excerpt!r}",
                advice=f"This call takes: {listed}.",
            )
        if name in earlier:
            raise Usage(
                f"the query parameter {excerpt!r} comes twice", advice="Give it once."
            )
        earlier.add(name)


def check_encoding(content_encoding: str) -> None:
    """That a body is sent as it is, and not compressed.

    Raises:
        HTTPException: it is.
    """
    if content_encoding.strip().lower() not in ("", "identity"):
        excerpt = shorn(content_encoding.strip()[:SHOWN])
        raise HTTPException(415, f"a body in {excerpt}: send it without compression")


def check_type(content_type: str, expected: str = "JSON") -> None:
    """That a body of this Content-Type is JSON in UTF-8. `expected`: what may be sent, in words.

    Raises:
        HTTPException: it is of another type, or another encoding.
    """
    kind, _, parameters = content_type.partition(";")
    spelled_type = kind.strip().lower()
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if spelled_type != "application/json" and not (
        spelled_type.startswith("application/") and spelled_type.endswith("+json")
    ):
        fault = (
            f"a body of the type {shorn(spelled_type[:SHOWN]) or 'that nothing says'}"
        )
        advice = f"send {expected}; JSON comes with Content-Type: application/json"
        raise HTTPException(415, f"{fault}: {advice}")
    if charset and charset not in ("charset=utf-8", "charset=utf8"):
        raise HTTPException(415, "a body of another encoding: send JSON in UTF-8")


def document(data: bytes) -> Any:
    """What a body of JSON says.

    Raises:
        Usage: it is broken, or cannot be meant.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise Usage(
            f"the body is not UTF-8 (at byte {fault.start})",
            advice="Send JSON in UTF-8.",
        ) from None
    try:
        value = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except json.JSONDecodeError as fault:
        raise Usage(
            f"the body is not JSON ({fault.msg} at character {fault.pos})",
            advice="Send a JSON object.",
        ) from None
    except RecursionError:
        raise Usage(
            "the body is nested too deep",
            advice="Send a JSON object as the API describes it.",
        ) from None
    except ValueError:  # Python reads no number of more than some thousand digits
        raise Usage(
            "the body has a number that is too long", advice="Numbers fit 64 bits."
        ) from None
    check_document(value, "the body")
    return value


def _no_number(name: str) -> None:
    raise Usage(
        f"the body is not JSON ({name} is no number there)",
        advice="JSON knows finite numbers alone (RFC 8259, section 6).",
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Usage(
            f"the body has the field {shorn(twice[:SHOWN])!r} twice",
            advice="Say it once (RFC 8259, section 4).",
        )
    return fields
