"""Routes of the actions that are declared in `govd.service.api`: each is done by the room that its
declaration names.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, Literal, get_args, get_origin

from fastapi import APIRouter, Response
from pydantic import Field, create_model
from starlette.concurrency import run_in_threadpool

from govd.service.api import ACTIONS, Action
from govd.types import Json, Record
from govd.web.bodies import Body, ReasonBody
from govd.web.context import Context, Here
from govd.web.declared import ROLES, argument, arguments_of, tag_of
from govd.web.heavy import heavy
from govd.web.rendering import Form, rows
from govd.web.strict import Strict
from govd.web.waiting import SECONDS, Timeout, Wait, answered


def router() -> APIRouter:
    """A route for each declared action."""
    routes = APIRouter(route_class=Strict)
    for action in ACTIONS:
        routes.add_api_route(
            f"/{action.path}",
            heavy(endpoint(action)) if action.heavy else endpoint(action),
            methods=[action.verb],
            tags=[tag_of(action)],
            status_code=action.status,
        )
    return routes


def endpoint(action: Action) -> Any:
    """What FastAPI calls, with the action's arguments and documentation."""

    def act(context: Context, caller: str, response: Response, **arguments: Any) -> Any:
        form = arguments.pop("form", "json")
        body = arguments.pop("body", None)
        if body is not None:
            arguments |= {name: getattr(body, name) for name in action.others}
        answer = action.done(context.service, arguments, caller)
        response.headers.update(headers_of(action, answer))
        if action.wakes:
            context.wake()
        return (
            answer if action.rows is None else rows(form, answer, action.rows(answer))
        )

    async def act_and_wait(
        context: Context, response: Response, wait: bool, timeout: float, **given: Any
    ) -> Json:
        record = await run_in_threadpool(
            act, context=context, response=response, **given
        )
        return await answered(context, response, record, wait, timeout)

    call: Any = act_and_wait if action.waits else act
    call.__name__, call.__doc__ = action.name, action.documentation
    call.__signature__ = signature(action)
    return call


def headers_of(action: Action, answer: Record) -> Mapping[str, str]:
    """What the answer's headers say of what was done."""
    headers = {"Cache-Control": "no-store"} if action.secret else {}
    if action.creates:
        headers["Location"] = f"/v1/{action.path}/{answer[action.creates]}"
    return headers


def signature(action: Action) -> inspect.Signature:
    """The action's arguments, who may do it, and how the answer is to leave."""
    in_body = action.others if action.verb != "DELETE" else ()
    parameters = [
        *arguments_of(action, (n for n in action.parameters if n not in in_body)),
        *([argument("body", body_of(action))] if in_body else ()),
    ]
    if action.waits:
        parameters.append(argument("wait", Wait, True))
        parameters.append(argument("timeout", Timeout, SECONDS))
    if action.rows is not None:
        parameters.append(argument("form", Form))
    parameters.append(argument("response", Response))
    parameters.append(argument("context", Here))
    parameters.append(argument("caller", ROLES[action.role]))
    kind = Json if action.rows is None else Response
    return inspect.Signature(parameters, return_annotation=kind)


def body_of(action: Action) -> type[Body]:
    """The body of an action: its arguments that are no parts of its path. A reason may always be
    missing: the room says where there must be one, and why.
    """
    if action.others == ("reason",):
        return ReasonBody
    fields: dict[str, Any] = {}
    for name in action.others:
        default = action.parameters[name].default
        if default is inspect.Parameter.empty:
            default = "" if name == "reason" else ...
        how: Any = Field(
            default,
            description=action.meanings.get(name),
            **action.limits.get(name, {}),
        )
        fields[name] = (_of_json(action.types[name]), how)
    title = "".join(part.title() for part in action.name.split("_"))
    return create_model(
        f"{title}Body", __base__=Body, __doc__=action.documentation, **fields
    )


def _of_json(kind: Any) -> Any:
    """A type as JSON has it, so that errors speak of lists and objects: `list` for a sequence,
    `dict` for a mapping.
    """
    origin = get_origin(kind)
    parts = tuple(_of_json(part) for part in get_args(kind))
    if origin is Literal or not parts:
        return kind
    if origin is Sequence:
        return list[parts]  # type: ignore[valid-type]
    if origin is Mapping:
        return dict[parts]  # type: ignore[valid-type,misc]
    return reduce(operator.or_, parts)
