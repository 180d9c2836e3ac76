"""How answers leave: JSON, or rows as CSV and NDJSON; lists in pages with a cursor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response

from govd.records.record import plain
from govd.service.rows import as_csv, as_ndjson
from govd.types import Json, Record

MOST = 5000
"""Records of a page at most."""
TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
URL: Final = ":/?#[]@!$&'()*+,;=%~"
"""What an address is written with besides letters, digits, dash, dot and underscore (RFC 3986,
section 2).
"""
Limit = Annotated[int, Query(ge=1, le=MOST, description="Records of a page at most.")]


class Document(JSONResponse):
    """JSON with what NumPy left in it."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, default=plain).encode(
            "utf-8", "replace"
        )


async def form_asked_for(
    format: Annotated[
        Literal["json", "csv", "ndjson"] | None,
        Query(description="Else as `Accept` says."),
    ] = None,
    accept: Annotated[str, Header()] = "",
) -> str:
    """`json`, `csv` or `ndjson`."""
    if format is not None:
        return format
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((form for form, kind in TYPES.items() if kind in kinds), "json")


Form = Annotated[str, Depends(form_asked_for)]


def rows(
    form: str,
    document: Json,
    listed: Sequence[Record],
    headers: dict[str, str] | None = None,
) -> Response:
    """A document, or its rows in another format."""
    if form == "json":
        return Document(document, headers=headers)
    text = as_csv(listed) if form == "csv" else as_ndjson(listed)
    return Response(text, media_type=TYPES[form], headers=headers)


def listed(
    request: Request, form: str, items: Sequence[Record], cursor: Any
) -> Response:
    """A page of a list: `items`, and `next`, the cursor to go on with (null at the end); also as a
    link (RFC 8288) for rows.
    """
    headers = {}
    if cursor is not None:
        url = str(request.url.include_query_params(after=cursor))
        headers["Link"] = (
            f'<{quote(url, safe=URL)}>; rel="next"'  # headers are ASCII, and hold no line's end
        )
    return rows(form, {"items": list(items), "next": cursor}, items, headers)
