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
    "request": "open",
    "revision": "_revisions",
    "head": "heads",
    "model": "models",
    "token": "tokens",
    "witness": "witnessed",
    "policy": "policies",
    "feed": "feeds",
    "principal": "principals",
    "receiver": "receivers",
    "store": "stores",
}
"""The attribute of `Views` in which records of a noun are kept by their keys: all of them, or those
that something can still happen to.
"""
ALWAYS: Final = frozenset(
    {"token", "head", "witness", "policy", "freeze", "feed", "principal"}
)
"""Nouns whose records can always change."""


def can_change(noun: str, record: StoredRecord) -> bool:
    """Whether a record of this noun can still change."""
    match noun:
        case "request":
            return not Request.from_json(record).is_final
        case "model":
            state = RegisteredModel.from_json(record).state
            return state is ModelState.REGISTERED
        case "receiver":
            return Receiver.from_json(record).state is not ReceiverState.REMOVED
        case "store":
            return StoreRecord.from_json(record).state is not StoreState.REMOVED
    return noun in ALWAYS
