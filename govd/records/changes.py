"""What an entry changes, and what it is read against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from govd.records.contribution import ContributionRef
from govd.records.feed import FeedRecord, FeedRun
from govd.records.model import Head, RegisteredModel
from govd.records.notice import Notice, Receiver
from govd.records.people import Principal
from govd.records.policy import Freeze, Policy
from govd.records.record import StoredRecord
from govd.records.request import Request
from govd.records.revision import Revision
from govd.records.store import StoreRecord
from govd.types import Json

Place = tuple[str, str]
"""Where a record is kept: its noun (`request`) and its key (the request's id). A revision's key is
`model/number`, an export's the number of its entry.
"""
Lookup = Callable[[str, str], StoredRecord | None]
"""The record at a place as the entries so far leave it, None where there is none."""
TYPES: Final[Mapping[str, type[StoredRecord]]] = {
    "model": RegisteredModel,
    "head": Head,
    "request": Request,
    "revision": Revision,
    "contribution": ContributionRef,
    "export": StoredRecord,
    "token": StoredRecord,
    "witness": StoredRecord,
    "receiver": Receiver,
    "notice": Notice,
    "policy": Policy,
    "freeze": Freeze,
    "feed": FeedRecord,
    "feed_run": FeedRun,
    "principal": Principal,
    "store": StoreRecord,
}
"""What a noun's records are."""


@dataclass(frozen=True)
class Span:
    """From entry `start` on, revision `number` of `model` is the published one."""

    model: str
    start: int
    number: int


class Changes(NamedTuple):
    """What one entry changes. `records`: as they are now, by their places. `terms`: words by which
    a record is found from now on, each with its term and place. `span`: what is published from this
    entry on, where it publishes something.
    """

    records: Mapping[Place, StoredRecord] = MappingProxyType({})
    terms: tuple[tuple[str, str, Place], ...] = ()
    span: Span | None = None


NOTHING: Final = Changes()


def typed(noun: str, record: Mapping[str, Json]) -> StoredRecord:
    """A noun's record of its JSON."""
    return TYPES[noun].from_json(record)


def request_at(lookup: Lookup, request_id: str) -> Request | None:
    """The request of this id."""
    record = lookup("request", request_id)
    return None if record is None else Request.from_json(record)


def revision_at(lookup: Lookup, subject: str) -> Revision | None:
    """The revision that entries name so, `shop/3`."""
    record = lookup("revision", subject)
    return None if record is None else Revision.from_json(record)


def model_at(lookup: Lookup, name: str) -> RegisteredModel | None:
    """The model of this name, also where it was retired or removed."""
    record = lookup("model", name)
    if record is None:
        return None
    return RegisteredModel.from_json(record)


def head_at(lookup: Lookup, model: str) -> Head | None:
    """The numbers of a model's revisions."""
    record = lookup("head", model)
    return None if record is None else Head.from_json(record)


def published_at(lookup: Lookup, model: str) -> Revision | None:
    """The revision that a model serves, None while it is the base."""
    head = head_at(lookup, model)
    number = None if head is None else head.published
    if number:
        return revision_at(lookup, f"{model}/{number}")
    return None
