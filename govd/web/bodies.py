"""What POST bodies look like."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from govd.errors import UnreadableImage


class Body(BaseModel):
    """Unknown fields are refused: a typing mistake must not be an option that silently does
    nothing.
    """

    model_config = ConfigDict(extra="forbid")


class ModelBody(Body):
    """`govd model add`; paths are on the daemon's machine."""

    name: str
    reference: str
    labels: list[str] | None = None
    anchors: list[str] | None = None
    label_lines: list[int] | None = None
    anchor_lines: list[int] | None = None
    templates: list[str] | None = None
    domains: list[str] = []
    images: str | None = None
    pool: str | None = None
    prototypes: int = 0
    use: str | None = None
    side: str = "image"
    publish_to: str | None = None
    publish_base: bool | None = None
    hf_revision: str | None = None
    from_scratch: bool = False
    conditional: bool | None = None


class ModelChange(Body):
    """`govd model update`, and with a reference `govd model rebase`; what is not given stays."""

    reference: str | None = None
    labels: list[str] | None = None
    anchors: list[str] | None = None
    label_lines: list[int] | None = None
    anchor_lines: list[int] | None = None
    templates: list[str] | None = None
    domains: list[str] = []
    images: str | None = None
    pool: str | None = None
    use: str | None = None
    publish_to: str | None = None
    publish_base: bool | None = None
    hf_revision: str | None = None
    from_scratch: bool = False
    conditional: bool | None = None


class ScopeBody(Body):
    """What is to be forgotten, and how."""

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


class ForgetBody(ScopeBody):
    """`govd forget`."""

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


class EvaluateBody(Body):
    """`govd evaluate`."""

    images: str | None = None
    revision: int | None = None
    base: bool = False
    report: bool = False
    disclose: bool = False
    words: dict[str, list[str] | dict[str, list[str]]] = Field(
        default={}, max_length=4096
    )


class ExportBody(Body):
    """`govd export`."""

    folder: str
    side: Literal["image", "text"] | None = None
    revision: int | None = None
    format: str = "hf"
    disclose: bool = False
    recipient: str = ""


class ExtendBody(Body):
    """`govd request extend`."""

    due: str
    reason: str = ""


class CriteriaBody(Body):
    """`govd request criteria`: those that are set, and metrics whose criteria are dropped."""

    criteria: list[str] = []
    drop: list[str] = []
    criterion_set: str | None = None
    reason: str = ""


class SqlBody(Body):
    """`govd audit sql`."""

    query: str
    seconds: float = Field(default=10.0, gt=0, le=60)
    limit: int = Field(default=1000, ge=1, le=10_000)


class VerifyBody(Body):
    """`govd audit verify`: log checkpoints that were kept, the key where it is known from
    elsewhere.
    """

    since: list[str] = []
    key: str | None = None
    recompute: bool = False
    witnesses: list[str] = []
    roots: list[str] = []


class FeedBody(Body):
    """`govd feed add`; a folder is on the daemon's machine."""

    name: str
    url: str
    model: str | None = None
    every: str | None = None
    missing: str = "keep"
    secret: str = ""


class StoreBody(Body):
    """`govd store add`; files are on the daemon's machine."""

    name: str
    url: str
    model: str
    stamp_as: str | None = None
    follow: bool = False
    secret: str = ""


class StorePatchBody(Body):
    """`govd store patch`."""

    revision: int | None = Field(default=None, ge=0)
    dry_run: bool = False
    lossy: bool = False
    any_length: bool = False
    unmarked: Literal["skip", "base"] = "skip"
    follow: bool = False
    instead_of_queries: bool = False


class StoreFindBody(Body):
    """`govd store find`: a name, pictures as base64 of their files, or both."""

    concept: str = ""
    examples: list[str] = Field(default=[], max_length=256)
    limit: int = 20
    whole: bool = False


class TokenBody(Body):
    """`govd token create`."""

    role: str
    name: str
    principal: str | None = None
    models: list[str] = []
    expires: str | None = None


class RolesBody(Body):
    """`govd principal update`."""

    roles: list[str]
    reason: str = ""


class PrincipalBody(RolesBody):
    """`govd principal add`."""

    name: str


class UndelegateBody(Body):
    """`govd principal undelegate`."""

    to: str
    reason: str = ""


class DelegateBody(UndelegateBody):
    """`govd principal delegate`."""

    until: str


class NoticeBody(Body):
    """`govd notice add`; a secret of one's own is `whsec_…`."""

    address: str
    on: list[str] = Field(max_length=100)
    name: str = ""
    secret: str | None = None
    format: str = "json"
    days: list[int] = Field(default=[], max_length=100)
    plain_http: bool = False


class SecretBody(Body):
    """`govd notice secret`: a secret of one's own, else a new one."""

    secret: str | None = None


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
    """The file that a body holds as base64.

    Raises:
        UnreadableImage: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise UnreadableImage(
            f"is not base64 ({fault})",
            where=name,
            advice="Send base64 of a PNG or JPEG file.",
        ) from None
