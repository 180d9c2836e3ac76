"""What is still to be told to a receiver, one notice after the other: what somebody wants again,
then dates that come near, then entries in their order.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from govd.models.core import Core
from govd.notices.deadlines import DATES, Near, near
from govd.notices.message import Message, message_id, of_entry
from govd.records.kinds import KINDS
from govd.records.notice import Receiver, ReceiverState
from govd.types import Json

LOOKED_SECONDS: Final = 60.0
"""Between two looks at all dates: they are days away."""
MOST: Final = 1000
"""Notices that are counted."""
OWN: Final = "notice."
"""Entries about notices are told to nobody: each notice would be one more."""
TOLD: Final = frozenset(kind for kind in KINDS if not kind.startswith(OWN))


class Due:
    """Reads ledger and views; what it remembers spares looking twice and may be lost."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._looked: dict[tuple[str, int], int] = {}
        self._near: dict[tuple[str, int], tuple[float, datetime, list[Near]]] = {}

    def next(self, name: str, now: datetime, fresh: bool = False) -> Message | None:
        """The next notice to a receiver, None while there is none. `fresh`: look at all dates
        anew.
        """
        receiver = self.core.desk.views.receivers.get(name)
        if receiver is None or receiver.state is not ReceiverState.ACTIVE:
            return None
        for notice_id in receiver.again:
            message = self.again(receiver, notice_id)
            if message is not None:
                return message
        for date in self._dates(receiver, now, fresh):
            return date.message(self.core.home.origin, receiver)
        return self._entry(receiver)

    def count(self, receiver: Receiver, now: datetime) -> int:
        """How many notices are due, `MOST` at most."""
        looked = self._looked.get((receiver.name, receiver.seq), -1)
        after = max(receiver.position, looked)
        entries = self.core.desk.views.records.of_kinds(kinds_of(receiver), after, MOST)
        dates = self._dates(receiver, now, True)
        return min(MOST, len(receiver.again) + len(dates) + len(entries))

    def again(self, receiver: Receiver, notice_id: str) -> Message | None:
        """A notice that was given up before; None where nobody can make it once more."""
        notice = self.core.desk.views.notice(notice_id)
        if notice is None:
            return None
        message = self._made_again(receiver, notice.about)
        if message is not None and message.id == notice_id:
            return message
        return None

    def _made_again(
        self, receiver: Receiver, event: Mapping[str, Json]
    ) -> Message | None:
        """What a notice about an event says today; None where nobody can say it."""
        origin = self.core.home.origin
        if "entry" in event:
            for entry in self.core.desk.ledger.some([int(event["entry"])]):
                return of_entry(origin, receiver.name, receiver.seq, entry)
            return None
        request = None
        if "due_at" in event:
            request = self.core.desk.views.request(str(event["subject"]))
        if request is None:
            return None
        day = datetime.fromisoformat(str(event["due_at"]))
        date = Near(str(event["kind"]), request, day, int(event["days"]))
        return date.message(origin, receiver)

    def _dates(self, receiver: Receiver, now: datetime, fresh: bool) -> list[Near]:
        """Dates that are near and that it was not told of."""
        kinds = [kind for kind in DATES if is_told(receiver, kind)]
        if not kinds:
            return []
        place = (receiver.name, receiver.seq)
        origin = self.core.home.origin
        views = self.core.desk.views
        settings = self.core.home.settings
        at, since, dates = self._near.get(place, (float("-inf"), now, []))
        is_old = time.monotonic() - at >= LOOKED_SECONDS
        # a machine that slept has another date, and its monotonic clock stood still
        apart_seconds = abs((now - since).total_seconds())
        if fresh or is_old or apart_seconds >= LOOKED_SECONDS:
            requests = list(views.open.values())
            at = time.monotonic()
            since = now
            dates = near(requests, receiver.days, settings.deadline_days, now)
            dates = [date for date in dates if date.kind in kinds]
        untold: list[Near] = []
        for date in dates:
            notice = views.notice(message_id(origin, receiver.seq, date.key))
            if notice is None or not notice.is_settled:
                untold.append(date)
        self._near[place] = (at, since, untold)
        return untold

    def _entry(self, receiver: Receiver) -> Message | None:
        """The first entry that it was not told of."""
        desk = self.core.desk
        place = (receiver.name, receiver.seq)
        size = desk.views.size
        after = max(receiver.position, self._looked.get(place, -1))
        if after >= size - 1:
            return None
        seqs = desk.views.records.of_kinds(kinds_of(receiver), after, 1)
        self._looked[place] = seqs[0] - 1 if seqs else size - 1
        entries = desk.ledger.some(seqs)
        if not entries:
            return None
        origin = self.core.home.origin
        return of_entry(origin, receiver.name, receiver.seq, entries[0])


def is_told(receiver: Receiver, kind: str) -> bool:
    """Whether it wants to be told of a kind."""
    return any(fnmatchcase(kind, pattern) for pattern in receiver.kinds)


def kinds_of(receiver: Receiver) -> list[str]:
    """Kinds of entries that it wants to be told of."""
    return sorted(kind for kind in TOLD if is_told(receiver, kind))
