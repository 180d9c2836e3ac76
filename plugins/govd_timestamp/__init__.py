"""RFC 3161 time stamps on log checkpoints, by an authority at an address: a signed statement that
the checkpoint existed at a time.

The setting is an address, or an address and a file with the authority's root certificate (PEM),
against which each token is then checked. Somebody else checks a token with `openssl ts -verify`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from govd.errors import BadFile, Unreachable, Unsupported, VerificationFailed
from govd.hookspecs import hookimpl

SECONDS = 15.0


@hookimpl
def govd_timestamp(url: str, message: bytes) -> Mapping[str, Any] | None:
    """A token on the message, and the time that it says.

    Raises:
        Unreachable: the authority does not answer. VerificationFailed: its token is not about this
        message, or not signed by its root. Unsupported: rfc3161-client is not installed.
    """
    address, _, root = url.partition(" ")
    if not address.startswith(("http://", "https://")):
        return None
    try:
        from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response
    except ImportError:
        raise Unsupported(
            "time stamps need rfc3161-client", advice="pip install 'govd[timestamp]'"
        ) from None
    request = (
        TimestampRequestBuilder()
        .data(message)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    content = _asked(address, request.as_bytes())
    try:
        response = decode_timestamp_response(content)
        info = response.tst_info
    except ValueError as fault:
        raise VerificationFailed(
            f"this is no time stamp ({fault})", where=address
        ) from None
    if (
        info.message_imprint.message != request.message_imprint.message
        or info.nonce != request.nonce
    ):
        raise VerificationFailed("the time stamp is of another message", where=address)
    if root:
        _check(response, request, Path(root), message, address)
    return {
        "token": content,
        "at": info.gen_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


def _asked(address: str, request: bytes) -> bytes:
    """What the authority answers.

    Raises:
        Unreachable: it does not.
    """
    import httpx

    headers = {"Content-Type": "application/timestamp-query"}
    try:
        answer = httpx.post(address, content=request, headers=headers, timeout=SECONDS)
        answer.raise_for_status()
    except httpx.HTTPError as fault:
        raise Unreachable(
            f"the time stamp authority does not answer ({fault})", where=address
        ) from None
    return answer.content


def _check(
    response: Any, request: Any, root: Path, message: bytes, address: str
) -> None:
    from cryptography.x509 import load_pem_x509_certificate
    from rfc3161_client import VerificationError, VerifierBuilder

    try:
        certificate = load_pem_x509_certificate(root.read_bytes())
    except (OSError, ValueError) as fault:
        raise BadFile(
            f"this is no certificate ({fault})",
            where=str(root),
            advice="Correct timestamp_authorities in govd.toml.",
        ) from None
    try:
        VerifierBuilder.from_request(request).add_root_certificate(
            certificate
        ).build().verify_message(response, message)
    except VerificationError as fault:
        raise VerificationFailed(
            f"the time stamp is not signed by its authority ({fault})", where=address
        ) from None
