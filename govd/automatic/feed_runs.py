"""One document of a feed: its rows read, looked at and filed in one append, or held for a person.

Every row is a request of its own under a key of the feed's name and the row's content, so that the
same row files the same request once; votes and people decide on it as on anybody's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from govd.automatic.feed_files import FeedFiles
from govd.automatic.feed_reading import FeedReader, Reading
from govd.automatic.missing import Missing, Missings
from govd.errors import Conflict, NotFound
from govd.ledger import canonical
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.records.feed import DONE, HELD, FeedRecord, FeedRun
from govd.records.fold_feeds import run_key
from govd.records.limits import legible
from govd.requests import Requests
from govd.requests.row_options import Filing
from govd.requests.together import Outcome, Together
from govd.types import Answer, Answers, Document, Json

SUDDEN: Final = 100
"""A run that asks for so many times the usual, or more, is held."""
ROWS: Final = 200
"""Rows that the entry of a run says itself; more lie in an artifact that it names."""


class FeedRuns:
    """Takes documents of feeds."""

    def __init__(self, core: Core, requests: Requests) -> None:
        self.core = core
        self.requests = requests
        self.together = Together(requests)
        self.missings = Missings(requests)
        self.reader = FeedReader(requests, self.together)

    def files(self, feed: FeedRecord) -> FeedFiles:
        """What the home keeps of a feed."""
        return FeedFiles(self.core.home.folder, feed.name)

    def run(self, feed: str, number: int) -> FeedRun:
        """A run of a feed.

        Raises:
            NotFound: it has none of this number.
        """
        stored = self.core.desk.views.records.get("feed_run", run_key(feed, number))
        if stored is None:
            raise NotFound(
                f"the feed {feed} has no run {number}",
                advice=f"`govd feed history {feed}` shows them.",
            )
        return FeedRun.from_json(stored)

    # -- taking

    def take(self, feed: FeedRecord, document: Document) -> tuple[FeedRun, bool]:
        """File the rows of a document, or hold it for a person; its run, and whether that is new:
        what was taken last under the same name, and is the same, is not taken again.

        Raises:
            MachineFault: it cannot be recorded; nothing was filed.
        """
        reading = self.reader.read(document)
        newest = feed.documents.get(document.name)
        if newest is not None and newest["digest"] == reading.digest:
            run = self.run(feed.name, int(newest["run"]))
            if run.get("delivery", "") == document.delivery:
                return run, False
        proposals = self.reader.proposals(feed, reading)
        with self.core.desk.lock:
            self.core.desk.refresh()
            feed = self.core.desk.views.feeds[feed.name]
            number = feed.runs + 1
            outcomes = self.together.looked_at(proposals, feed.actor)
            missing = self.missings.of(feed, document.name, outcomes)
            reason = reading.fault or self._held_for(feed, reading, outcomes, missing)
            payload = _document_fields(reading, number)
            if reason:
                self.files(feed).hold(number, document)
                payload |= {"state": HELD, "reason": reason}
                drafts = [
                    self._entry(feed, "run", feed.actor, payload, outcomes, missing)
                ]
            else:
                payload["state"] = DONE
                drafts = [
                    *self.missings.returned(feed, document.name, outcomes),
                    *self._filed(feed, "run", feed.actor, payload, outcomes, missing),
                ]
            self.core.desk.append(drafts)
        return self.run(feed.name, number), True

    def release(
        self, feed: FeedRecord, number: int, reason: str, actor: str
    ) -> FeedRun:
        """File the rows of a held run after all. Rows that disappeared count only where no later
        document came in its place.

        Raises:
            NotFound: its document is lost. Conflict: it is not held, or cannot be read.
        """
        document = self._held_document(feed, number)
        reading = self.reader.read(document)
        if reading.fault:
            raise Conflict(
                f"run {number} of {feed.name} cannot be read: {reading.fault}",
                advice=f"Mend the source, and `govd feed reject {feed.name} {number} --reason …`.",
            )
        proposals = self.reader.proposals(feed, reading)
        with self.core.desk.lock:
            self.core.desk.refresh()
            feed = self.core.desk.views.feeds[feed.name]
            self.check_held(feed, number)
            outcomes = self.together.looked_at(proposals, feed.actor)
            is_newest = feed.documents.get(document.name, {}).get("run") == number
            missing = (
                self.missings.of(feed, document.name, outcomes) if is_newest else ()
            )
            payload: dict[str, Json] = {"run": number, "reason": reason, "state": DONE}
            drafts = [
                *self.missings.returned(feed, document.name, outcomes),
                *self._filed(feed, "release", actor, payload, outcomes, missing),
            ]
            self.core.desk.append(drafts)
        return self.run(feed.name, number)

    def reject(self, feed: FeedRecord, number: int, reason: str, actor: str) -> FeedRun:
        """Leave a held run unfiled for good.

        Raises:
            Conflict: it is not held.
        """
        with self.core.desk.lock:
            self.core.desk.refresh()
            self.check_held(self.core.desk.views.feeds[feed.name], number)
            payload = {"run": number, "reason": reason}
            self.core.desk.append(
                [
                    Draft(
                        kind="feed.reject",
                        subject=feed.name,
                        actor=actor,
                        model=feed.model,
                        payload=payload,
                    )
                ]
            )
        return self.run(feed.name, number)

    def check_held(self, feed: FeedRecord, number: int) -> None:
        """Refuse what a person may only decide of a held run.

        Raises:
            NotFound: there is no such run. Conflict: it is not held.
        """
        if number not in feed.held:
            state = self.run(feed.name, number).state
            raise Conflict(
                f"run {number} of {feed.name} is {state}, not held",
                advice=f"`govd feed history {feed.name}` shows the runs.",
            )

    def _held_document(self, feed: FeedRecord, number: int) -> Document:
        self.check_held(feed, number)
        document = self.files(feed).held(number)
        if document is None:
            raise NotFound(
                f"the document of run {number} is lost",
                where=feed.name,
                advice="Reject the run, and let the feed bring the document again.",
            )
        return document

    # -- answers

    def answers(self, run: FeedRun, document: Document) -> Answers:
        """What became of the rows of a document, by its run: what whoever wrote it is told."""
        filings = {filing.line: filing for filing in self.reader.read(document).filings}
        rows = [
            Answer(
                int(row["row"]),
                *_spelled(filings.get(row["row"])),
                row["answer"],
                str(row.get("request") or ""),
                str(row.get("reason") or ""),
            )
            for row in self.rows(run)
        ]
        state = DONE if run.state in (DONE, "released") else run.state
        return Answers(state, str(run.get("reason", "")), tuple(rows))

    def rows(self, run: FeedRun) -> list[dict[str, Json]]:
        """The rows of a run: `row`, `answer`, `request`, `reason`; none of one that is held."""
        if run.get("rows_artifact"):
            rows: list[dict[str, Json]] = canonical.decode(
                self.core.artifacts.get(str(run["rows_artifact"]))
            )
            return rows
        return list(run.get("rows", ()))

    # -- parts

    def _held_for(
        self,
        feed: FeedRecord,
        reading: Reading,
        outcomes: Sequence[Outcome],
        missing: Sequence[Missing],
    ) -> str:
        """Why a person must look at this first; empty where nobody must."""
        new_forgets = sum(outcome.is_new for outcome in outcomes)
        if feed.usual is not None and new_forgets >= SUDDEN * feed.usual:
            return (
                f"it asks for {new_forgets} forgets at once, {SUDDEN} times the usual"
                f" {feed.usual:g} or more"
            )
        return self.missings.held_for(
            feed, reading.document.name, bool(reading.filings), missing
        )

    def _filed(
        self,
        feed: FeedRecord,
        event: str,
        actor: str,
        payload: dict[str, Json],
        outcomes: Sequence[Outcome],
        missing: Sequence[Missing],
    ) -> list[Draft]:
        """Entries that file what is new, take back what disappeared, and say so."""
        drafts, filed = self.together.drafts(outcomes, feed.actor)
        reverts, missing = self.missings.drafts(feed, missing)
        entry = self._entry(feed, event, actor, payload, list(filed.values()), missing)
        return [*drafts, *reverts, entry]

    def _entry(
        self,
        feed: FeedRecord,
        event: str,
        actor: str,
        payload: dict[str, Json],
        outcomes: Sequence[Outcome],
        missing: Sequence[Missing],
    ) -> Draft:
        counts = Counter[str](outcome.answer for outcome in outcomes)
        counts.update(row.answer for row in missing)
        payload = {
            **payload,
            "counts": {"rows": len(outcomes), "missing": len(missing), **counts},
            "asked": sum(outcome.is_new for outcome in outcomes),
            "usual": feed.usual,
        }
        if payload["state"] == DONE:
            payload |= self._listed("rows", [_row(outcome) for outcome in outcomes])
            payload |= self._listed("missing", [row.as_json() for row in missing])
        return Draft(
            kind=f"feed.{event}",
            subject=feed.name,
            actor=actor,
            model=feed.model,
            payload=payload,
        )

    def _listed(self, name: str, rows: list[dict[str, Json]]) -> dict[str, Json]:
        """Rows as an entry has them: itself where they are few."""
        if len(rows) <= ROWS:
            return {name: rows}
        return {f"{name}_artifact": self.core.artifacts.put(canonical.encode(rows))}


def _spelled(filing: Filing | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Concepts and domains as a row spells them, and as any file can hold them."""
    if filing is None:
        return (), ()
    domains = filing.options.get("domains", ())
    return tuple(map(legible, filing.concepts)), tuple(map(legible, domains))


def _document_fields(reading: Reading, number: int) -> dict[str, Json]:
    """What the entry of a run says of its document."""
    document = reading.document
    fields: dict[str, Json] = {
        "run": number,
        "document": document.name,
        "digest": reading.digest,
        "bytes": len(document.data),
        "reason": "",
    }
    if document.delivery:
        fields["delivery"] = document.delivery
    return fields


def _row(outcome: Outcome) -> dict[str, Json]:
    row: dict[str, Json] = {"row": outcome.proposed.row, "answer": outcome.answer}
    if outcome.request:
        row["request"] = outcome.request
    if outcome.reason:
        row["reason"] = outcome.reason
    return row
