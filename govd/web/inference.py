"""`/v1/models/{name}/classify`, `/embeddings` and `/rank`: answers from what is published, or from
the base or a revision that is named. Pictures come as JSON with base64, as files of a form, or one
as it is; those of calls that come at once are encoded together.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from govd.errors import Denied, UnreadableImage, Usage
from govd.models.image_vectors import rows_of
from govd.serve.answers import digest
from govd.serve.waiting import Steps, waiting
from govd.service.tokens import Holder
from govd.types import Json
from govd.web.bodies import PicturesBody, RankBody
from govd.web.context import BEARER, Context, Here
from govd.web.picture_bodies import Sent, sent_with
from govd.web.rendering import Document
from govd.web.strict import Direct
from govd.web.turns import ANSWERS_AT_ONCE

router = APIRouter(tags=["models"], route_class=Direct, dependencies=[BEARER])
Revision = Annotated[
    int | None, Query(description="That answers, in the place of the published.")
]
Base = Annotated[bool | None, Query(description="The unedited model answers.")]
Labels = Annotated[str | None, Query(description="To choose among: a,b,c.")]
Text = Annotated[
    str | None, Query(description="One text, where the body is a picture.")
]
ARRAY: Final = "application/x-npy"
"""What embeddings come as where `Accept` says so: an array of NumPy's, `(n, d)` float32."""


def _bodies(form: str) -> dict[str, Json]:
    """What a call may send, for the description."""
    picture: Json = {"schema": {"type": "string", "format": "binary"}}
    files: Json = {"type": "array", "items": {"type": "string", "format": "binary"}}
    content: Json = {
        "application/json": {"schema": {"$ref": f"#/components/schemas/{form}"}},
        "image/png": picture,
        "image/jpeg": picture,
        "application/x-npy": picture,
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"images": files}}
        },
    }
    return {"requestBody": {"required": True, "content": content}}


@router.post("/models/{name}/classify", openapi_extra=_bodies("PicturesBody"))
async def classify(
    name: str,
    request: Request,
    context: Here,
    labels: Labels = None,
    revision: Revision = None,
    base: Base = None,
) -> Response:
    """The best label for each picture, in their order; one that cannot be read has the label null
    and an `error`.
    """
    query = {"labels": labels and labels.split(","), "revision": revision, "base": base}
    return await _answered(name, request, context, PicturesBody, query, _labels)


@router.post("/models/{name}/embeddings", openapi_extra=_bodies("PicturesBody"))
async def embeddings(
    name: str,
    request: Request,
    context: Here,
    revision: Revision = None,
    base: Base = None,
) -> Response:
    """Unit embeddings of texts, then of pictures; as JSON, or as an array where `Accept` is
    application/x-npy. A picture that cannot be read refuses the call: a row for it would be made
    up.
    """
    wants_array = ARRAY in request.headers.get("accept", "")
    answer = partial(_embeddings, wants_array)
    query = {"revision": revision, "base": base}
    return await _answered(name, request, context, PicturesBody, query, answer)


@router.post("/models/{name}/rank", openapi_extra=_bodies("RankBody"))
async def rank(
    name: str,
    request: Request,
    context: Here,
    texts: Text = None,
    by: Annotated[
        Literal["text", "image"] | None, Query(description="Which side asks.")
    ] = None,
    top: Annotated[
        int | None, Query(ge=1, description="So many of each ranking.")
    ] = None,
    revision: Revision = None,
    base: Base = None,
) -> Response:
    """For each text the pictures, best first; with `by` image, for each picture the texts.
    `unread`: pictures that cannot be read.
    """
    query = {
        "texts": texts and [texts],
        "by": by,
        "top": top,
        "revision": revision,
        "base": base,
    }
    return await _answered(name, request, context, RankBody, query, _rankings)


async def _answered(
    name: str,
    request: Request,
    context: Context,
    form: type[PicturesBody],
    query: Mapping[str, Any],
    answer: Callable[[Context, str, Sent], Steps[Response]],
) -> Response:
    """Read a call, as far as there is room for it, and answer it: a short one in the lane of its
    model, any other on a thread of its own.
    """
    holder: Holder = request.state.holder  # `Strict` has looked at the token
    holder.check_role("inference")
    with context.admission.place() as place:
        sent = await sent_with(request, form, query, place)
        _check_role(context, name, sent, holder)
        is_registered = name in context.service.core.desk.views.models
        if is_registered and sent.is_short:
            return await context.lanes[name].take(answer(context, name, sent))
        turns = f"answers {name if is_registered else ''}"
        work = partial(waiting(answer), context, name, sent)
        return await context.turns.take(turns, work, ANSWERS_AT_ONCE)


def _check_role(context: Context, name: str, sent: Sent, holder: Holder) -> None:
    """Paths are for owners, since they read the daemon's disk; whoever may only infer gets what is
    served, not what is forgotten in it.

    Raises:
        Denied: the role is not enough.
    """
    options = sent.options
    if options.paths:
        holder.check_role("owner")
    if options.base or (
        options.revision is not None
        and options.revision != (context.service.models.show(name)["revision"] or 0)
    ):
        try:
            holder.check_role("reader")
        except Denied as error:
            fault = (
                "the role inference gets answers of the revision that is served, not of the"
                " unedited model or another revision"
            )
            raise Denied(fault, advice=str(error.advice)) from None


async def _labels(context: Context, name: str, sent: Sent) -> Response:
    options = sent.options
    names = sent.names
    pictures, faults = sent.readable()
    if not names:
        raise Usage(
            "nothing to classify",
            advice="Send `images` (base64 of picture files), or `paths` on the daemon's machine.",
        )
    if not pictures:
        raise UnreadableImage(
            "none of the pictures can be read", advice="; ".join(faults.values())[:500]
        )
    named_pictures = [(names[i], picture) for i, picture in pictures.items()]
    labelled = await context.service.classified(
        name, named_pictures, options.labels, options.revision, options.base
    )
    number = int(labelled[0]["revision"])
    unread: dict[int, Json] = {
        i: {
            "path": names[i],
            "label": None,
            "scores": {},
            "revision": number,
            "error": text,
        }
        for i, text in faults.items()
    }
    answers = iter(labelled)
    ordered: list[Json] = []
    # an array of vectors has an answer for each row
    for i in sorted({*pictures, *faults}):
        count = rows_of(pictures[i]) if i in pictures else 0
        ordered += (
            [next(answers) for _ in range(count)] if i in pictures else [unread[i]]
        )
    headers = _noted(
        context, name, number, sent, [answer["label"] for answer in ordered]
    )
    return Document(ordered, headers=headers)


async def _embeddings(
    wants_array: bool, context: Context, name: str, sent: Sent
) -> Response:
    options = sent.options
    pictures, faults = sent.readable()
    if faults:
        raise UnreadableImage(
            "; ".join(faults.values())[:500],
            advice="Leave them out, and send the others again.",
        )
    if not pictures and not options.texts:
        raise Usage(
            "nothing to encode",
            advice="Send `texts`, or `images` (base64 of picture files).",
        )
    rows, number = await context.service.embedded(
        name,
        texts=options.texts,
        images=list(pictures.values()),
        names=sent.names,
        revision=options.revision,
        base=options.base,
    )
    headers = _noted(context, name, number, sent, digest(rows.tobytes()))
    if not wants_array:
        return Document(
            {"revision": number, "embeddings": rows.tolist()}, headers=headers
        )
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(rows, np.float32), allow_pickle=False)
    return Response(buffer.getvalue(), media_type=ARRAY, headers=headers)


async def _rankings(context: Context, name: str, sent: Sent) -> Response:
    options = sent.options
    assert isinstance(options, RankBody)
    pictures, faults = sent.readable()
    if sent.names and not pictures:
        raise UnreadableImage(
            "none of the pictures can be read", advice="; ".join(faults.values())[:500]
        )
    ranked: Json = await context.service.ranked(
        name,
        options.texts,
        [(sent.names[i], picture) for i, picture in pictures.items()],
        options.by,
        options.top,
        options.revision,
        options.base,
    )
    unread = [{"path": sent.names[i], "error": faults[i]} for i in sorted(faults)]
    answer = {**ranked, "unread": [*unread, *ranked["unread"]]}
    first = [ranking["ranking"][0] for ranking in ranked["rankings"]]
    return Document(
        answer, headers=_noted(context, name, int(ranked["revision"]), sent, first)
    )


def _noted(
    context: Context, name: str, number: int, sent: Sent, said: Json
) -> dict[str, str]:
    """Headers of an answer: its revision, and its id in the sample."""
    key = context.service.answers.note(name, number, sent.inputs, said)
    return {"Govd-Revision": str(number), "Govd-Answer": key}
