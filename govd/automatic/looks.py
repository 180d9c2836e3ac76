"""Looking at feeds: when each is due, or when somebody asks; every document taken and answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from govd.asking.limited import Call, Locks
from govd.automatic.clock import Timetable, spelled
from govd.automatic.feed_runs import FeedRuns
from govd.errors import Conflict, GovdError, Unsupported
from govd.models.core import Core
from govd.records.feed import FeedRecord, FeedRun
from govd.types import Document, Feed, Json, Proposals

AGAIN_SECONDS: Final = 60.0
"""After which a feed that failed is tried again, first."""
SOON_SECONDS: Final = 5.0
"""After which one looks again for what is still being written."""
log = logging.getLogger("govd")


@dataclass(frozen=True)
class Look:
    """What a look at a feed came to: the runs that were new, and what is not read yet."""

    runs: tuple[FeedRun, ...]
    waiting: tuple[str, ...]


class Looks:
    """Looks at feeds, each in a thread of its own while the daemon runs: one that does not answer
    holds up no other, nor the reconciler.
    """

    def __init__(self, core: Core, runs: FeedRuns) -> None:
        self.core = core
        self.runs = runs
        self.faults: dict[str, str] = {}
        """What went wrong at the last look, by the feed's name."""
        self._timetable = Timetable()
        self._locks = Locks()
        self._running: dict[str, Call] = {}
        self._failures: dict[str, int] = {}

    def step(self, now: datetime, patient: bool) -> bool:
        """Look at what is due; whether a run was new. What goes wrong is logged and shown with the
        feed, which is looked at again when it is due. `now`, `patient`: as `automatic.loop.Work`.
        """
        did = self._ended()
        for feed in list(self.core.desk.views.feeds.values()):
            if not feed.is_enabled or feed.name in self._running:
                continue
            _, looked_at = self.runs.files(feed).look()
            if not self._timetable.is_due(
                feed.name, feed.every_seconds, looked_at, now
            ):
                continue
            self._timetable.note(feed.name)
            call = Call(partial(self.look, feed.name, now, False))
            call.begin(f"feed {feed.name}")
            self._running[feed.name] = call
            if patient:
                call.wait(None)
                did |= self._ended()
        return did

    def _ended(self) -> bool:
        """Let go of looks that have ended; whether one of them had a new run."""
        did = False
        for name, call in list(self._running.items()):
            if call.hangs:
                continue
            del self._running[name]
            if isinstance(call.error, GovdError):
                log.error("feed %s: %s", name, call.error.message)
            elif call.error is not None:
                raise call.error
            else:
                did |= bool(call.answer.runs)
        return did

    def rest(self, seconds: float) -> None:
        """Wait for the looks at hand, for `seconds` at most, all together."""
        last = time.monotonic() + seconds
        for call in list(self._running.values()):
            call.wait(max(0.0, last - time.monotonic()))

    def look(self, name: str, now: datetime, by_hand: bool) -> Look:
        """Take every document that a feed has and that is new. `by_hand`: somebody asks for it.

        Raises:
            Conflict: what is automatic is frozen. GovdError: the feed cannot be read, or an answer
            cannot be left there; what was filed is filed.
        """
        with self._locks(name):
            self.check_thawed()
            feed = self.core.desk.views.feeds[name]
            try:
                look = self._taken(feed, now, by_hand)
            except GovdError as fault:
                self.faults[name] = fault.message
                self._put_off(feed)
                raise
            self.faults.pop(name, None)
            self._failures.pop(name, None)
            return look

    def _put_off(self, feed: FeedRecord) -> None:
        """Try a feed again that failed: after a minute, two, four, and so on, and when it is due
        anyhow.
        """
        failures = self._failures[feed.name] = self._failures.get(feed.name, 0) + 1
        pause_seconds = min(
            feed.every_seconds, AGAIN_SECONDS * 2 ** min(failures - 1, 16)
        )
        self._timetable.note(feed.name, feed.every_seconds - pause_seconds)
        files = self.runs.files(feed)
        files.put_look(files.look()[0], None)

    def check_thawed(self) -> None:
        """Refuse what is automatic while it is frozen.

        Raises:
            Conflict: it is.
        """
        frozen = self.core.desk.views.frozen
        if frozen is not None:
            raise Conflict(
                f"everything automatic is frozen: {frozen.reason}",
                advice="`govd policy unfreeze` ends it.",
            )

    def _taken(self, feed: FeedRecord, now: datetime, by_hand: bool) -> Look:
        files = self.runs.files(feed)
        cursor, _ = files.look()
        proposals = self.proposals(self.told(feed), cursor, now, by_hand)
        runs: list[FeedRun] = []
        faults: list[GovdError] = []
        for document in proposals.documents:
            if self.core.ending:
                return Look(tuple(runs), proposals.waiting)
            self.check_thawed()
            run, is_new = self.runs.take(
                self.core.desk.views.feeds[feed.name], document
            )
            runs += [run] if is_new else []
            try:
                self.answer(feed, run, document)
            except (
                GovdError
            ) as fault:  # the others are taken, and it is answered at the next look
                faults.append(fault)
        if faults:
            raise faults[0]
        files.put_look(proposals.cursor, spelled(now))
        is_unfinished = bool(proposals.waiting)
        self._timetable.note(
            feed.name, feed.every_seconds - SOON_SECONDS if is_unfinished else 0.0
        )
        return Look(tuple(runs), proposals.waiting)

    def proposals(
        self, feed: Feed, cursor: Mapping[str, Json], now: datetime, by_hand: bool
    ) -> Proposals:
        """What the plugin that reads a feed brings; `cursor`, `now`, `by_hand` as
        `govd_propose`.

        Raises:
            Unsupported: none reads it. GovdError: what the plugin says.
        """
        asker = self.core.plugins.asker
        _, proposals = asker.first(
            "govd_propose", feed=feed, cursor=cursor, now=spelled(now), by_hand=by_hand
        )
        if not isinstance(proposals, Proposals):
            raise Unsupported(
                f"no plugin reads {feed.url!r}",
                where=feed.name,
                advice="Say file:///FOLDER, https://… or webhook:; `govd doctor` lists plugins.",
            )
        return proposals

    def answer(self, feed: FeedRecord, run: FeedRun, document: Document) -> None:
        """Tell whoever wrote a document what became of it.

        Raises:
            GovdError: what the plugin says.
        """
        answers = self.runs.answers(run, document)
        self.core.plugins.asker.first(
            "govd_answered", feed=self.told(feed), document=document, answers=answers
        )

    def told(self, feed: FeedRecord) -> Feed:
        """A feed as plugins are told of it."""
        files = self.runs.files(feed)
        return Feed(feed.name, feed.url, files.inbox, files.secret())
