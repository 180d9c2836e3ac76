"""Routes of the questions that are declared in `govd.service.api`: each is asked of the room that
its declaration names.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from govd.service.api import QUESTIONS, Question
from govd.service.rows import page
from govd.web.context import Context, Here
from govd.web.declared import ROLES, argument, arguments_of, tag_of
from govd.web.heavy import heavy
from govd.web.rendering import Document, Form, Limit, listed, rows
from govd.web.strict import Strict

LISTS: Final = ("list", "pages")
"""Kinds of questions whose answers come in pages."""


def router() -> APIRouter:
    """A route for each declared question."""
    routes = APIRouter(route_class=Strict)
    for question in QUESTIONS:
        routes.add_api_route(
            f"/{question.path}",
            heavy(endpoint(question)) if question.heavy else endpoint(question),
            methods=[question.verb],
            tags=[tag_of(question)],
            response_class=PlainTextResponse if question.kind == "text" else Document,
        )
    return routes


def endpoint(question: Question) -> Any:
    """What FastAPI calls, with the question's arguments and documentation."""

    def answer(context: Context, caller: str, **arguments: Any) -> Response:
        return rendered(question, context, arguments)

    answer.__name__, answer.__doc__ = question.name, question.documentation
    answer.__signature__ = signature(question)  # type: ignore[attr-defined]
    return answer


def signature(question: Question) -> inspect.Signature:
    """The question's arguments, who may ask, and how the answer is to leave."""
    names = [name for name in question.parameters if name != "limit"]
    parameters = list(arguments_of(question, names))
    is_list = question.kind in LISTS
    if question.kind == "list":
        parameters.append(argument("after", str | None, None))
    if is_list:
        parameters.append(argument("limit", Limit, 100))
        parameters.append(argument("request", Request))
    if is_list or question.rows is not None:
        parameters.append(argument("form", Form))
    parameters.append(argument("context", Here))
    parameters.append(argument("caller", ROLES[question.role]))
    return inspect.Signature(parameters, return_annotation=Response)


def rendered(
    question: Question, context: Context, arguments: dict[str, Any]
) -> Response:
    """The room's answer as it leaves."""
    how = {
        name: arguments.pop(name, None)
        for name in ("request", "form", "after", "limit")
    }
    ask = question.answering(context.service)
    limit = how["limit"]
    if question.kind == "pages":
        items = ask(**arguments, after=how["after"], limit=limit + 1)
        cursor = items[limit - 1][question.cursor] if len(items) > limit else None
        return listed(how["request"], how["form"], items[:limit], cursor)
    answer = ask(**arguments)
    if question.kind == "text":
        return PlainTextResponse(answer)
    if question.kind == "list":
        items, cursor = page(answer, question.cursor, how["after"], limit)
        return listed(how["request"], how["form"], items, cursor)
    if question.rows is not None:
        return rows(how["form"], answer, question.rows(answer))
    return Document(answer)
