"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from govd.errors import REPORT, Bug, GovdError, Usage, no_bug
from govd.records.limits import shorn
from govd.types import Json
from govd.web.rendering import Document

log = logging.getLogger("govd.web")
PROBLEM = "application/problem+json"
MAP: Final = "/docs shows every call, /openapi.json is the same for programs."
MOST: Final = 20
"""Faults of one request that are told."""
LONGEST: Final = 300
"""Characters of one that are told."""


def problem(
    status: int, body: dict[str, Json], headers: dict[str, str] | None = None
) -> Response:
    """A response of RFC 9457."""
    all_headers = dict(headers or {}) | (
        {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    )
    return Document(
        {"type": "about:blank", "status": status} | body, status, all_headers, PROBLEM
    )


def refusal(status: int, title: str, detail: str, advice: str = "") -> Response:
    """A problem that is no error of the service's."""
    document = {"title": title, "detail": f"{detail}. {advice}" if advice else detail}
    return problem(status, document | ({"advice": advice} if advice else {}))


def known(request: Request, error: Exception) -> Response:
    """An error of govd's."""
    assert isinstance(error, GovdError)
    again = error.details.get("retry_after")
    headers = {} if again is None else {"Retry-After": str(again)}
    return problem(error.status, error.as_problem(), headers)


def http(request: Request, error: Exception) -> Response:
    """What the framework refuses: unknown paths, other methods."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # all of them: the framework names one route's
        headers["Allow"] = ", ".join(_methods(request))
    document: dict[str, Json] = {"title": str(error.detail)}
    if error.status_code == HTTPStatus.NOT_FOUND:
        document |= {"detail": f"There is no such address. {MAP}", "advice": MAP}
    return problem(error.status_code, document, headers)


def _methods(request: Request) -> list[str]:
    """The methods that a path is described with."""
    methods = set[str]()
    for template, operations in request.app.openapi()["paths"].items():
        if re.fullmatch(
            re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(template)), request.url.path
        ):
            methods |= {method.upper() for method in operations}
    return sorted(methods) or ["GET"]


def invalid(request: Request, error: Exception) -> Response:
    """A body or parameter that is not what it should be."""
    assert isinstance(error, RequestValidationError)
    faults = [shorn(_said(fault))[:LONGEST] for fault in error.errors()[:MOST]]
    return problem(
        Usage.status,
        Usage("; ".join(faults) or "the request is not valid").as_problem(),
    )


def _said(fault: dict[str, Any]) -> str:
    place = [str(part) for part in fault["loc"]]
    kind = fault["type"]
    if place == ["body"] and kind == "missing":
        return "the body is missing: send a JSON object"
    if place == ["body"]:
        return f"the body: {fault['msg']}; send a JSON object"
    field = ".".join(place[1:])
    return (
        f"unknown field {field}"
        if kind == "extra_forbidden"
        else f"{field} ({place[0]}): {fault['msg']}"
    )


def bug(request: Request, error: Exception) -> Response:
    """Anything else is a bug, and is told as one; what it was is in the log, not in the answer of
    who may be a stranger.
    """
    log.error(
        "a bug in govd, at %s %s", request.method, request.url.path, exc_info=error
    )
    fault = Bug(
        f"this is a bug in govd ({type(error).__name__})",
        advice=f"Please report it, with what the daemon's log says, to {REPORT}.",
    )
    return problem(fault.status, fault.as_problem())


def plain(request: Request, error: Exception) -> Response:
    """Wrong usage, or a fault of the machine, that the standard library tells; where the machine's
    is stands in the log, as with a bug.

    Raises:
        OSError, RuntimeError: it is neither; `bug` tells it.
    """
    fault = no_bug(error)
    if fault is None:
        raise error
    log.warning("%s %s: %s", request.method, request.url.path, fault.message)
    return known(request, type(fault)(fault.what, advice=fault.advice))


def install(app: FastAPI) -> None:
    """Every error leaves as problem details."""
    app.add_exception_handler(GovdError, known)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    for kind in (OSError, RuntimeError):
        app.add_exception_handler(kind, plain)
    app.add_exception_handler(Exception, bug)
