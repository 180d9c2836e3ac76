"""The pictures that were synthesised for a request, found by what its contribution says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from govd.errors import NotFound

if TYPE_CHECKING:
    from govd.service.service import Service
    from govd.types import Record


def pictures_of(service: Service, request_id: str) -> list[Record]:
    """`prompt` and `png` (an artifact's SHA-256) of each; none for a private request, whose pictures would show what it keeps."""
    request = service.requests.show(request_id)
    if request.get("private") or not request["contribution"]:
        return []
    made = service.core.views.contribution(str(request["contribution"])) or {}
    return list(made.get("facts", {}).get("prototypes", []))


def picture_of(service: Service, request_id: str, digest: str) -> bytes:
    """One of them as PNG.

    Raises:
        NotFound: it is none of this request's: the artifacts of others are not for asking.
    """
    if digest not in {p["png"] for p in pictures_of(service, request_id)}:
        raise NotFound(f"{request_id} has no such picture", where=digest, advice="Ask for /pictures; each has its digest.")
    return service.core.artifacts.get(digest)
