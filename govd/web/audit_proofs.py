"""`/v1/audit`: what convinces somebody who does not trust us."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.background import BackgroundTask

from govd.types import Json
from govd.web.bodies import ReasonBody, VerifyBody
from govd.web.context import Here, Owner, Reader
from govd.web.heavy import heavy
from govd.web.strict import Strict

router = APIRouter(tags=["audit"], prefix="/audit", route_class=Strict)


@router.get("/checkpoint", response_class=PlainTextResponse)
def checkpoint(
    context: Here, reader: Reader, size: int | None = None, witnessed: bool = False
) -> str:
    """The signed log checkpoint (C2SP tlog-checkpoint)."""
    return context.service.checkpoints.checkpoint(size, witnessed)


@router.get("/key", response_class=PlainTextResponse)
def key(context: Here, reader: Reader) -> str:
    """The public key of the log."""
    return context.service.checkpoints.key()


@router.get("/proof/inclusion")
def inclusion(entry: int, context: Here, reader: Reader, size: int | None = None) -> Json:
    """That an entry is in the log (RFC 9162, section 2.1.3): entry, leaf, path and the signed log
    checkpoint that it leads to.
    """
    return context.service.proofs.inclusion(entry, size)


@router.get("/proof/consistency")
def consistency(old: int, context: Here, reader: Reader, new: int | None = None) -> Json:
    """That the log begins with what it was (RFC 9162, section 2.1.4): path, both roots and the
    signed log checkpoint of the new size.
    """
    return context.service.proofs.consistency(old, new)


@router.get("/verify")
@heavy
def verified(context: Here, reader: Reader) -> Json:
    """Check the whole ledger."""
    return context.service.verification.verify()


@router.post("/verify")
@heavy
def verify(body: VerifyBody, context: Here, reader: Reader) -> Json:
    """Check the whole ledger against checkpoints and a key that were kept elsewhere."""
    return context.service.verification.verify(
        body.since, body.key, body.recompute, body.witnesses, body.roots
    )


@router.post("/witness")
@heavy
def witness(context: Here, actor: Owner) -> Json:
    """Hand the newest log checkpoint to the configured witnesses now."""
    return context.service.checkpoints.witness()


@router.post("/rotate-key")
@heavy
def rotate_key(body: ReasonBody, context: Here, actor: Owner) -> Json:
    """A new signing key."""
    return context.service.checkpoints.rotate_key(body.reason, actor)


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
    gone = BackgroundTask(shutil.rmtree, folder)
    return FileResponse(
        folder / "bundle.zip",
        media_type="application/zip",
        filename="govd-evidence.zip",
        background=gone,
    )
