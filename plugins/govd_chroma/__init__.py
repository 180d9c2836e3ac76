"""Vectors in Chroma: `chroma+file:///data/chroma?collection=items`, a folder of its
`PersistentClient`.

A patch fills the collection `items_govd_next` with all that the searched records have, and renames
at the end: `items` becomes `items_govd_base`, which keeps the originals, and the next one `items`.
Between the two renames there is no collection of that name; what crashed there is ended at the next
opening. Programs that hold a collection go on with the old one until they get it by its name again.
Stamps are metadata of collections. Records say what encoded them, `govd_revision`; in `govd_trace`
and `govd_of` are a few numbers by which a vector is known again that somebody has written anew. An
embedding function that was kept with the collection is not carried over: name it when getting the
collection. Text is never embedded here.
"""

from __future__ import annotations

from typing import Final

from govd.errors import BadFile, Usage
from govd.hookspecs import hookimpl
from govd.keeping.addresses import local, needing
from govd.types import Store

__all__ = ["govd_open_store"]
SCHEME: Final = "chroma+file://"


@hookimpl
def govd_open_store(url: str) -> Store | None:
    """`chroma+file:///…?collection=NAME`, and nothing else.

    Raises:
        Unsupported: chromadb is not installed. Usage: the address names no collection. BadFile:
        there is no such collection.
    """
    if not url.startswith(SCHEME):
        return None
    folder, query = local(url, "collection")
    if not query.get("collection"):
        raise Usage(
            "the address names no collection", where=url, advice="…?collection=NAME."
        )
    with needing(url, "chroma", "chromadb"):
        from govd_chroma.store import ChromaStore
    if not (folder / "chroma.sqlite3").is_file():
        raise BadFile("no Chroma folder is there", where=url)
    return ChromaStore(folder, query["collection"])
