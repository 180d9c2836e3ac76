"""What POST bodies look like."""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from govd.errors import UnreadableImage

DATA_URL: Final = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
OF_URLS: Final = str.maketrans("-_", "+/")


class Body(BaseModel):
    """Unknown fields are refused: a typing mistake must not be an option that silently does
    nothing.
    """

    model_config = ConfigDict(extra="forbid")


class ForgetBody(Body):
    """`govd forget`, `govd preview`: what is to be forgotten, how, and why."""

    model: str
    concepts: list[str] = []
    domains: list[str] = []
    aliases: list[str] = []
    all_concepts: bool = False
    target: str | None = None
    strength: float = 1.0
    method: str = "auto"
    prototypes: int = 0
    examples: list[str] = Field(default=[], max_length=256)  # base64 of picture files
    criteria: list[str] = []
    criterion_set: str | None = None
    reason: str = ""
    basis: str = ""
    ticket: str = ""
    due: str | None = None
    expires: str | None = None
    idempotency_key: str | None = None
    private: bool = False


class ReasonBody(Body):
    """A decision or a revert."""

    reason: str = ""
    idempotency_key: str | None = None


class PicturesBody(Body):
    """Pictures as base64 of their files (`names`: what answers call them), paths on the daemon's
    machine (for the role owner), texts.
    """

    images: list[str] = Field(default=[], max_length=256)
    names: list[str] = Field(default=[], max_length=256)
    paths: list[str] = Field(default=[], max_length=4096)
    texts: list[str] = Field(default=[], max_length=4096)
    labels: list[str] | None = None
    revision: int | None = None
    base: bool = False


class RankBody(PicturesBody):
    """`govd rank`: texts and pictures; each of what `by` says ranks the others, of which the answer
    has the best `top`.
    """

    by: Literal["text", "image"] = "text"
    top: int | None = Field(default=None, ge=1)


class StoreFindBody(Body):
    """`govd store find`: a name, pictures as base64 of their files, or both."""

    concept: str = ""
    examples: list[str] = Field(default=[], max_length=256)
    limit: int = 20
    whole: bool = False


def options(body: Body, *leave: str) -> dict[str, Any]:
    """A body's fields but some; files are decoded."""
    values = {k: v for k, v in body.model_dump().items() if k not in leave}
    if "examples" in values:
        values["examples"] = [
            file_of(text, f"example {i + 1}")
            for i, text in enumerate(values["examples"])
        ]
    return values


def file_of(text: str, name: str) -> bytes:
    """The file that a body holds as base64, also as browsers (`data:` URLs) and libraries (line
    ends, the alphabet of URLs, no padding) write that.

    Raises:
        UnreadableImage: it is not base64.
    """
    try:
        with suppress(binascii.Error, ValueError):  # as most write it, without a copy
            return base64.b64decode(text, validate=True)
        head = DATA_URL.match(text)
        letters = "".join(text[head.end() if head else 0 :].split()).translate(OF_URLS)
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise UnreadableImage(
            f"is not base64 ({fault})",
            where=name,
            advice="Send base64 of a PNG or JPEG file.",
        ) from None
