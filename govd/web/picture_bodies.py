"""Bodies that bring pictures: JSON with base64, `multipart/form-data` with files, or one picture as
it is (`image/png`, `image/jpeg`, …), whose options stand in the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from govd.errors import UnreadableImage, Usage
from govd.models.image_vectors import is_array
from govd.pictures import limits, pixels_of
from govd.records.limits import shorn
from govd.types import Json
from govd.web.admission import Place
from govd.web.bodies import PicturesBody, file_of
from govd.web.guards import LARGEST
from govd.web.multipart import Part, parts_of
from govd.web.strict import SHOWN, check_encoding, check_type, document

RAW: Final = ("application/octet-stream", "application/x-npy")
"""Types of one picture, or array of vectors, beside `image/…`."""
MOST: Final = 256
"""Pictures of a call at most, however they come."""
FEW: Final = 4
"""Pictures, and texts, of a short call at most."""
SMALL_BYTES: Final = 2**16
"""Of each of its files at most."""
FILES: Final = ("image", "images", "file", "files")
"""Fields of a form that hold pictures."""
LISTS: Final = ("texts", "labels", "names")
"""Fields of a form that may come several times."""


@dataclass(frozen=True)
class Sent:
    """What a call sent: its options, and its pictures in their order. `faults`: what is wrong with
    those that are no base64, by their place.
    """

    options: PicturesBody
    pictures: Mapping[int, Path | bytes]
    names: tuple[str, ...]
    faults: Mapping[int, str] = field(default_factory=dict)

    def readable(self) -> tuple[dict[int, Path | bytes], dict[int, str]]:
        """Pictures by their place, and what is wrong with those that cannot be read, as far as
        their headers tell.

        Raises:
            TooManyPixels: they are more than one request may hold.
        """
        pictures = dict(self.pictures)
        faults = dict(self.faults)
        total = 0
        if len(pictures) * limits.PIXELS <= limits.REQUEST_PIXELS:
            return pictures, faults  # each is looked at when it is decoded
        for i, source in self.pictures.items():
            if is_array(source):
                continue
            try:
                total += pixels_of(source, self.names[i])
            except UnreadableImage as error:
                faults[i] = error.message
                del pictures[i]
        limits.check_request(total)
        return pictures, faults

    @property
    def is_short(self) -> bool:
        """Whether answering it takes hardly more than its time in the model: a few small pictures
        and texts, asked what is asked all the time.
        """
        options = self.options
        asks_for_more = options.paths or options.labels or len(options.texts) > FEW
        if asks_for_more or options.base or options.revision is not None:
            return False
        sizes = [len(p) for p in self.pictures.values() if isinstance(p, bytes)]
        return len(sizes) <= FEW and all(size <= SMALL_BYTES for size in sizes)

    @property
    def inputs(self) -> list[bytes]:
        """What was sent, for the sample of answers: texts, paths, files."""
        files = [
            str(p).encode() if isinstance(p, Path) else p
            for p in self.pictures.values()
        ]
        return [*(text.encode() for text in self.options.texts), *files]


async def sent_with(
    request: Request, form: type[PicturesBody], query: Mapping[str, Any], place: Place
) -> Sent:
    """The body of a call, with the options that stand in its address; `form` says which there are.

    Raises:
        Usage: it cannot be meant. HTTPException: its type is another. Busy: there is no room for
        it.
    """
    check_encoding(request.headers.get("content-encoding", ""))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_raw = kind.startswith("image/") or kind in RAW
    if not is_raw and kind != "multipart/form-data":
        check_type(
            request.headers.get("content-type", ""), "JSON, a picture, or multipart"
        )
    body = await _read(request, place)
    from_query = {name: value for name, value in query.items() if value is not None}
    if is_raw:
        place.hold(pictures=1)
        return _sent(_validated(form, from_query), [body], ["image 0"])
    if kind == "multipart/form-data":
        return _of_parts(
            parts_of(request.headers["content-type"], body), form, from_query, place
        )
    stated = document(body) if body else b""
    twice = [name for name in from_query if isinstance(stated, dict) and name in stated]
    if twice:
        raise Usage(
            f"{twice[0]} stands in the address and in the body",
            advice="Say it in one of them.",
        )
    options = _validated(
        form, stated | from_query if isinstance(stated, dict) else stated
    )
    place.hold(pictures=len(options.paths) + len(options.images))
    return _sent(options, [*map(Path, options.paths), *options.images], options.names)


async def _read(request: Request, place: Place) -> bytes:
    """The whole body; its room is taken before it is read, as far as it says its length."""
    place.hold(size_bytes=min(int(request.headers.get("content-length", "0")), LARGEST))
    blocks = list[bytes]()
    size = 0
    async for block in request.stream():
        size += len(block)
        place.hold(size_bytes=size)
        blocks.append(block)
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def _of_parts(
    parts: list[Part], form: type[PicturesBody], query: dict[str, Any], place: Place
) -> Sent:
    """Files are pictures, in their order; other fields are options by their names, or `options`, a
    JSON object of them.
    """
    fields: dict[str, Any] = dict(query)
    files = list[Path | bytes | str]()
    names = list[str]()
    for part in parts:
        if (
            part.file is not None
            or part.kind.startswith("image/")
            or part.name in FILES
        ):
            files.append(part.data)
            names.append(part.file or f"image {len(names)}")
        elif part.name == "options":
            stated = document(part.data)
            if not isinstance(stated, dict) or set(stated) & set(fields):
                raise Usage(
                    "`options` is no JSON object, or says again what is said elsewhere"
                )
            fields |= stated
        elif part.name in LISTS:
            text = _text(part)
            more = text.split(",") if part.name == "labels" else [text]
            fields[part.name] = [*fields.get(part.name, []), *more]
        elif part.name in fields:
            raise Usage(
                f"the field {shorn(part.name[:SHOWN])!r} comes twice",
                advice="Say it once.",
            )
        else:
            fields[part.name] = _text(part)
    options = _validated(form, fields)
    if options.images or options.paths:
        raise Usage("a form has files in the place of `images` and `paths`")
    if len(files) > MOST:
        raise Usage(
            f"{len(files)} files are too many", advice=f"Send at most {MOST} at once."
        )
    place.hold(pictures=len(files))
    return _sent(options, files, options.names or names)


def _text(part: Part) -> str:
    try:
        return part.data.decode()
    except UnicodeDecodeError:
        name = shorn(part.name[:SHOWN])
        raise Usage(f"the field {name!r} is not UTF-8", advice="Send UTF-8.") from None


def _validated(form: type[PicturesBody], fields: Json) -> PicturesBody:
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        if not isinstance(fields, dict):
            faults = [{**fault, "loc": ("body",)} for fault in faults]
        if fields == b"":
            faults = [{**fault, "type": "missing"} for fault in faults]
        raise RequestValidationError(faults) from None


def _sent(
    options: PicturesBody, sources: list[Path | bytes | str], names: list[str]
) -> Sent:
    """Pictures under their names; what comes as text is base64.

    Raises:
        Usage: there are not as many names as files.
    """
    paths = [str(source) for source in sources if isinstance(source, Path)]
    count = len(sources) - len(paths)
    if names and len(names) != count:
        raise Usage(
            f"{len(names)} names for {count} images",
            advice="Send a name for each, or none.",
        )
    called = (*paths, *(names or [f"image {i}" for i in range(count)]))
    pictures: dict[int, Path | bytes] = {}
    faults: dict[int, str] = {}
    for i, source in enumerate(sources):
        try:
            pictures[i] = (
                file_of(source, called[i]) if isinstance(source, str) else source
            )
        except UnreadableImage as error:
            faults[i] = error.message
    return Sent(options, pictures, called, faults)
