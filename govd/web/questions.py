"""Routes of the questions that are declared in `govd.service.api`: each is asked of the room that
its declaration names.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from govd.service.api import QUESTIONS, Question
from govd.service.rows import page
from govd.web.context import Context, Here, Owner, Reader
from govd.web.heavy import heavy
from govd.web.rendering import Document, Form, Limit, listed, rows
from govd.web.strict import Strict

ROLES: Mapping[str, Any] = {"owner": Owner, "reader": Reader}
TYPES: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "bool": bool,
    "str | None": str | None,
    "int | None": int | None,
}
"""Types of arguments, as declarations write them."""


def router() -> APIRouter:
    """A route for each declared question."""
    routes = APIRouter(route_class=Strict)
    for question in QUESTIONS:
        routes.add_api_route(
            f"/{question.path}",
            heavy(endpoint(question)) if question.heavy else endpoint(question),
            methods=[question.verb],
            tags=["audit" if question.path.startswith("audit/") else "models"],
            response_class=PlainTextResponse if question.kind == "text" else Document,
        )
    return routes


def endpoint(question: Question) -> Any:
    """What FastAPI calls, with the question's arguments and documentation."""

    def answer(context: Context, actor: str, **arguments: Any) -> Response:
        return rendered(question, context, arguments)

    answer.__name__ = question.name
    answer.__doc__ = (inspect.getdoc(question.function) or "").partition("\n\nRaises:")[
        0
    ]
    answer.__signature__ = signature(question)  # type: ignore[attr-defined]
    return answer


def signature(question: Question) -> inspect.Signature:
    """The question's arguments, who may ask, and how the answer is to leave."""
    kinds = {name: _type(question, name) for name in question.parameters}
    given = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default
        )
        for name, kind in kinds.items()
        for default in [question.parameters[name].default]
    ]
    how: dict[str, Any] = {"context": Here, "actor": ROLES[question.role]}
    if question.kind == "list":
        how |= {"request": Request, "form": Form}
        given += [_optional("after", str | None, None), _optional("limit", Limit, 100)]
    elif question.rows is not None:
        how |= {"form": Form}
    given += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
        for name, kind in how.items()
    ]
    return inspect.Signature(given, return_annotation=Response)


def rendered(
    question: Question, context: Context, arguments: dict[str, Any]
) -> Response:
    """The room's answer as it leaves."""
    how = {
        name: arguments.pop(name, None)
        for name in ("request", "form", "after", "limit")
    }
    answer = question.answering(context.service)(**arguments)
    if question.kind == "text":
        return PlainTextResponse(answer)
    if question.kind == "list":
        items, cursor = page(answer, question.cursor, how["after"], how["limit"])
        return listed(how["request"], how["form"], items, cursor)
    if question.rows is not None:
        return rows(how["form"], answer, question.rows(answer))
    return Document(answer)


def _type(question: Question, name: str) -> Any:
    kind = TYPES[str(question.parameters[name].annotation)]
    least = question.least.get(name)
    return kind if least is None else Annotated[kind, Query(ge=least)]


def _optional(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default
    )
