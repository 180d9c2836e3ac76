"""What an entry about a store of embeddings changes; its subject is the store's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govd.errors import Conflict, NotFound
from govd.records.changes import NOTHING, Changes, Lookup
from govd.records.store import StoreRecord, StoreState
from govd.types import Json, Record

PATCHABLE: Final = frozenset({StoreState.READY, StoreState.FAILED})
"""States in which a patch may begin, and a store be purged or removed."""


def fold_store(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of `store.add`, `.patch`, `.switch`, `.fail`, `.verify`, `.purge`, `.remove`.

    Raises:
        NotFound: there is no such store. Conflict: it is in no state for it.
    """
    place = ("store", str(entry["subject"]))
    before = lookup(*place)
    store = None if before is None else StoreRecord.from_json(before)
    is_there = store is not None and store.state is not StoreState.REMOVED
    if event == "add":
        if is_there:
            raise Conflict(f"there is a store {place[1]} already")
        return Changes({place: _added(entry)})
    if store is None or not is_there:
        raise NotFound(f"no store is called {place[1]}")
    changed = _changed(event, store, entry)
    if changed is None:
        return NOTHING
    return Changes({place: store.with_(**changed)})


def _added(entry: Record) -> StoreRecord:
    fresh: dict[str, Json] = {
        "name": entry["subject"],
        "model": entry["model"],
        "seq": entry["seq"],
        "state": StoreState.READY.value,
        "added_at": entry["time"],
        "added_by": entry["actor"],
        "patching": None,
        "last": None,
        "verified": None,
        "purged": None,
        "faults": [],
    }
    return StoreRecord.from_json(fresh | dict(entry["payload"]))


def _changed(event: str, store: StoreRecord, entry: Record) -> dict[str, Json] | None:
    payload: Mapping[str, Json] = entry["payload"]
    record = {"at": entry["time"], "by": entry["actor"], **payload}
    if event == "verify":
        return {"verified": record, "faults": list(payload["faults"])}
    if (event in ("switch", "fail")) == (store.state in PATCHABLE):
        raise Conflict(f"the store {store.name} is {store.state}: no {event}")
    match event:
        case "patch":
            begun = {**payload, "begun_at": entry["time"], "by": entry["actor"]}
            follow = bool(payload.get("follow", store.follows))
            patching: dict[str, Json] = {
                "patching": begun,
                "faults": [],
                "follow": follow,
            }
            if payload.get("instead_of_queries"):
                patching["retired"] = entry["seq"]
            return {"state": StoreState.PATCHING.value, **patching}
        case "switch":
            ready: dict[str, Json] = {"state": StoreState.READY.value, "patching": None}
            faults = list(payload["faults"])
            return {
                **ready,
                "stamp": payload["stamp"],
                "last": record,
                "faults": faults,
            }
        case "fail":
            failed: dict[str, Json] = {
                "state": StoreState.FAILED.value,
                "patching": None,
            }
            return {**failed, "faults": [payload["reason"]]}
        case "purge":
            return {"purged": record}
        case "remove":
            removed = {"removed_at": entry["time"], "removed_by": entry["actor"]}
            return {"state": StoreState.REMOVED.value, **removed}
    return None
