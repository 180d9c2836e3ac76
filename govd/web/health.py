"""`/healthz` and `/readyz`, for who has no token; `/openapi.json` and `/docs`, for who has one."""

from __future__ import annotations

import base64
import json

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response

from govd.web.context import Here, Reader
from govd.web.rendering import Document
from govd.web.strict import Open

router = APIRouter(tags=["health"], route_class=Open)


@router.get("/healthz")
async def healthz() -> dict[str, bool]:
    """The process answers."""
    return {"ok": True}


@router.get("/readyz")
async def readyz(context: Here) -> Response:
    """The ledger can be read and the reconciler works; 503 where not. No details: whoever asks has no token."""
    trouble = context.trouble()
    if not trouble and context.news.closed:
        trouble = "the daemon is stopping"
    if not trouble and context.service.core.ledger.size() >= 0:
        return Document({"ok": True})
    return Document({"ok": False, "reason": trouble}, 503)


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, reader: Reader) -> Response:
    """The API, described."""
    return Document(request.app.openapi())


@router.get("/docs", include_in_schema=False)
async def docs(request: Request, reader: Reader) -> HTMLResponse:
    """The same as a page. The description is part of it: a page that asked for it would have no token to send."""
    described = base64.b64encode(json.dumps(request.app.openapi()).encode()).decode()
    return get_swagger_ui_html(openapi_url=f"data:application/json;base64,{described}", title="govd", swagger_favicon_url="data:,")
