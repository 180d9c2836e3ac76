"""`/v1/models`: what is registered, what was published, what it answers."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.security import HTTPAuthorizationCredentials

from govd.errors import Denied, UnreadableImage, Usage
from govd.models.given import Given
from govd.models.image_vectors import is_array, rows_of
from govd.pictures import pixels_of
from govd.pictures.limits import check_request
from govd.serve.answers import digest
from govd.types import Json
from govd.web.bodies import (
    EvaluateBody,
    ExportBody,
    ModelBody,
    ModelChange,
    PicturesBody,
    file_of,
    options,
)
from govd.web.context import Context, Credentials, Here, Owner, Reader, admit
from govd.web.heavy import heavy
from govd.web.strict import Strict

router = APIRouter(tags=["models"], route_class=Strict)


@router.post("/models", status_code=201)
@heavy
def add(body: ModelBody, response: Response, context: Here, actor: Owner) -> Json:
    """Register a model; paths are on the daemon's machine."""
    record = context.service.add_model(
        body.name, body.reference, Given(**options(body, "name", "reference")), actor
    )
    response.headers["Location"] = f"/v1/models/{body.name}"  # only now is it known to be a name
    context.wake()
    return record


@router.patch("/models/{name}")
@heavy
def update(name: str, body: ModelChange, context: Here, actor: Owner) -> Json:
    """Change what a model is registered with; with a reference, rebase it."""
    return context.service.update_model(
        name, Given(**options(body, "reference")), actor, body.reference
    )


@router.delete("/models/{name}")
@heavy
def remove(
    name: str, context: Here, actor: Owner, reason: str = "", delete_published: bool = False
) -> Json:
    """Take a model out of service; its entries stay. With forgets in force it is retired: they keep
    their states, and its name is not used again. `delete_published`: take away what was published
    to its folder, too.
    """
    return context.service.models.remove(name, actor, reason, delete_published)


@router.get("/models/{name}/revisions/{number}/interference")
@heavy
def interference(name: str, number: int, context: Here, reader: Reader) -> Json:
    """What each forget of a revision costs the retained answers, and what it does to the others:
    each left out once.
    """
    return context.service.interference(name, number)


@router.post("/models/{name}/export")
@heavy
def export(name: str, body: ExportBody, context: Here, actor: Owner) -> Json:
    """Write the edited model into a folder on the daemon's machine."""
    return context.service.export(
        name,
        Path(body.folder),
        actor,
        body.revision,
        body.format,
        body.disclose,
        body.recipient,
        body.side,
    )


@router.post("/models/{name}/evaluate")
@heavy
def evaluate(name: str, body: EvaluateBody, context: Here, actor: Owner) -> Json:
    """Metrics on labelled pictures on the daemon's machine."""
    return context.service.evaluate(
        name, body.images, body.revision, body.base, body.report, body.disclose, body.words
    )


@router.post("/models/{name}/classify")
@heavy
def classify(
    name: str, body: PicturesBody, response: Response, context: Here, credentials: Credentials
) -> Json:
    """The best label for each picture, in their order; one that cannot be read has the label null
    and an `error`.
    """
    names = _admitted(context, name, body, credentials)
    pictures, faults = _pictures(body, names)
    if not names:
        raise Usage(
            "nothing to classify",
            advice="Send `images` (base64 of picture files), or `paths` on the daemon's machine.",
        )
    if not pictures:
        raise UnreadableImage(
            "none of the pictures can be read", advice="; ".join(faults.values())[:500]
        )
    given = [(names[i], picture) for i, picture in pictures.items()]
    labelled = context.service.classify(name, given, body.labels, body.revision, body.base)
    number = int(labelled[0]["revision"])
    unread: dict[int, Json] = {
        i: {"path": names[i], "label": None, "scores": {}, "revision": number, "error": text}
        for i, text in faults.items()
    }
    answers = iter(labelled)
    ordered: list[Json] = []
    for i in sorted({*pictures, *faults}):  # an array of vectors has an answer for each row
        count = rows_of(pictures[i]) if i in pictures else 0
        ordered += [next(answers) for _ in range(count)] if i in pictures else [unread[i]]
    inputs = [i.encode() for i in (*body.paths, *body.images)]
    response.headers["Govd-Revision"] = str(number)
    response.headers["Govd-Answer"] = context.service.answers.note(
        name, number, inputs, [a["label"] for a in ordered]
    )
    return ordered


@router.post("/models/{name}/embeddings")
@heavy
def embeddings(
    name: str, body: PicturesBody, response: Response, context: Here, credentials: Credentials
) -> Json:
    """Unit embeddings of texts, then of pictures. A picture that cannot be read refuses the call: a
    row for it would be made up.
    """
    names = _admitted(context, name, body, credentials)
    pictures, faults = _pictures(body, names)
    if faults:
        raise UnreadableImage(
            "; ".join(faults.values())[:500], advice="Leave them out, and send the others again."
        )
    if not pictures and not body.texts:
        raise Usage(
            "nothing to encode", advice="Send `texts`, or `images` (base64 of picture files)."
        )
    rows, number = context.service.embeddings(
        name,
        texts=body.texts,
        images=list(pictures.values()),
        names=names,
        revision=body.revision,
        base=body.base,
    )
    response.headers["Govd-Revision"] = str(number)
    given = [i.encode() for i in (*body.texts, *body.images)]
    response.headers["Govd-Answer"] = context.service.answers.note(
        name, number, given, digest(rows.tobytes())
    )
    return {"revision": number, "embeddings": rows.tolist()}


def _admitted(
    context: Context,
    name: str,
    body: PicturesBody,
    credentials: HTTPAuthorizationCredentials | None,
) -> list[str]:
    """What the pictures of a body are called.

    Paths are for owners, since they read the daemon's disk; whoever may only infer gets what is
    served, not what is forgotten in it.
    """
    admit(context, credentials, "owner" if body.paths else "inference")
    if body.base or (
        body.revision is not None
        and body.revision != (context.service.models.show(name)["revision"] or 0)
    ):
        try:
            admit(context, credentials, "reader")
        except Denied as error:
            what = (
                "the role inference gets answers of the revision that is served, not of the"
                " unedited model or another revision"
            )
            raise Denied(what, advice=str(error.advice)) from None
    if body.names and len(body.names) != len(body.images):
        raise Usage(
            f"{len(body.names)} names for {len(body.images)} images",
            advice="Send a name for each, or none.",
        )
    return [*body.paths, *(body.names or [f"image {i}" for i in range(len(body.images))])]


def _pictures(
    body: PicturesBody, names: list[str]
) -> tuple[dict[int, Path | bytes], dict[int, str]]:
    """Pictures by their place, and what is wrong with those that cannot be read, as far as their
    headers tell.

    Raises:
        TooManyPixels: they are more than one request may hold.
    """
    pictures: dict[int, Path | bytes] = {i: Path(path) for i, path in enumerate(body.paths)}
    faults: dict[int, str] = {}
    for i, text in enumerate(body.images, len(body.paths)):
        try:
            pictures[i] = file_of(text, names[i])
        except UnreadableImage as error:
            faults[i] = error.message
    total = 0
    for i, source in list(pictures.items()):
        if is_array(source):
            continue
        try:
            total += pixels_of(source, names[i])
        except UnreadableImage as error:
            faults[i] = error.message
            del pictures[i]
    check_request(total)
    return pictures, faults
