"""Dates that come near: of open forgets the one on which they are due, of forgets in force the one
on which they expire. Computed from the records and a moment, so that no clock has to run for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from govd.ledger.times import moment
from govd.notices.message import Message, message_id
from govd.records.dates import due_date
from govd.records.lifecycle import OPEN, STANDING
from govd.records.notice import Receiver
from govd.records.request import Request

DEADLINE: Final = "deadline"
EXPIRY: Final = "expiry"
DATES: Final = (DEADLINE, EXPIRY)
"""Kinds that are made up: no entry says that a date comes near."""
DAYS: Final = (7, 1)
"""Before a date, where the receiver was added without saying when."""


@dataclass(frozen=True)
class Near:
    """A date of a request that is `days` away, or less."""

    kind: str
    request: Request
    date: datetime
    days: int

    @property
    def key(self) -> str:
        """The same as long as the date is; another where it was moved."""
        return f"{self.kind} {self.request.id} {_spelled(self.date)} {self.days}"

    def message(self, origin: str, receiver: Receiver) -> Message:
        """The notice to a `receiver`; `origin`: of the ledger. Its time is the one from which the
        date is near, so that each attempt says the same.
        """
        request = self.request
        date = _spelled(self.date)
        event = {
            "kind": self.kind,
            "subject": request.id,
            "due_at": date,
            "days": self.days,
        }
        field = "due_at" if self.kind == DEADLINE else "expires_at"
        data = {
            "ledger": origin,
            "request": request.id,
            "model": request.model,
            field: date,
            "days": self.days,
        }
        since = _spelled(self.date - timedelta(days=self.days))
        identifier = message_id(origin, receiver.seq, self.key)
        return Message(
            id=identifier,
            receiver=receiver.name,
            kind=self.kind,
            subject=request.id,
            time=since,
            about=event,
            data=data,
        )


def near(
    requests: Iterable[Request], days: Iterable[int], deadline_days: int, now: datetime
) -> list[Near]:
    """The dates that are near and not over at `now`, the nearest first: each with the least of
    `days` that it is within, so that one that became near while nobody looked is told once.

    Args:
        requests: those that something can still happen to.
        days: before a date, when it is to be told.
        deadline_days: when a forget without a date of its own is due, after its filing.
        now: with its zone.
    """
    dates: list[Near] = []
    for kind, request, date in _dates(requests, deadline_days):
        within = [d for d in days if date - timedelta(days=d) <= now < date]
        if within:
            dates.append(Near(kind, request, date, min(within)))
    return sorted(dates, key=lambda date: (date.date, date.request.id))


def _dates(
    requests: Iterable[Request], deadline_days: int
) -> Iterator[tuple[str, Request, datetime]]:
    for request in requests:
        if request.kind != "forget" or request.get("model_retired"):
            continue
        if request.state in OPEN and not request.get("served_at"):
            yield DEADLINE, request, due_date(request, deadline_days)
        expires = request.get("expires_at")
        if expires and request.state in STANDING:
            yield (
                EXPIRY,
                request,
                datetime.fromisoformat(moment(str(expires), "expires")),
            )


def _spelled(date: datetime) -> str:
    return f"{date:%Y-%m-%dT%H:%M:%SZ}"
