"""Vectors in a column of a Lance data set or of a LanceDB table on this machine:
`lance:///data/db/items.lance?column=vector&key=id`, `lancedb:///data/db?table=items`.

What a patch makes lies beside the table (`items.lance.govd`) until all of it is there. Then one
commit puts new data files in the place of the vectors', and an index like the one before is built
over them; until it is, Lance looks at each vector. The originals are kept as bytes in the column
`govd_base`: a second column of vectors would make `table.search(query)` of LanceDB ask which one is
meant. Each row says what it is of (`govd_revision`), and `govd_check` tells whether its vector was
updated since. Rows that are inserted, updated, moved or deleted meanwhile are found by the
fragments that they are in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from govd.errors import BadFile, Usage, instead
from govd.hookspecs import hookimpl
from govd.keeping.addresses import local, needing

if TYPE_CHECKING:
    from govd.types import Store

__all__ = ["govd_open_store"]
OPTIONS = {"lance": ("column", "key"), "lancedb": ("table", "column", "key")}


@hookimpl
def govd_open_store(url: str) -> Store | None:
    """`lance:///…/NAME.lance`, or `lancedb:///…?table=NAME`.

    Raises:
        BadFile: there is no such table, or no such column of vectors. Usage: the address cannot be
        meant. Unsupported: Lance is not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme not in OPTIONS:
        return None
    path, query = local(url, *OPTIONS[scheme])
    if scheme == "lancedb":
        if not query.get("table"):
            raise Usage("which table of the database?", advice=f"{url}?table=NAME")
        path /= f"{query['table']}.lance"
    if not path.is_dir():
        tables = sorted(table.stem for table in path.parent.glob("*.lance"))
        raise BadFile(
            "there is no such table",
            where=str(path),
            advice=instead(path.stem, tables, "Tables there"),
        )
    with needing(url, "lance", "lance", "pyarrow"):
        from govd_lance.store import LanceStore
    return LanceStore(path, query.get("column", ""), query.get("key", ""))
