"""`/v1/audit`: what convinces somebody who does not trust us."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from govd.types import Json
from govd.web.context import Here, Reader
from govd.web.heavy import heavy
from govd.web.strict import Strict

router = APIRouter(tags=["audit"], prefix="/audit", route_class=Strict)


@router.get("/verify")
@heavy
def verified(context: Here, reader: Reader) -> Json:
    """Check the whole ledger."""
    return context.service.verification.verify()


@router.get("/bundle", response_class=FileResponse)
@heavy
def bundle(
    context: Here,
    reader: Reader,
    request: str | None = None,
    model: str | None = None,
    revision: int | None = None,
    since: str | None = None,
    as_of: str | None = None,
    with_others: bool = False,
) -> Response:
    """Evidence of a request, of a revision, of a time, or of everything, in one file; `since`: with
    the proof from a kept checkpoint.

    Of a request it shows other requests as digests only; `with_others` shows them, so that the edit
    can be recomposed.
    """
    folder = Path(tempfile.mkdtemp(prefix="govd-bundle-"))
    try:
        context.service.bundles.bundle_to(
            folder / "bundle.zip", request, model, revision, since, as_of, with_others
        )
    except BaseException:
        shutil.rmtree(folder)
        raise
    cleanup = BackgroundTask(shutil.rmtree, folder)
    return FileResponse(
        folder / "bundle.zip",
        media_type="application/zip",
        filename="govd-evidence.zip",
        background=cleanup,
    )
