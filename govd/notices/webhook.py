"""One attempt at a webhook: a POST that follows no redirect, reads no answer's body, and ends in
time. It goes straight to the receiver, through no proxy.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from govd.notices.outcome import Outcome, Verdict
from govd.notices.watch import Watch

REFUSED: Final = frozenset({400, 413, 415, 422})
"""Answers to what was sent, rather than of a receiver that has a bad hour."""
GONE: Final = 410
"""Standard Webhooks: "disable the webhook endpoint, and stop sending it messages"."""


def post(url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Outcome:
    """What came of it.

    Args:
        url: the checked address.
        headers: beside those that HTTP needs.
        body: as it was signed.
        seconds: for all of it.
    """
    with Watch(seconds) as watch:
        try:
            status, patience = _posted(url, headers, body, seconds, watch)
        except (OSError, http.client.HTTPException) as fault:
            if watch.is_over:
                return _unanswered(seconds)
            return _of_fault(fault, seconds)
    # a connection that is shut down looks like an answer's end
    if watch.is_over:
        return _unanswered(seconds)
    return _of_status(status, patience)


def _posted(
    url: str, headers: Mapping[str, str], body: bytes, seconds: float, watch: Watch
) -> tuple[int, str]:
    """Status and `Retry-After` of the answer.

    Raises:
        OSError, http.client.HTTPException: there is none.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    stream = socket.create_connection((host, port), seconds)
    try:
        watch.hold(stream)
        if is_tls:
            context = ssl.create_default_context()
            stream = context.wrap_socket(stream, server_hostname=host)
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
        connection.sock = stream
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {
            "Host": parts.netloc,
            "User-Agent": "govd",
            "Connection": "close",
            **headers,
        }
        connection.request("POST", path, body, fields)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Retry-After", "")
    finally:
        stream.close()


def _of_status(status: int, patience: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome(Verdict.SENT, status)
    reason = f"HTTP {status}"
    if status == GONE:
        return Outcome(
            Verdict.GONE, status, f"{reason}: the receiver wants no notices any more"
        )
    if status in REFUSED:
        return Outcome(Verdict.REFUSED, status, reason)
    if 300 <= status < 400:
        reason += " (redirects are not followed: add the address that it leads to)"
    return Outcome(Verdict.LATER, status, reason, _patience(patience))


def _patience(text: str) -> float:
    """Seconds of a `Retry-After` (RFC 9110, section 10.2.3); 0 where it says nothing."""
    bare = text.strip()
    if bare.isascii() and bare.isdigit() and len(bare) < 10:
        return float(bare)
    try:
        until = parsedate_to_datetime(bare)
    except (ValueError, TypeError):
        return 0.0
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _of_fault(fault: OSError | http.client.HTTPException, seconds: float) -> Outcome:
    if isinstance(fault, TimeoutError):
        return _unanswered(seconds)
    if isinstance(fault, ssl.SSLCertVerificationError):
        reason = f"its certificate is not trusted ({fault.verify_message})"
    elif isinstance(fault, ssl.SSLError):
        reason = "TLS failed"
    elif isinstance(fault, socket.gaierror):
        reason = "its name is not known"
    elif isinstance(fault, ConnectionRefusedError):
        reason = "nothing listens there"
    elif isinstance(fault, OSError):
        reason = "the connection broke"
    else:
        reason = "what answers there speaks no HTTP"
    return Outcome(Verdict.LATER, 0, reason)


def _unanswered(seconds: float) -> Outcome:
    return Outcome(Verdict.LATER, 0, f"no answer within {seconds:g} s")
