"""Vectors in a column of Parquet, Arrow or Feather files: `file:///data/items.parquet`, or a folder
of them, `file:///data/items?column=embedding&key=id`.

A file is never changed in place. A switch writes each file anew as it is at that moment, with all
its other columns, its row groups, compression and metadata, puts it in the place of the old one and
stamps it under the schema key `govd`; beside `items.parquet` lies the stamp of the whole,
`items.parquet.govd.json`, and in `items.parquet.govd` the originals, as plain rows. A file that
somebody wrote anew is compared row by row: what is known by its vector keeps its original, whatever
its place; what is not came in meanwhile.
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
SUFFIXES = (".parquet", ".arrow", ".feather")


@hookimpl
def govd_open_store(url: str) -> Store | None:
    """`file:///…/NAME.parquet`, `.arrow`, `.feather`, or a folder with such files.

    Raises:
        BadFile: there is no such file, or no such column of vectors. Usage: it names a host, or
        asks for something else than `column` and `key`. Unsupported: pyarrow is not installed.
    """
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or not (_is_table(path) or _is_dataset(path)):
        return None
    path, query = local(url, "column", "key")
    if not path.exists():
        raise missing(path)
    with needing(url, "parquet", "pyarrow"):
        from govd_parquet.store import ParquetStore
    return ParquetStore(path, query.get("column", ""), query.get("key", ""))


def _is_dataset(path: Path) -> bool:
    """Whether a folder has such files in it, or in its folders of partitions."""
    if path.suffix or not path.is_dir():
        return False
    return any(_is_table(file) for file in path.rglob("*") if file.is_file())


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES
