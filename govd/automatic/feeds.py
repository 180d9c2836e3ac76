"""Feeds of a home: added, looked at when they are due or when somebody asks, and what they did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from govd.automatic.clock import spelled
from govd.automatic.feed_files import FeedFiles
from govd.automatic.feed_runs import FeedRuns
from govd.automatic.feed_settings import WEBHOOK, FeedSettings, form_of, payload_of
from govd.automatic.looks import Looks
from govd.automatic.signatures import check_signed
from govd.errors import (
    Conflict,
    GovdError,
    NotFound,
    Unauthenticated,
    Unreachable,
    Usage,
    instead,
)
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.notices.signing import check_secret, new_secret
from govd.records.feed import FeedRecord, FeedRun
from govd.records.fold_feeds import delivered
from govd.records.limits import bounded
from govd.requests import Requests
from govd.types import DOCUMENT_BYTES, Document, Feed, Json, Record

HIDDEN: Final = ("documents", "asked", "model", "every_seconds")


class Feeds:
    """Feeds, and the work of looking at them."""

    def __init__(self, core: Core, requests: Requests) -> None:
        self.core = core
        self.runs = FeedRuns(core, requests)
        self.looks = Looks(core, self.runs)

    # -- what there is

    def all(self) -> list[Record]:
        """Every feed, by name."""
        return [
            self._shown(feed) for _, feed in sorted(self.core.desk.views.feeds.items())
        ]

    @bounded
    def show(self, name: str) -> Record:
        """One feed.

        Raises:
            NotFound: there is none of this name.
        """
        return self._shown(self.feed(name))

    @bounded
    def history(self, name: str) -> list[Record]:
        """The runs of a feed, oldest first, without their rows."""
        feed = self.feed(name)
        runs = self.core.desk.views.records.find("feed_run", feed=feed.name)
        return [
            {k: v for k, v in run.items() if k not in ("rows", "missing")}
            for run in runs
        ]

    @bounded
    def run_of(self, name: str, run: int) -> Record:
        """One run with all its rows."""
        record = self.runs.run(self.feed(name).name, run)
        return {**record, "rows": self.runs.rows(record)}

    def feed(self, name: str) -> FeedRecord:
        """A feed's record.

        Raises:
            NotFound: there is none of this name.
        """
        self.core.desk.refresh()
        feed = self.core.desk.views.feeds.get(name)
        if feed is None:
            names = sorted(self.core.desk.views.feeds)
            how = "`govd feed list` shows them."
            none = "Feeds: none yet (govd feed add)."
            advice = instead(name, names, "Feeds", how, none=none)
            raise NotFound(f"no feed is called {name!r}", advice=advice)
        return feed

    def _shown(self, feed: FeedRecord) -> dict[str, Json]:
        _, looked_at = self.runs.files(feed).look()
        fields = {
            name: value for name, value in feed.as_json().items() if name not in HIDDEN
        }
        return {
            **fields,
            "model": feed.model or None,
            "every_seconds": feed.every_seconds,
            "usual": feed.usual,
            "looked_at": looked_at,
            "fault": self.looks.faults.get(feed.name, ""),
        }

    # -- adding

    @bounded
    def add(self, settings: FeedSettings, actor: str, now: datetime) -> Record:
        """Add a feed, or give a disabled one other settings. `now`: this moment, in UTC.

        Raises:
            Usage: one of the settings cannot be meant. Conflict: there is such a feed. Unsupported:
            no plugin reads such an address. NotFound, BadFile: the plugin says what is wrong there.
        """
        name = settings.name
        payload = payload_of(settings)
        url = str(payload["url"])
        if settings.model:
            self.core.desk.model(settings.model)
        shown_once = ""
        if url == WEBHOOK and not settings.secret:
            shown_once = new_secret()
        secret = settings.secret or shown_once
        if url == WEBHOOK:
            secret = check_secret(secret)
        files = FeedFiles(self.core.home.folder, name)
        waiting, fault = self._first_look(Feed(name, url, files.inbox, secret), now)
        self._record(payload, name, secret, actor)
        self.looks.faults[name] = fault
        record = {**self.show(name), "waiting": list(waiting)}
        return record | ({"secret": shown_once} if shown_once else {})

    def _record(
        self, payload: dict[str, Json], name: str, secret: str, actor: str
    ) -> None:
        files = FeedFiles(self.core.home.folder, name)
        with self.core.desk.lock:
            self.core.desk.refresh()
            before = self.core.desk.views.feeds.get(name)
            if before is not None and before.is_enabled:
                raise Conflict(
                    f"there is a feed {name} already",
                    advice=f"`govd feed disable {name}` first, to give it other settings.",
                )
            files.make()
            files.put_secret(secret)
            if before is None or before.url != payload["url"]:
                files.forget_look()
            entry = Draft(
                kind="feed.add",
                subject=name,
                actor=actor,
                model=str(payload["model"]),
                payload=payload,
            )
            self.core.desk.append([entry])

    def _first_look(self, feed: Feed, now: datetime) -> tuple[tuple[str, ...], str]:
        """What a look at a feed that is being added would read or not, and what is at fault there
        for now. Nothing of it is taken.
        """
        try:
            proposals = self.looks.proposals(feed, {}, now, True)
        except Unreachable as fault:
            return (), fault.message
        names = [document.name or "a document" for document in proposals.documents]
        lines = [f"{name} is to be read" for name in names]
        return (*lines, *proposals.waiting), ""

    @bounded
    def enable(self, name: str, actor: str) -> Record:
        """Look at a feed again.

        Raises:
            Conflict: it is enabled.
        """
        return self._switched(name, "enable", actor)

    @bounded
    def disable(self, name: str, actor: str) -> Record:
        """Look at a feed no more; what it filed stays.

        Raises:
            Conflict: it is disabled.
        """
        return self._switched(name, "disable", actor)

    def _switched(self, name: str, event: str, actor: str) -> Record:
        with self.core.desk.lock:
            feed = self.feed(name)
            if feed.is_enabled == (event == "enable"):
                raise Conflict(f"the feed {name} is {event}d already")
            self.core.desk.append(
                [
                    Draft(
                        kind=f"feed.{event}",
                        subject=name,
                        actor=actor,
                        model=feed.model,
                        payload={},
                    )
                ]
            )
        return self.show(name)

    # -- running

    @bounded
    def run(self, name: str, now: datetime) -> Record:
        """Look at a feed now: `runs`, those that were new, and `waiting`, what is not read yet.

        Raises:
            Conflict: it is disabled, or everything automatic is frozen.
        """
        feed = self.feed(name)
        if not feed.is_enabled:
            raise Conflict(
                f"the feed {name} is disabled",
                advice=f"`govd feed enable {name}` first.",
            )
        look = self.looks.look(name, now, by_hand=True)
        runs = [self._whole(run) for run in look.runs]
        return {"feed": name, "runs": runs, "waiting": list(look.waiting)}

    def _whole(self, run: FeedRun) -> dict[str, Json]:
        return {**run, "rows": self.runs.rows(run)}

    @bounded
    def release(self, name: str, run: int, reason: str, actor: str) -> Record:
        """File the rows of a held run after all.

        Raises:
            Usage: no reason. Conflict: it is not held, or everything automatic is frozen. NotFound:
            its document is lost.
        """
        feed = self.feed(name)
        _check_reason("release", reason)
        self.looks.check_thawed()
        self.runs.check_held(feed, run)
        document = self.runs.files(feed).held(run)
        released = self.runs.release(feed, run, reason, actor)
        self._answered(feed, released, document)
        return self._whole(released)

    @bounded
    def reject(self, name: str, run: int, reason: str, actor: str) -> Record:
        """Leave the rows of a held run unfiled.

        Raises:
            Usage: no reason. Conflict: it is not held.
        """
        feed = self.feed(name)
        _check_reason("reject", reason)
        self.runs.check_held(feed, run)
        document = self.runs.files(feed).held(run)
        rejected = self.runs.reject(feed, run, reason, actor)
        self._answered(feed, rejected, document)
        return self._whole(rejected)

    def _answered(
        self, feed: FeedRecord, run: FeedRun, document: Document | None
    ) -> None:
        """Tell whoever wrote a document what a person decided, and let go of it."""
        self.runs.files(feed).drop(run.number)
        if document is None:
            return
        try:
            self.looks.answer(feed, run, document)
        except GovdError as fault:
            # it is decided; that the result cannot be written is told
            self.looks.faults[feed.name] = fault.message

    def receive(
        self, name: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Record:
        """Take a document that is sent, signed, into the inbox of a feed.

        Args:
            name: of the feed.
            headers: those of the call, by their names in small letters: `webhook-id`,
                `webhook-timestamp`, `webhook-signature`, `content-type`.
            body: the document.
            now: this moment, in UTC.

        Raises:
            Unauthenticated: it is not signed for this feed, or there is none. Conflict: a message
            of this id was taken before, or the feed is disabled. Usage: it is too large, or of a
            type that has no rows.
        """
        feed = self.core.desk.refresh().feeds.get(name)
        files = FeedFiles(self.core.home.folder, name) if feed is not None else None
        secret = ""
        if files is not None and feed is not None:
            secret = files.secret()
        if feed is None or files is None or feed.url != WEBHOOK or not secret:
            raise Unauthenticated("no feed of this name takes what is signed so")
        delivery = headers.get("webhook-id", "")
        timestamp, signatures = (
            headers.get(f"webhook-{part}", "") for part in ("timestamp", "signature")
        )
        check_signed(secret, delivery, timestamp, signatures, body, now)
        if not feed.is_enabled:
            raise Conflict(f"the feed {name} is disabled")
        form = form_of(headers.get("content-type", ""))
        if len(body) > DOCUMENT_BYTES:
            raise Usage(
                "the document is too large",
                advice=f"At most {DOCUMENT_BYTES >> 20} MiB: split it.",
            )
        with self.core.desk.lock:  # the same message may come twice at once
            records = self.core.desk.views.records
            if records.keys("delivery", delivered(name, delivery), "feed_run"):
                raise Conflict("a message of this id was taken already", where=delivery)
            files.receive(delivery, form, body, spelled(now))
        return {"feed": name, "id": delivery, "bytes": len(body)}


def _check_reason(event: str, reason: str) -> None:
    if not reason.strip():
        raise Usage(f"a {event} needs a reason", advice="Say --reason TEXT.")
