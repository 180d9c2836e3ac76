"""Vectors in a FAISS index on this machine: `file:///data/items.faiss` or `.index`.

FAISS has an index whole in memory, and so does govd while it works on one. Beside `items.faiss` lie
its stamp, `items.faiss.govd.json`, and in `items.faiss.govd` the originals with their ids. A switch
builds an index of the same kind anew (never row by row under a graph), reads it back and renames.
Flat, IVF-flat and HNSW-flat indexes, with or without ids, give their vectors exactly. Indexes of
codes (PQ, scalar quantizers) do not: `?originals=vectors.npy` says where the exact vectors are, a
row for each of the index, in its order; without it they are refused but for `--lossy`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from govd.hookspecs import hookimpl
from govd.keeping.addresses import local, missing, needing

if TYPE_CHECKING:
    from govd.types import Store

__all__ = ["govd_open_store"]
SUFFIXES = (".faiss", ".index")


@hookimpl
def govd_open_store(url: str) -> Store | None:
    """`file:///…/NAME.faiss` or `.index`.

    Raises:
        BadFile: there is no such index. Usage: it names a host, or asks for something else than
        `originals`. Unsupported: FAISS is not installed.
    """
    parts = urlsplit(url)
    suffix = Path(unquote(parts.path)).suffix.lower()
    if parts.scheme != "file" or suffix not in SUFFIXES:
        return None
    path, query = local(url, "originals")
    if not path.is_file():
        raise missing(path)
    with needing(url, "faiss", "faiss"):
        from govd_faiss.store import FaissStore
    beside = Path(unquote(parts.path)).parent
    originals = beside / query["originals"] if query.get("originals") else None
    return FaissStore(path, originals)
