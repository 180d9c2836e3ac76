"""Which records are kept in memory, beside the tables."""

from __future__ import annotations

from typing import Final

from govd.records.lifecycle import ModelState
from govd.records.model import RegisteredModel
from govd.records.notice import Receiver, ReceiverState
from govd.records.record import StoredRecord
from govd.records.request import Request
from govd.records.store import StoreRecord, StoreState

IN_MEMORY: Final = {
    "token": "tokens",
    "witness": "witnessed",
    "policy": "policies",
    "feed": "feeds",
    "principal": "principals",
    "receiver": "receivers",
    "store": "stores",
}
"""The attribute of `Views` in which all records of a noun are kept by their keys."""
ALWAYS: Final = frozenset(
    {"token", "head", "witness", "policy", "freeze", "feed", "principal"}
)
"""Nouns whose records can always change."""


def can_change(noun: str, record: StoredRecord) -> bool:
    """Whether a record of this noun can still change."""
    if isinstance(record, Request):
        return not record.is_final
    if isinstance(record, RegisteredModel):
        return record.state is ModelState.REGISTERED
    if isinstance(record, Receiver):
        return record.state is not ReceiverState.REMOVED
    if isinstance(record, StoreRecord):
        return record.state is not StoreState.REMOVED
    return noun in ALWAYS
