"""Signatures on documents that are sent: Standard Webhooks, version 1
(https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).

Signed is `id.timestamp.body`, by HMAC-SHA256 (RFC 2104) with the bytes of the secret, which is
written `whsec_` and Base64. The header has one or more signatures, `v1,` and Base64, separated by
spaces: a secret can be changed while both are in use.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

from govd.errors import Unauthenticated, Usage

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
SHORTEST_BYTES, LONGEST_BYTES = 24, 64
TOLERANCE_SECONDS: Final = 300
"""By which the time of a message may differ from ours."""
LONGEST_ID: Final = 255
ADVICE: Final = (
    "Send webhook-id, webhook-timestamp and webhook-signature (Standard Webhooks, HMAC-SHA256)."
)


def new_secret() -> str:
    """A secret to sign with."""
    return f"{PREFIX}{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def key_of(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        Usage: it is none.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not SHORTEST_BYTES <= len(key) <= LONGEST_BYTES:
        raise Usage(
            "this is no signing secret",
            advice=(
                f"Write {PREFIX} and Base64 of {SHORTEST_BYTES} to {LONGEST_BYTES} random bytes, or"
                " leave it out: one is made."
            ),
        )
    return key


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """What the header `webhook-signature` says of a message. `timestamp`: seconds since 1970."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key_of(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def check_signed(
    secret: str, message_id: str, timestamp: str, signatures: str, body: bytes, now: datetime
) -> None:
    """Refuse a message that is not signed with this secret, or not about now.

    Args:
        secret: as `new_secret` writes it.
        message_id: the header `webhook-id`; empty where there is none (so for the next two).
        timestamp: the header `webhook-timestamp`.
        signatures: the header `webhook-signature`.
        body: the body, byte for byte.
        now: this moment, in UTC.

    Raises:
        Unauthenticated: it is not.
    """
    printable = message_id.isascii() and message_id.isprintable()
    if not message_id or len(message_id) > LONGEST_ID or not printable:
        raise Unauthenticated("the message has no id", advice=ADVICE)
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise Unauthenticated("the message has no time", advice=ADVICE)
    expected = signature(secret, message_id, timestamp, body).encode()
    given = signatures.encode("utf-8", "replace").split()
    # each is compared, so that the time tells nothing
    matching = [hmac.compare_digest(expected, one) for one in given]
    if not any(matching):
        raise Unauthenticated("the signature is not of this feed's secret", advice=ADVICE)
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise Unauthenticated(
            f"the message was signed more than {TOLERANCE_SECONDS} s before or after now",
            advice="Set the clocks right, and sign it again as it is sent.",
        )
