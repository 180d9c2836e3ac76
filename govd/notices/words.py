"""A notice as a mail that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from govd.notices.message import TEST, Message
from govd.records.actors import spoken
from govd.verify.safe_text import safe
from govd.verify.sentences import sentence_of

SUBJECT_CHARACTERS: Final = 120
LINE_CHARACTERS: Final = 2000
DATES: Final = {"deadline": "is due", "expiry": "expires"}


def mail_of(
    message: Message, origin: str, sender: str, mailbox: str, now: datetime
) -> EmailMessage:
    """The mail. Its `Message-ID` is the same for every attempt, so that a repeat is seen to be one.

    Args:
        message: what it tells.
        origin: of the ledger.
        sender: the address that it comes from.
        mailbox: the address that it goes to.
        now: when it is sent.
    """
    mail = EmailMessage(policy=SMTP)
    sentence = _sentence(message)
    mail["Subject"] = safe(f"govd: {sentence}", SUBJECT_CHARACTERS)
    mail["From"], mail["To"] = sender, mailbox
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.id}@{origin.rpartition('/')[2]}>"  # in one line
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nothing answers it by itself
    is_kind = sentence.startswith(message.kind)
    first = safe(
        sentence if is_kind else sentence[:1].upper() + sentence[1:], LINE_CHARACTERS
    )
    lines = [f"{first}.", "", *_facts(message), "", *_advice(message)]
    lines += ["", "-- ", f"Sent by govd for the ledger {origin}, notice {message.id}."]
    mail.set_content("\n".join(lines) + "\n")
    return mail


def _sentence(message: Message) -> str:
    """What happened, in one sentence."""
    if message.kind == TEST:
        return f"a test of the receiver {message.receiver}"
    if message.kind in DATES:
        day = str(message.about["due_at"])[:10]
        days = int(message.about["days"])
        when = f"within {days} days" if days > 1 else "within a day"
        return f"request {message.subject} {DATES[message.kind]} {when}, on {day}"
    entry: Mapping[str, Any] = message.data["entry"]
    sentence = sentence_of(entry)
    noun, _, event = message.kind.partition(".")
    if not sentence:
        if message.subject:
            return f"{message.kind} of {message.subject}"
        return message.kind
    if noun == "request" and event in (
        "wait",
        "approve",
        "deny",
        "reject",
        "withdraw",
        "fail",
    ):
        return f"request {sentence}"
    return sentence


def _facts(message: Message) -> list[str]:
    """What there is to know, a line each."""
    is_date = message.kind in DATES
    when = str(message.about["due_at"]) if is_date else message.time
    facts = {
        "kind": message.kind,
        "about": message.subject,
        "on" if is_date else "at": when,
    }
    entry = message.data.get("entry")
    if entry is not None:
        facts |= {"model": entry.get("model", ""), "by": spoken(str(entry["actor"]))}
        facts["entry"] = str(entry["seq"])
    else:
        facts |= {"model": str(message.data.get("model") or "")}
    return [
        f"{name + ':':8}{safe(text, LINE_CHARACTERS)}"
        for name, text in facts.items()
        if text
    ]


def _advice(message: Message) -> list[str]:
    """What whoever reads it may do."""
    if message.kind == TEST:
        return ["Nothing is to be done."]
    if message.kind.startswith("request.") or message.kind in DATES:
        return [f"More: govd request show {message.subject}"]
    if message.kind.startswith("revision.") and "/" in message.subject:
        model, _, number = message.subject.partition("/")
        return [f"More: govd revision show {safe(model)} {number}"]
    return [f"More: govd audit log --kind {message.kind}"]
