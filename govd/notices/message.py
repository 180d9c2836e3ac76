"""A notice before it is sent: whom it is for, what it is about, what it says to a program.

The body is the same for every attempt. An entry is in it as it stands in the ledger, of which a
private request shows commitments only; where that would be too long, the payload is left out and
said to be.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from govd.ledger import canonical
from govd.types import Json, Record

LARGEST_BYTES: Final = 16 * 1024
"""Of an entry that is sent whole. Standard Webhooks: "usually smaller than 20kb"."""
TEST: Final = "test"
PREFIX: Final = "msg_"
JSON_TYPE: Final = "application/json"
EVENT_TYPE: Final = "application/cloudevents+json"
"""CloudEvents 1.0, HTTP binding, section 3.2 (structured mode)."""


@dataclass(frozen=True)
class Message:
    """`id`: `msg_` and hex, the same for each attempt. `kind`: of the entry, or made up
    (`deadline`, `expiry`, `test`). `time`: when it happened (RFC 3339). `about`: as the ledger says
    whom it told of what. `data`: what a program is told.
    """

    id: str
    receiver: str
    kind: str
    subject: str
    time: str
    about: Mapping[str, Json]
    data: Mapping[str, Json]


def message_id(origin: str, added: int, about: str) -> str:
    """A notice's id.

    Args:
        origin: of the ledger.
        added: the entry that added the receiver.
        about: what it tells, the same for every attempt.
    """
    digest = hashlib.sha256(f"{origin} {added} {about}".encode()).hexdigest()
    return f"{PREFIX}{digest[:20]}"


def of_entry(origin: str, receiver: str, added: int, entry: Record) -> Message:
    """The notice about an entry. `origin`, `added`: as for `message_id`; `receiver`: its name."""
    seq = int(entry["seq"])
    kind = str(entry["kind"])
    subject = str(entry["subject"])
    encoded = canonical.encode(entry)
    public_entry: dict[str, Any] = dict(entry)
    data: dict[str, Any] = {"ledger": origin, "entry": public_entry}
    if len(encoded) > LARGEST_BYTES:
        payload = canonical.encode(entry["payload"])
        public_entry["payload"] = {}
        data["left_out"] = {
            "payload_bytes": len(payload),
            "payload_sha256": hashlib.sha256(payload).hexdigest(),
        }
    identifier = message_id(origin, added, f"entry {seq}")
    event = {"kind": kind, "subject": subject, "entry": seq}
    return Message(
        id=identifier,
        receiver=receiver,
        kind=kind,
        subject=subject,
        time=str(entry["time"]),
        about=event,
        data=data,
    )


def body_of(message: Message, origin: str, form: str) -> tuple[str, bytes]:
    """The media type and the bytes of a webhook. `form`: `json` (the payload that Standard Webhooks
    recommends) or `cloudevents`; `origin`: of the ledger.
    """
    if form == "cloudevents":
        event = {
            "specversion": "1.0",
            "id": message.id,
            "source": "urn:" + origin.replace("/", ":"),
            "type": f"govd.{message.kind}",
            "subject": message.subject,
            "time": message.time,
            "datacontenttype": JSON_TYPE,
            "data": message.data,
        }
        if not message.subject:  # "MUST be a non-empty string" where it is there
            del event["subject"]
        return EVENT_TYPE, _encoded(event)
    document = {"type": message.kind, "timestamp": message.time, "data": message.data}
    return JSON_TYPE, _encoded(document)


def _encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps(
        document, ensure_ascii=False, separators=(",", ":"), default=dict
    ).encode()
