"""Signatures of webhooks as Standard Webhooks 1.0.0 has them (standardwebhooks.com, "Signature
scheme" and "Webhook headers"): HMAC-SHA256 over `id.timestamp.body`, in base64 after `v1,`; several
of them, with a space between, while a secret is exchanged.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from govd.errors import Usage, VerificationFailed

PREFIX: Final = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret ("at least 24 bytes (192 bits, 512 maximum)")."""
TOLERANCE_SECONDS: Final = 300
"""How old or how early a webhook may be; what is older may be a replay."""


def new_secret() -> str:
    """A secret that nobody knows yet."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check_secret(text: str) -> str:
    """A secret that somebody brought, without the white space around it.

    Raises:
        Usage: it is none; it is not said again.
    """
    secret = text.strip()
    try:
        size = len(_key(secret))
    except ValueError:
        size = 0
    if not SHORTEST <= size <= LONGEST:
        raise Usage(
            "this is no secret of a webhook",
            advice=f"{PREFIX} and the base64 of {SHORTEST} to {LONGEST} random bytes; without one,"
            " govd makes it.",
        )
    return secret


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,` and base64.

    Args:
        secret: `whsec_…`, as it was checked.
        message_id: of the webhook, without a dot.
        timestamp: of the attempt, in seconds since 1970.
        body: the bytes that are sent.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(
    secrets_: Iterable[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers of a webhook; a signature with each of the secrets.

    Args:
        secrets_: those in use, the newest first.
        message_id: the same for every attempt.
        timestamp: of this attempt, in seconds since 1970.
        body: the bytes that are sent.
    """
    signatures = [signature(secret, message_id, timestamp, body) for secret in secrets_]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(secret: str, given: Mapping[str, str], body: bytes, now: float) -> str:
    """What a receiver does with a webhook before it believes it; its id, by which a repeat is
    known.

    Args:
        secret: `whsec_…`.
        given: the request's headers, their names in small letters.
        body: the request's body as it came, before anything parses it.
        now: seconds since 1970.

    Raises:
        VerificationFailed: it is not signed with this secret, or too old.
    """
    message_id = given.get("webhook-id", "")
    timestamp = given.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        raise VerificationFailed("the webhook has no timestamp")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise VerificationFailed(
            "the webhook is too old, or of the future: it may be a replay"
        )
    expected = signature(secret, message_id, int(timestamp), body).encode()
    signatures = given.get("webhook-signature", "").encode().split()
    if not any(hmac.compare_digest(expected, signed) for signed in signatures):
        raise VerificationFailed("the webhook is not signed with this secret")
    return message_id


def _key(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        ValueError: it is no secret.
    """
    if not secret.startswith(PREFIX):
        raise ValueError(PREFIX)
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as fault:
        raise ValueError("base64") from fault
