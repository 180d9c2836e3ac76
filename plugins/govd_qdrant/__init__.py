"""Vectors in Qdrant: `qdrant://host:6333/items` (a server, its API key as the secret) or
`qdrant+file:///data/qdrant?collection=items` (local mode); `vector=image` for a named vector.

If the name is an alias, a patch fills a collection of the same settings beside the one that it
points to and switches the alias at once; the old collection keeps the originals. Else vectors are
replaced in place, page by page, from a sibling, and the originals kept in another,
`items_govd_base`: collections on a server, files below `govd/` in a folder of local mode
(`siblings.py`). Searches meet both kinds meanwhile. One vector of a collection can be a store;
points that lack it are none of its rows, and stay.
Points say in their payload what encoded them, `govd_revision`; in `govd_trace` and `govd_of` are a
few numbers by which a vector is known again that somebody has written anew. Collections with the
distance Cosine hold unit vectors that Qdrant scales itself, to the last bit: in place, originals
come back to that bit only where Qdrant leaves unit vectors as they are; through an alias they do
always. Stamps are points of the collection `govd_stores`.
"""

from __future__ import annotations

from typing import Final

from govd.hookspecs import hookimpl
from govd.keeping.addresses import needing
from govd.types import Store

__all__ = ["govd_open_store"]
SCHEMES: Final = ("qdrant://", "qdrants://", "qdrant+file://")


@hookimpl
def govd_open_store(url: str, secret: str) -> Store | None:
    """`qdrant://HOST:PORT/COLLECTION` (`qdrants://` over TLS), `qdrant+file:///…?collection=NAME`,
    and nothing else.

    Raises:
        Unsupported: qdrant-client is not installed. Usage: the address names no collection.
        BadFile: there is no such collection of vectors. Unreachable: nor such a server.
    """
    if not url.startswith(SCHEMES):
        return None
    with needing(url, "qdrant", "qdrant_client"):
        from govd_qdrant.store import opened
    return opened(url, secret)
