"""What is said of a new receiver, and whether it can be meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from govd.errors import Usage
from govd.home.settings import Settings
from govd.notices.addresses import Address
from govd.notices.deadlines import DATES, DAYS
from govd.notices.due import OWN, TOLD
from govd.notices.mail import check_mail
from govd.types import Json

FORMATS: Final = ("json", "cloudevents")
LONGEST_DAYS: Final = 365


@dataclass(frozen=True)
class ReceiverOptions:
    """What is said of a new receiver: `address`, kinds `on`, its `name` where it is to have one of
    its own, a `secret` where it exists already, the `format` of a webhook, `days` before a date,
    `plain_http` where TLS is not needed.
    """

    address: str
    on: Sequence[str]
    name: str = ""
    secret: str | None = None
    format: str = "json"
    days: Sequence[int] = ()
    plain_http: bool = False


def payload_of(
    address: Address, options: ReceiverOptions, settings: Settings
) -> dict[str, Json]:
    """What the entry says of a new receiver. `settings`: of the home, for mail.

    Raises:
        Usage: something in it cannot be meant.
    """
    payload: dict[str, Json] = {"to": address.shown, "on": kinds_of(options.on)}
    if any(fnmatchcase(kind, pattern) for kind in DATES for pattern in payload["on"]):
        payload["days"] = _days(options.days)
    elif options.days:
        raise Usage(
            "--days is about dates", advice=f"Say also --on {DATES[0]} or {DATES[1]}."
        )
    if address.is_mail:
        check_mail(settings)
        if options.secret or options.format != FORMATS[0]:
            advice = "Leave out --secret-file and --format: they are for webhooks."
            raise Usage("a mail is for people, and is not signed", advice=advice)
        return payload
    if options.format not in FORMATS:
        raise Usage(
            f"unknown format {options.format!r}",
            advice=f"Formats: {', '.join(FORMATS)}.",
        )
    payload["format"] = options.format
    return payload | ({"plain_http": True} if address.shown.startswith("http:") else {})


def kinds_of(wanted: Sequence[str]) -> list[str]:
    """The kinds that a receiver is told of, each once.

    Raises:
        Usage: there are none, or one that no entry has.
    """
    kinds = list(dict.fromkeys(kind.strip() for kind in wanted if kind.strip()))
    if not kinds:
        advice = "Say --on request.wait, say; * stands for any part of a kind."
        raise Usage("of what is it to be told?", advice=advice)
    every = [*sorted(TOLD), *DATES]
    for kind in kinds:
        if any(fnmatchcase(name, kind) for name in every):
            continue
        if fnmatchcase(kind, f"{OWN}*"):
            raise Usage(
                "nobody is told of entries about notices: each would be one more",
                where=kind,
                advice="govd notice history shows them.",
            )
        near = get_close_matches(kind, every, 3, 0.5) or [
            name for name in every if name[:3] == kind[:3]
        ]
        advice = (
            f"Did you mean {' or '.join(near[:3])}? * stands for any part."
            if near
            else (
                f"Kinds are, say, request.wait, request.*, revision.publish, {', '.join(DATES)}."
            )
        )
        raise Usage(
            f"there are no entries of the kind {kind!r}", where="--on", advice=advice
        )
    return kinds


def _days(days: Sequence[int]) -> list[int]:
    """Days before a date, the most first.

    Raises:
        Usage: one is out of range.
    """
    wrong = next((day for day in days if not 1 <= day <= LONGEST_DAYS), None)
    if wrong is not None:
        raise Usage(
            f"{wrong} days", where="--days", advice=f"From 1 to {LONGEST_DAYS}."
        )
    return sorted(set(days or DAYS), reverse=True)
