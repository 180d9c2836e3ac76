"""Vectors in PostgreSQL with pgvector: `postgresql://user@host/db?table=items&column=embedding`.

The column that is searched keeps its name; beside it stand the originals, `embedding_govd_base`,
what is being written, `embedding_govd_next`, and `govd_revision`, which says of each row what
encoded it. A patch fills the next column by ranges of keys, builds the same indexes on it, and
renames columns and indexes in one transaction: searches go on until then, and writers wait only
while its rows are counted. A trigger notices vectors that are written anew; they are late rows, and
their originals are forgotten. Columns change their order with the first switch: `INSERT` must name
them. While a table with an HNSW index is filled, PostgreSQL enters each new version of a row into
that index as well, which takes some times longer than building one: `index=drop` drops it first,
and searches look at each vector until the patch has built it anew. Either way the index that is
searched afterwards is built as a whole.

`table` may name its schema. Left out, `column` is the only one of vectors and `key` the primary
key. What libpq understands (`host`, `sslmode`) may stand in the address; the secret is the
password.
"""

from __future__ import annotations

import re
from typing import Final

from govd.hookspecs import hookimpl
from govd.keeping.addresses import needing
from govd.types import Store

__all__ = ["govd_open_store"]
SCHEME: Final = re.compile(r"(pgvector\+)?postgres(ql)?(\+(psycopg2?|asyncpg))?://")
"""What stands before an address, as libpq and SQLAlchemy write it."""


@hookimpl
def govd_open_store(url: str, secret: str) -> Store | None:
    """`postgresql://…?table=…`, and nothing else.

    Raises:
        Unsupported: psycopg is not installed. Usage: the address names no table. BadFile: there is
        no such column of vectors. Unreachable: nor such a server.
    """
    if not SCHEME.match(url):
        return None
    with needing(url, "pgvector", "psycopg"):
        from govd_pgvector.store import opened
    return opened(url, secret)
