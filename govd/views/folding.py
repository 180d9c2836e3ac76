"""Entries folded into records: which are kept in memory, and how all of them come into the tables.

What an entry changes is decided by the fold (`govd.records.fold`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Self

from govd.errors import Conflict, NotFound
from govd.ledger import canonical
from govd.records import possible
from govd.records.changes import Changes, Place, Span, typed
from govd.records.feed import FeedRecord
from govd.records.fold import fold
from govd.records.model import Head, RegisteredModel
from govd.records.notice import Receiver
from govd.records.people import Principal
from govd.records.policy import Freeze, Policy
from govd.records.record import StoredRecord
from govd.records.request import Request
from govd.records.revision import Revision
from govd.records.store import StoreRecord
from govd.types import Record
from govd.views.memory import IN_MEMORY, can_change
from govd.views.records import Records
from govd.views.rows import line, row
from govd.views.seals import Cell

log = logging.getLogger("govd")
BATCH: Final = 2000
"""Entries that are folded in one transaction."""


class Folding:
    """Records by id, as `interface.md` spells them, and the position up to which entries were read.

    In memory is what something can still happen to: models, tokens, open requests and forgets in
    force, the last revision of each model. The rest is read when it is asked for, so that neither
    memory nor starting grows with the ledger.
    """

    def __init__(self, records: Records | None = None, origin: str = "") -> None:
        self.records = Records(None) if records is None else records
        self.origin = origin
        self._load()

    def _load(self) -> None:
        """What the tables say, and nothing that was not written to them.

        Raises:
            BadFile: somebody else changed them.
        """
        self.records.check()
        live = self.records.live
        self.models = {name: RegisteredModel.from_json(r) for name, r in live("model")}
        self.tokens = {key: StoredRecord.from_json(r) for key, r in live("token")}
        self.open = {key: Request.from_json(r) for key, r in live("request")}
        self.heads = {model: Head.from_json(r) for model, r in live("head")}
        self.witnessed = {
            name: StoredRecord.from_json(r) for name, r in live("witness")
        }
        self.policies = {name: Policy.from_json(r) for name, r in live("policy")}
        self.feeds = {name: FeedRecord.from_json(r) for name, r in live("feed")}
        self.principals = {key: Principal.from_json(r) for key, r in live("principal")}
        self.stores = {name: StoreRecord.from_json(r) for name, r in live("store")}
        self._freeze = next((Freeze.from_json(r) for _, r in live("freeze")), None)
        self.receivers = {name: Receiver.from_json(r) for name, r in live("receiver")}
        self.size = int(self.records.position().get("size", 0))
        # no time goes back, whatever the clock did
        self._latest = self.records.latest()
        # the last and the published one of each model
        self._revisions: dict[str, Revision] = {}
        # each with the entry that changed it last
        self._changed: dict[Place, tuple[StoredRecord, int]] = {}
        self._terms: list[tuple[str, str, Place]] = []
        self._spans: list[Span] = []
        self._in_memory: dict[str, dict[str, Any]] = {
            noun: getattr(self, attribute) for noun, attribute in IN_MEMORY.items()
        }

    def read(self, entries: Iterable[Record]) -> Self:
        """Fold more entries, in their order: those of a batch all or none. An entry of a kind that
        is not known here, or of something that cannot happen, changes nothing but the position.

        Raises:
            MachineFault: the tables cannot be written; what was folded before stays, and reading
            goes on from there.
        """
        try:
            with self.records.folding():
                self._fold(entries)
        except BaseException:
            self._load()
            raise
        return self

    def _fold(self, entries: Iterable[Record]) -> None:
        lines: list[tuple[Cell, ...]] = []
        entry: Record = {}
        for entry in entries:
            try:
                self._keep(fold(entry, self._so_far), int(entry["seq"]))
            except (Conflict, NotFound) as error:
                log.error("entry %s changes nothing: %s", entry["seq"], error.message)
            time = str(entry["time"])
            if time > self._latest:
                self._latest = time
            lines.append(line(entry, self._latest))
            self.size = int(entry["seq"]) + 1
            if len(lines) == BATCH:
                self._write(lines, entry)
                lines = []
        if lines:
            self._write(lines, entry)

    def _so_far(self, noun: str, key: str) -> StoredRecord | None:
        """A record as the entries so far leave it: what the fold reads."""
        of_noun = self._in_memory.get(noun)
        record: StoredRecord | None = None if of_noun is None else of_noun.get(key)
        if record is None and noun != "head":
            return self._get(noun, key)
        return record

    def _keep(self, changes: Changes, seq: int) -> None:
        """Changed records in memory, to be written with the rest of their batch."""
        for place, record in changes.records.items():
            self._changed[place] = record, seq
            self._remember(*place, record)
        self._terms += changes.terms
        if changes.span is not None:
            self._spans.append(changes.span)

    def _remember(self, noun: str, key: str, record: StoredRecord) -> None:
        """Keep a changed record in memory, where its noun is: a request or revision until it is
        written, also where nothing can follow.
        """
        of_noun = self._in_memory.get(noun)
        if noun == "model" and not can_change(noun, record):
            self.models.pop(key, None)
        elif of_noun is not None:
            of_noun[key] = record
        elif noun == "freeze":
            self._freeze = Freeze.from_json(record)

    def replace(self, path: Path) -> None:
        """Go on with tables that were made anew from the same entries.

        Raises:
            MachineFault: they cannot be put in the place of those in use.
        """
        self.records.adopt(path)
        self._load()

    def check(self, drafts: Sequence[possible.Happening]) -> None:
        """Whether these entries, one after the other, can happen.

        Raises:
            Conflict: the state of a request or revision does not allow it. NotFound: there is no
            such request or revision.
        """
        possible.check_possible(drafts, self._so_far)

    def _write(self, lines: list[tuple[Cell, ...]], last: Record) -> None:
        with self.records.writing():
            self.records.add_log(lines)
            rows = [
                row(
                    *place,
                    record,
                    self._is_live(place, record),
                    int(record.get("seq", seq)),
                )
                for place, (record, seq) in self._changed.items()
            ]
            self.records.put(rows)
            self.records.add_terms(
                (term, word, *place) for term, word, place in self._terms
            )
            self.records.add_spans((s.model, s.start, s.number) for s in self._spans)
            self.records.mark(self.origin, self.size, canonical.digest(last))
        for noun, key, _, _, live, *_ in rows:
            if noun == "request" and not live:
                self.open.pop(str(key), None)
        for key, revision in list(self._revisions.items()):
            if revision.number not in self._numbers(revision.model):
                del self._revisions[key]
        self._changed, self._terms, self._spans = {}, [], []

    def _is_live(self, place: Place, record: StoredRecord) -> bool:
        """Whether it can still change."""
        if place[0] == "revision":
            revision = Revision.from_json(record)
            return revision.number in self._numbers(revision.model)
        return can_change(place[0], record)

    def _get(self, noun: str, key: str) -> StoredRecord | None:
        changed = self._changed.get((noun, key))
        if changed is not None:
            return changed[0]
        stored = self.records.get(noun, key)
        return None if stored is None else typed(noun, stored)

    def _numbers(self, model: str) -> tuple[int, ...]:
        """Of the revisions that are kept in memory."""
        head = self.heads.get(model)
        return () if head is None else head.numbers
