"""Checking signatures on documents that are sent to feeds: Standard Webhooks, version 1, as
`govd.notices.signing` makes them.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final

from govd.errors import Unauthenticated
from govd.notices.signing import TOLERANCE_SECONDS, signature

LONGEST_ID: Final = 255
ADVICE: Final = (
    "Send webhook-id, webhook-timestamp and "
    "webhook-signature (Standard Webhooks, HMAC-SHA256)."
)


def check_signed(
    secret: str,
    message_id: str,
    timestamp: str,
    signatures: str,
    body: bytes,
    now: datetime,
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
    expected = signature(secret, message_id, int(timestamp), body).encode()
    versions = signatures.encode("utf-8", "replace").split()
    # each is compared, so that the time tells nothing
    matching = [hmac.compare_digest(expected, signed) for signed in versions]
    if not any(matching):
        raise Unauthenticated(
            "the signature is not of this feed's secret", advice=ADVICE
        )
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise Unauthenticated(
            f"the message was signed more than {TOLERANCE_SECONDS} s before or after now",
            advice="Set the clocks right, and sign it again as it is sent.",
        )
