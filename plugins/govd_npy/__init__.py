"""Vectors in a NumPy file: `file:///data/vectors.npy`, rows `(n, d)`, read and written in portions,
never whole.

Beside `vectors.npy` lies its stamp, `vectors.npy.govd.json`, and in the folder `vectors.npy.govd`
the originals (`base.npy`) and what is being written (`next.npy`). A switch renames: whoever has
mapped the file goes on with the old vectors until he opens it again.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from govd.hookspecs import hookimpl
from govd.keeping.addresses import local, missing
from govd.types import Store
from govd_npy.store import NpyStore

__all__ = ["NpyStore", "govd_open_store"]
SUFFIX = ".npy"


@hookimpl
def govd_open_store(url: str) -> Store | None:
    """`file:///…/NAME.npy`, and nothing else.

    Raises:
        BadFile: there is no such file, or it has no rows of vectors. Usage: it names a host.
    """
    parts = urlsplit(url)
    if parts.scheme != "file" or not parts.path.lower().endswith(SUFFIX):
        return None
    path, _ = local(url)
    if not path.is_file():
        raise missing(path)
    return NpyStore(path)
