"""An endpoint that is polled, `https://lists.example.org/names.csv`: asked with the ETag of what
was taken last, so that nothing is sent while nothing has changed.

Only `https://`, and `http://` to this machine itself; a redirect is followed on the same origin
alone, and never more than `REDIRECTS` times. A body is bounded in bytes and time. The secret of the
feed is sent as a bearer token.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from govd.errors import BadFile, Unreachable, Usage
from govd.types import DOCUMENT_BYTES, Answers, Document, Feed, Json, Proposals, RowForm

if TYPE_CHECKING:
    import httpx

SECONDS: Final = 30.0
"""For an answer with its body."""
REDIRECTS: Final = 3
OK: Final = 200
NOT_MODIFIED: Final = 304
FORMS: Final[Mapping[str, RowForm]] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
}
"""By the Content-Type; whatever else is a text, unless the address ends otherwise."""
SUFFIXES: Final[Mapping[str, RowForm]] = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
PORTS: Final = {"http": 80, "https": 443}


def is_own(url: str) -> bool:
    """Whether this is an address on the web."""
    return url.startswith(("https://", "http://"))


def look(feed: Feed, cursor: Mapping[str, Json], by_hand: bool) -> Proposals:
    """What the endpoint has, where it has changed. `cursor`: `etag` and `modified` of what was
    taken last.

    Raises:
        Usage: the address is not one that is polled. Unreachable: nothing, or no document, comes
        from there. BadFile: it is too large.
    """
    import httpx

    check_url(feed.url)
    headers = {"Accept": "text/csv, application/json, application/x-ndjson, text/plain"}
    if feed.secret:
        headers["Authorization"] = f"Bearer {feed.secret}"
    if cursor.get("etag"):
        headers["If-None-Match"] = str(cursor["etag"])
    if cursor.get("modified"):
        headers["If-Modified-Since"] = str(cursor["modified"])
    try:
        # no proxy or password of the environment: what is asked is what the feed says
        with httpx.Client(
            timeout=SECONDS, follow_redirects=False, trust_env=False
        ) as client:
            return _asked(client, feed.url, headers, cursor)
    except httpx.HTTPError as fault:
        raise Unreachable(
            f"the feed does not answer ({str(fault) or type(fault).__name__})",
            where=feed.url,
            advice="It is asked again when it is due.",
        ) from None


def answer(feed: Feed, document: Document, answers: Answers) -> None:
    """Nothing: nobody asked to be told at an endpoint; the run says it."""


def check_url(url: str) -> SplitResult:
    """An address that may be polled, in parts.

    Raises:
        Usage: it is not encrypted and leads to another machine, or holds a password.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise Usage(
            "this feed would come unencrypted",
            where=url,
            advice="Give an https:// address; http:// is for this machine alone.",
        )
    if parts.username or parts.password:
        raise Usage(
            "the address holds a name or password",
            where=parts.hostname or "",
            advice="Give the token with --secret-file.",
        )
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _asked(
    client: httpx.Client,
    url: str,
    headers: Mapping[str, str],
    cursor: Mapping[str, Json],
) -> Proposals:
    last = time.monotonic() + SECONDS
    for _ in range(REDIRECTS + 1):
        with client.stream("GET", url, headers=dict(headers)) as response:
            if response.status_code == NOT_MODIFIED:
                return Proposals((), dict(cursor))
            if response.has_redirect_location:
                url = _same_origin(url, response.headers["location"])
                continue
            if response.status_code != OK:
                raise Unreachable(
                    f"the feed answers {response.status_code} {response.reason_phrase}",
                    where=url,
                    advice="It is asked again when it is due.",
                )
            data = _body(response, url, last)
            validators = {"etag": "etag", "modified": "last-modified"}
            seen = {
                name: response.headers.get(field) for name, field in validators.items()
            }
            form = _form(response, url)
            return Proposals(
                (Document("", data, form),), {k: v for k, v in seen.items() if v}
            )
    raise Unreachable(f"more than {REDIRECTS} redirects", where=url)


def _same_origin(url: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        Unreachable: to another origin.
    """
    target = urljoin(url, location)
    if _origin(target) != _origin(url):
        raise Unreachable(
            "the feed redirects to another origin",
            where=url,
            advice=f"If that is right, add the feed with {target[:200]!r}.",
        )
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def _body(response: httpx.Response, url: str, last: float) -> bytes:
    data = bytearray()
    for block in response.iter_bytes():  # as it comes: what drips is stopped in time
        data += block
        if len(data) > DOCUMENT_BYTES:
            raise BadFile(
                f"the feed sends more than {DOCUMENT_BYTES >> 20} MiB",
                where=url,
                advice="Split it into several feeds.",
            )
        if time.monotonic() > last:
            raise Unreachable(
                f"the feed sends for longer than {SECONDS:g} s",
                where=url,
                advice="It is asked again when it is due.",
            )
    return bytes(data)


def _form(response: httpx.Response, url: str) -> RowForm:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    path = urlsplit(url).path.lower()
    by_name = next(
        (form for suffix, form in SUFFIXES.items() if path.endswith(suffix)), None
    )
    return FORMS.get(kind) or by_name or "text"
