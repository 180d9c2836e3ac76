"""`/healthz`, `/readyz` and the page `/docs`, for who has no token; `/openapi.json`, for who has
one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from govd.web.context import Anyone, Here
from govd.web.rendering import Document
from govd.web.strict import Open

router = APIRouter(tags=["health"], route_class=Open)


def _digest(page: str, tag: str) -> str:
    """What a Content-Security-Policy says to allow the one inline element of a page (CSP Level 3,
    section 6.7.3).
    """
    contents = re.search(f"<{tag}>(.*?)</{tag}>", page, re.S)
    assert contents is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(contents[1].encode()).digest()).decode()}'"


PAGE: Final = files("govd.web").joinpath("pages/docs.html").read_text(encoding="utf-8")
POLICY: Final = (
    f"default-src 'none'; script-src {_digest(PAGE, 'script')}; style-src {_digest(PAGE, 'style')};"
    " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors"
    " 'none'"
)


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, bool]:
    """The process answers."""
    return {"ok": True}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def readyz(context: Here) -> Response:
    """The ledger can be read, the reconciler works, and every model that was published when the
    daemon began has answered once; 503 where not. No details: whoever asks has no token.
    """
    trouble = context.trouble() or context.cold()
    if not trouble and context.news.closed:
        trouble = "the daemon is stopping"
    if not trouble and context.service.core.desk.ledger.size() >= 0:
        return Document({"ok": True})
    return Document({"ok": False, "reason": trouble}, 503)


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, caller: Anyone) -> Response:
    """The API, described."""
    return Document(request.app.openapi())


@router.get("/", include_in_schema=False)
async def root() -> RedirectResponse:
    """What somebody meets who opens the daemon's address in a browser: the page."""
    return RedirectResponse("/docs", headers={"Cache-Control": "no-store"})


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    """The same as a page, without anything from elsewhere. The page holds no secret: it asks for a
    token and fetches the description.
    """
    return HTMLResponse(
        PAGE,
        headers={
            "Content-Security-Policy": POLICY,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )
