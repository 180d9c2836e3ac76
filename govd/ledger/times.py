"""Times as entries spell them: UTC in ISO 8601, to the microsecond, ending in Z, so that they sort
as text.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Final, overload

from govd.errors import Usage

UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Units of intervals."""

_PLUS_LOST: Final = re.compile(r"(T\S+) (\d\d:?\d\d)$")
"""A zone whose + was typed into an address as it is, where + means a blank."""


def now() -> str:
    """This moment."""
    return f"{datetime.now(UTC).isoformat(timespec='microseconds')[:-6]}Z"  # without its +00:00


@overload
def moment(text: str, name: str, *, end: bool = False) -> str: ...
@overload
def moment(text: str | None, name: str, *, end: bool = False) -> str | None: ...
def moment(text: str | None, name: str, *, end: bool = False) -> str | None:
    """A time that somebody wrote: without a zone it is UTC, a date alone its first moment (`end`:
    its last one), `now` is now.

    Raises:
        Usage: it is no time.
    """
    if text is None:
        return None
    words = _PLUS_LOST.sub(r"\1+\2", text.strip())
    try:
        if words == "now":
            return now()
        if _is_date(words):
            instant = datetime.combine(
                date.fromisoformat(words), time.max if end else time.min, UTC
            )
        else:
            instant = datetime.fromisoformat(words)
        instant = (
            instant.replace(tzinfo=UTC)
            if instant.tzinfo is None
            else instant.astimezone(UTC)
        )
    except (ValueError, OverflowError):
        raise Usage(
            f"{name} is {text!r}",
            advice="Write a time as 2027-01-31 or 2027-01-31T12:00:00Z, or now.",
        ) from None
    return f"{instant.isoformat(timespec='microseconds')[:-6]}Z"


def interval_seconds(text: str) -> int | None:
    """The seconds of an interval that somebody wrote, `90s`, `15m`, `24h`, `7d` or `2w`; None where
    it is none.
    """
    match = re.fullmatch(r"(\d{1,9})\s*([smhdw])", text.strip().lower())
    return int(match[1]) * UNIT_SECONDS[match[2]] if match else None


def is_time(text: object) -> bool:
    """Whether this is a time as entries spell them."""
    if not isinstance(text, str) or len(text) != len("2027-01-31T12:00:00.000000Z"):
        return False
    try:
        return text == moment(text, "time")
    except Usage:
        return False


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from one time to a later one, both as entries spell them."""
    return round(
        (
            datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
        ).total_seconds(),
        6,
    )


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
