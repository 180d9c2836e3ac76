"""What came of one attempt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What follows from it."""

    SENT = "sent"
    LATER = "later"
    """Tried again, after a pause."""
    REFUSED = "refused"
    """This one is not wanted as it is; others may be."""
    GONE = "gone"
    """The receiver wants no notice any more."""


@dataclass(frozen=True)
class Outcome:
    """`status`: of HTTP or SMTP, 0 where nothing answered. `reason`: in words that hold neither an
    address nor what the receiver wrote. `wait_seconds`: as long as the receiver asks for patience.
    """

    verdict: Verdict
    status: int = 0
    reason: str = ""
    wait_seconds: float = 0.0
