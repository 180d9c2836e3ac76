"""Calls over HTTP: what goes wrong comes back as the error that it was."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from govd import errors
from govd.errors import GovdError, Unreachable, Usage
from govd.records.limits import check_document
from govd.types import Json, Record

PAGE = 1000
"""Records that a list is asked for at a time."""
PATIENCE = 60
"""Seconds without an answer after which a stream is given up."""


SAY = "Say http://HOST:PORT."


def address(url: str) -> str:
    """The address of a daemon as it was typed, without what stands behind host and port by habit:
    a slash, `/v1`.

    Raises:
        Usage: it is none, or has a name and a password.
    """
    bare = url.strip().rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(bare)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises where it is no number
    except ValueError:
        is_address = False
    if not is_address:
        raise Usage("this is no address of a daemon", where=url, advice=SAY)
    if parts.username is not None:
        raise Usage(
            "the address of a daemon has no name and no password",
            where=parts.hostname or "",
            advice="Give the token by GOVD_TOKEN.",
        )
    return bare


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _bare(token: str) -> str:
    """A token without the blanks and line ends that a file or a clipboard put around it.

    Raises:
        Usage: it can be none; it is not repeated in the message.
    """
    bare = token.strip()
    if not (bare.isascii() and bare.isprintable()):
        raise Usage(
            "this is no token: it has characters that none has",
            where="GOVD_TOKEN",
            advice="Copy it again.",
        )
    return bare


class Transport:
    """A connection to one daemon."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        self.url = address(url)
        headers = {"Authorization": f"Bearer {_bare(token)}"} if token else {}
        try:
            self._http = httpx.Client(
                base_url=self.url,
                headers=headers,
                timeout=timeout,
                # a proxy reaches no daemon of this machine, and would be given its token
                trust_env=not is_loopback(urlsplit(self.url).hostname or ""),
            )
        except (httpx.InvalidURL, ValueError, ImportError) as fault:
            raise Usage(
                f"this is no address of a daemon, or its proxy cannot be used ({fault})",
                where=self.url,
                advice=SAY,
            ) from None

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        **query: Any,
    ) -> httpx.Response:
        """One call below `/v1`.

        Raises:
            GovdError: as the daemon says. Unreachable: it does not answer. Usage: it cannot be sent
            as JSON.
        """
        params = {k: v for k, v in query.items() if v is not None}
        check_document(body, "what is sent")
        check_document(params, "what is asked for")
        return self._asked(method, path, json=body, params=params)

    def send(self, path: str, options: Json, files: Sequence[bytes]) -> Json:
        """The JSON document that a form with files and these options is answered with.

        Raises:
            GovdError: as the daemon says. Unreachable: it does not answer. Usage: the options
            cannot be sent as JSON.
        """
        check_document(options, "what is sent")
        form: list[Any] = [
            ("options", (None, json.dumps(options).encode(), "application/json"))
        ]
        form += [("images", (str(i), file)) for i, file in enumerate(files)]
        return _document(self._asked("POST", path, files=form))

    def _asked(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, f"/v1/{path}", **content)
        except httpx.TransportError as fault:
            advice = "Is it running? `govd serve` starts it; GOVD_URL says where the client looks."
            raise Unreachable(
                f"the daemon does not answer ({fault})", where=self.url, advice=advice
            ) from None
        if not answer.is_success:
            raise problem(answer)
        return answer

    def json(self, method: str, path: str, body: Json = None, **query: Any) -> Json:
        """The JSON document that a call answers."""
        return _document(self.ask(method, path, body, **query))

    def all(
        self, path: str, limit: int | None = None, after: Any = None, **query: Any
    ) -> list[Record]:
        """A list, page by page: all of it, or the first `limit` records after the cursor
        `after`.
        """
        records: list[Record] = []
        while True:
            page_size = PAGE if limit is None else min(PAGE, limit - len(records))
            answer = self.json("GET", path, after=after, limit=page_size, **query)
            records += answer["items"]
            after = answer["next"]
            if after is None or (limit is not None and len(records) >= limit):
                return records

    def events(self, after: int) -> Iterator[Record]:
        """Server-sent events from entry `after` on; a connection that breaks is taken up where it
        was.

        Raises:
            GovdError: as the daemon says. Unreachable: it does not answer for a minute.
        """
        silent_since = time.monotonic()
        while True:
            last = {"Last-Event-ID": str(after)} if after >= 0 else {}
            try:
                with self._http.stream(
                    "GET", "/v1/events", headers=last, timeout=PATIENCE
                ) as stream:
                    if not stream.is_success:
                        stream.read()
                        raise problem(stream)
                    for line in stream.iter_lines():
                        silent_since = time.monotonic()
                        if line.startswith("data: "):
                            entry: dict[str, Json] = json.loads(line[6:])
                            after = int(entry["seq"])
                            yield entry
            except httpx.TransportError as fault:
                if time.monotonic() - silent_since > PATIENCE:
                    raise Unreachable(
                        f"the daemon does not answer ({fault})", where=self.url
                    ) from None
            time.sleep(1)


PROBLEM = ("type", "title", "status", "detail", "instance", "where", "advice", "what")
"""Fields of problem details that say what an error's message says; others are the error's own."""


def problem(answer: httpx.Response) -> GovdError:
    """The daemon's problem details (RFC 9457) as the error that it was."""
    document = _document(answer)
    name = "".join(
        part.title()
        for part in str(document.get("type", "")).rpartition(":")[2].split("-")
    )
    named_error = getattr(errors, name, None)
    error_class = (
        named_error
        if isinstance(named_error, type) and issubclass(named_error, GovdError)
        else GovdError
    )
    advice = str(document.get("advice") or "")
    fault = (
        str(document.get("detail") or document.get("title") or answer.reason_phrase)
        .removesuffix(advice)
        .rstrip()
    )
    details = {name: value for name, value in document.items() if name not in PROBLEM}
    return error_class(fault, advice=advice, **details)


def _document(answer: httpx.Response) -> Json:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict | list) or (
        not answer.is_success and not isinstance(document, dict)
    ):
        fault = f"what answers there is no govd daemon (HTTP {answer.status_code})"
        raise Unreachable(fault, where=str(answer.url), advice="Check GOVD_URL.")
    return document
