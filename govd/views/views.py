"""What the entries say, folded: models, requests and revisions as records, kept in tables. The
entries are the truth; the records are kept beside them.

What an entry changes is decided by the fold (`govd.records.fold`); here is what is kept of it in
memory and in the tables, and what can be asked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Unpack

from govd.errors import Conflict, NotFound
from govd.ledger import canonical
from govd.records import possible
from govd.records.changes import Changes, Place, Span, typed
from govd.records.contribution import ContributionRef
from govd.records.feed import FeedRecord
from govd.records.fold import fold
from govd.records.fold_models import check_name
from govd.records.fold_revisions import made_of_digest
from govd.records.lifecycle import ModelState, RequestState
from govd.records.model import Head, RegisteredModel
from govd.records.notice import Notice, Receiver
from govd.records.people import People, Principal
from govd.records.policy import Freeze, Policy
from govd.records.record import StoredRecord
from govd.records.request import Request
from govd.records.revision import Revision
from govd.records.store import StoreRecord
from govd.types import Record
from govd.views.filters import RequestFilters
from govd.views.memory import IN_MEMORY, can_change
from govd.views.records import Records, line, row
from govd.views.seals import Cell

log = logging.getLogger("govd")
BATCH: Final = 2000
"""Entries that are folded in one transaction."""


class Views:
    """Records by id, as `interface.md` spells them, and the position up to which entries were read.

    In memory is what something can still happen to: models, tokens, open requests and forgets in
    force, the last revision of each model. The rest is read when it is asked for, so that neither
    memory nor starting grows with the ledger.
    """

    def __init__(self, records: Records | None = None, origin: str = "") -> None:
        self.records, self.origin = (
            Records(None) if records is None else records,
            origin,
        )
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
        self._kept: dict[
            str, Revision
        ] = {}  # the last and the published one of each model
        self._first: dict[Place, int] = {}
        self._changed: dict[Place, StoredRecord] = {}
        self._terms: list[tuple[str, str, Place]] = []
        self._spans: list[Span] = []

    def read(self, entries: Iterable[Record]) -> Views:
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
                self._keep(fold(entry, self._standing), int(entry["seq"]))
            except (Conflict, NotFound) as error:
                log.error("entry %s changes nothing: %s", entry["seq"], error.message)
            lines.append(line(entry, self._latest))
            self._latest = max(self._latest, str(entry["time"]))
            self.size = int(entry["seq"]) + 1
            if len(lines) == BATCH:
                self._write(lines, entry)
                lines = []
        if lines:
            self._write(lines, entry)

    def _standing(self, noun: str, key: str) -> StoredRecord | None:
        """A record as the entries so far leave it: what the fold reads."""
        if noun == "head":
            return self.heads.get(key)
        kept: dict[str, Mapping[str, StoredRecord]] = {
            "request": self.open,
            "model": self.models,
            "token": self.tokens,
            "principal": self.principals,
            "revision": self._kept,
        }
        in_memory = kept[noun].get(key) if noun in kept else None
        return self._get(noun, key) if in_memory is None else in_memory

    def _hold(self, place: Place, record: StoredRecord) -> None:
        """Keep a changed record where all of its noun are in memory."""
        attribute = IN_MEMORY.get(place[0])
        if attribute is not None:
            getattr(self, attribute)[place[1]] = record
        elif place[0] == "freeze":
            self._freeze = Freeze.from_json(record)

    def _keep(self, changes: Changes, seq: int) -> None:
        """Changed records in memory, to be written with the rest of their batch."""
        for place, record in changes.records.items():
            self._changed[place] = record
            self._first[place] = int(record.get("seq", seq))
            self._remember(place[1], record)
            self._hold(place, record)
        self._terms += changes.terms
        if changes.span is not None:
            self._spans.append(changes.span)

    def _remember(self, key: str, record: StoredRecord) -> None:
        if isinstance(record, Request):
            self.open[key] = (
                record  # until it is written, also where nothing can follow
            )
        elif isinstance(record, Revision):
            self._kept[key] = record
        elif isinstance(record, Head):
            self.heads[key] = record
        elif isinstance(record, RegisteredModel):
            if record.state is ModelState.REGISTERED:
                self.models[key] = record
            else:
                self.models.pop(key, None)

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
        possible.check_possible(drafts, self._standing)

    def _write(self, lines: list[tuple[Cell, ...]], last: Record) -> None:
        with self.records.writing():
            self.records.add_log(lines)
            self.records.put(
                row(*place, record, self._is_live(place, record), self._first[place])
                for place, record in self._changed.items()
            )
            self.records.add_terms(
                (term, word, *place) for term, word, place in self._terms
            )
            self.records.add_spans((s.model, s.start, s.number) for s in self._spans)
            self.records.mark(self.origin, self.size, canonical.digest(last))
        for (_, key), record in self._changed.items():
            if isinstance(record, Request) and record.is_final:
                self.open.pop(key, None)
        self._kept = {
            key: r
            for key, r in self._kept.items()
            if r.number in self._numbers(r.model)
        }
        self._changed, self._terms, self._spans, self._first = {}, [], [], {}

    def _is_live(self, place: Place, record: StoredRecord) -> bool:
        """Whether something can still happen to it."""
        if isinstance(record, Revision):
            return record.number in self._numbers(record.model)
        return can_change(place[0], record)

    def _get(self, noun: str, key: str) -> StoredRecord | None:
        changed = self._changed.get((noun, key))
        if changed is not None:
            return changed
        stored = self.records.get(noun, key)
        return None if stored is None else typed(noun, stored)

    # -- asking

    def request(self, request_id: str) -> Request | None:
        """The request of this id."""
        request = self.open.get(request_id) or self._get("request", request_id)
        return None if request is None else Request.from_json(request)

    def model(self, name: str) -> RegisteredModel | None:
        """The model of this name, also where it was retired or removed."""
        model = self.models.get(name) or self._get("model", name)
        return None if model is None else RegisteredModel.from_json(model)

    def retired(self) -> list[RegisteredModel]:
        """Models that were retired."""
        retired = self.records.find("model", state=ModelState.RETIRED)
        return [RegisteredModel.from_json(record) for record in retired]

    def check_name(self, name: str) -> None:
        """Whether a name can be a model's.

        Raises:
            Conflict: a model that was retired was called so.
        """
        check_name(name, self._standing)

    def requests(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        **filters: Unpack[RequestFilters],
    ) -> list[Request]:
        """Requests in the order of their filing.

        Args:
            after: from the one after this entry, the last of the page before.
            limit: at most so many; None: all.
            filters: see `RequestFilters`.
        """
        records = self.records.find("request", after=after, limit=limit, **filters)
        return [Request.from_json(record) for record in records]

    def by_key(self, idempotency_key: str) -> Request | None:
        """The request that was filed with an idempotency key."""
        keys = self.records.keys("key", idempotency_key, "request")
        return self.request(keys[0]) if keys else None

    def contribution(self, digest: str) -> ContributionRef | None:
        """What is known of a contribution."""
        contribution = self._get("contribution", digest)
        return None if contribution is None else ContributionRef.from_json(contribution)

    def revision(self, model: str, number: int) -> Revision | None:
        """A model's revision of this number."""
        key = f"{model}/{number}"
        record = self._kept.get(key) or self._get("revision", key)
        if record is None:
            return None
        revision = Revision.from_json(record)
        if number in self._numbers(model):
            self._kept[key] = revision
        return revision

    def _numbers(self, model: str) -> tuple[int, ...]:
        """Of the revisions that are kept in memory."""
        head = self.heads.get(model)
        return head.numbers if head else ()

    def last(self, model: str) -> Revision | None:
        """The newest revision, in whatever state."""
        head = self.heads.get(model)
        return self.revision(model, head.last) if head and head.last else None

    def revisions(self, model: str) -> list[Revision]:
        """A model's revisions, oldest first."""
        records = self.records.find("revision", model=model)
        return [Revision.from_json(record) for record in records]

    def made_of(self, basis: str, contributions: Iterable[str]) -> Revision | None:
        """The newest revision of this basis and these contributions (digests), whatever became of
        it.
        """
        keys = self.records.keys(
            "made_of", made_of_digest(basis, contributions), "revision"
        )
        records = (self._get("revision", key) for key in keys)
        revisions = [
            Revision.from_json(record) for record in records if record is not None
        ]
        return max(revisions, key=lambda revision: revision.seq, default=None)

    def published(self, model: str) -> Revision | None:
        """The revision that a model serves, None while it is the base."""
        head = self.heads.get(model)
        return self.revision(model, head.published) if head and head.published else None

    def going(self) -> set[str]:
        """The forgets whose revert is approved and not done yet."""
        return {
            str(request.reverts)
            for request in list(self.open.values())
            if not request.is_forget and request.state is RequestState.APPROVED
        }

    def wanted(self, model: str) -> list[Request]:
        """The forgets that should be in force: approved ones whose revert is not approved yet,
        oldest first.
        """
        going = self.going()
        return [
            request
            for request in list(self.open.values())
            if request.model == model and request.is_wanted and request.id not in going
        ]

    def notice(self, notice_id: str) -> Notice | None:
        """A notice that was sent, or given up."""
        record = self._get("notice", notice_id)
        return None if record is None else Notice.from_json(record)

    def people(self) -> People:
        """Who is in charge."""
        return People.of(list(self.principals.values()), list(self.tokens.values()))

    @property
    def frozen(self) -> Freeze | None:
        """The freeze that stops whatever acts by itself; None while there is none."""
        freeze = self._freeze
        return freeze if freeze is not None and freeze.since else None

    def policies_named(self, name: str) -> list[Policy]:
        """All texts of a policy, the newest first."""
        named = [policy for policy in self.policies.values() if policy.name == name]
        return sorted(named, key=lambda policy: -policy.seq)

    def dump(self) -> Iterator[tuple[str, ...]]:
        """Everything, in a fixed order."""
        return self.records.dump()
