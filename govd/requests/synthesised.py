"""The pictures that were synthesised for a request, found through the facts of its contribution."""

from __future__ import annotations

from govd.errors import NotFound
from govd.models.core import Core
from govd.records.request import Request
from govd.types import Record


def pictures_of(core: Core, request: Request) -> list[Record]:
    """`prompt` and `png` (an artifact's SHA-256) of each; none for a private request, whose
    pictures would show what it keeps.
    """
    if request.private or not request.contribution:
        return []
    contribution = core.desk.views.contribution(request.contribution)
    if contribution is None:
        return []
    return list(contribution.facts.get("prototypes", []))


def picture_of(core: Core, request: Request, digest: str) -> bytes:
    """One of them as PNG.

    Args:
        core: of the home.
        digest: SHA-256 of the picture.

    Raises:
        NotFound: it is none of this request's: the artifacts of others are not for asking.
    """
    if digest not in {picture["png"] for picture in pictures_of(core, request)}:
        raise NotFound(
            f"{request.id} has no such picture",
            where=digest,
            advice="Ask for /pictures; each has its digest.",
        )
    return core.artifacts.get(digest)
