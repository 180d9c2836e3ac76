"""Receivers and what they were told, as people and programs are shown them."""

from __future__ import annotations

from datetime import UTC, datetime

from govd.notices.sending import Sending
from govd.records.notice import Receiver
from govd.types import Json, Record


def receiver_row(receiver: Receiver, sending: Sending) -> dict[str, Json]:
    """A receiver, and how far it was told by `sending`; never with its secret."""
    return {
        "name": receiver.name,
        "to": receiver.to,
        "on": list(receiver.kinds),
        "format": None if receiver.is_mail else receiver.format,
        "days": list(receiver.days),
        "state": receiver.state.value,
        "trouble": _trouble(receiver, sending),
        "due": sending.due.count(receiver, datetime.now(UTC)),
        "sent": receiver["sent"],
        "last_sent_at": receiver["last_sent_at"],
        "added_at": receiver["added_at"],
        "added_by": receiver["added_by"],
        "secret_at": None if receiver.is_mail else receiver["secret_at"],
        "entry": receiver.seq,
    }


def _trouble(receiver: Receiver, sending: Sending) -> str:
    """Why a receiver is not told what it should be; empty where it is."""
    failed = receiver.failed
    if failed is not None:
        moment = failed["at"][:16].replace("T", " ")
        return (
            f"it failed on {moment} UTC ({failed['reason']}): govd notice retry"
            f" {receiver.name}"
        )
    head = sending.attempts.head(receiver.name)
    if head is None:
        return ""
    number = head["attempts"]
    attempts = "1 attempt" if number == 1 else f"{number} attempts"
    next_at = str(head["next_at"])[:19].replace("T", " ")
    return f"{head['reason']}; {attempts}, again at {next_at} UTC"


def history_row(entry: Record) -> dict[str, Json]:
    """What became of a notice, by the `entry` that says so."""
    payload = entry["payload"]
    event = payload["about"]
    return {
        "id": payload["id"],
        "receiver": entry["subject"],
        "kind": event["kind"],
        "subject": event.get("subject", ""),
        "about_entry": event.get("entry"),
        "state": "sent" if entry["kind"] == "notice.send" else "failed",
        "at": entry["time"],
        "attempts": payload["attempts"],
        "status": payload["status"],
        "reason": payload.get("reason", ""),
        "sha256": payload["sha256"],
        "entry": entry["seq"],
    }


def notices(number: int) -> str:
    """So many notices, in words."""
    return "1 notice" if number == 1 else f"{number} notices"
