"""What entries about stores say, in sentences for people, and what they come to together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from govd.errors import GovdError
from govd.records.copies import EXPORT, Copy, CopyState, Known, copies
from govd.records.fold_stores import fold_store
from govd.records.record import StoredRecord
from govd.records.store import StoreRecord, StoreState
from govd.verify.honest import json_dict, json_list


def of_store(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    """The sentence of an entry about stores, None where there is none."""
    reason = str(payload.get("reason") or "")
    because = f": {reason}" if reason else ""
    match kind:
        case "store.add":
            stamp = json_dict(payload.get("stamp"))
            how = "by its stamp"
            if payload.get("claimed"):
                how = "as was said"
            of = _revision(stamp.get("revision"))
            return f"the store {subject} was added, {stamp.get('rows')} vectors of {of} {how}"
        case "store.patch":
            return f"the store {subject} is to be taken to {_revision(payload.get('revision'))}"
        case "store.switch":
            return f"the store {subject} {_switched(payload)}"
        case "store.fail":
            return f"the store {subject} could not be patched{because}"
        case "store.verify":
            faults = [str(fault) for fault in json_list(payload.get("faults"))]
            return f"the store {subject} was verified: {'; '.join(faults) or 'as its stamp says'}"
        case "store.purge":
            return (
                f"{payload.get('size_bytes')} bytes of vectors that were not searched were taken"
                f" from the store {subject}{because}"
            )
        case "store.remove":
            return f"the store {subject} was removed; its vectors stayed as they were{because}"
    return None


def _switched(payload: Mapping[str, Any]) -> str:
    stamp = json_dict(payload.get("stamp"))
    rows = payload.get("rows")
    skipped = payload.get("skipped")
    clause = f", {skipped} left as they were" if skipped else ""
    return f"has {rows} vectors of {_revision(stamp.get('revision'))}{clause}"


def _revision(number: Any) -> str:
    return f"revision {number}" if number else "the unedited model"


def manifest_of(
    entries: Iterable[Mapping[str, Any]], model: str, number: int
) -> list[Copy]:
    """The stores and exports that entries tell of, as a revision sees them."""
    stores: dict[str, StoreRecord] = {}
    exports: list[Mapping[str, Any]] = []
    requests: dict[int, list[str]] = {}

    def store_before(noun: str, key: str) -> StoredRecord | None:
        return stores.get(key)

    for entry in entries:
        kind = str(entry["kind"])
        payload = entry["payload"]
        if entry.get("model") != model:
            continue
        if kind.startswith("store."):
            try:
                changes = fold_store(kind.removeprefix("store."), entry, store_before)
            except (GovdError, KeyError, TypeError, ValueError):
                continue  # what it leads to is judged where the entries are
            for (_, key), record in changes.records.items():
                stores[key] = StoreRecord.from_json(record)
        elif kind == "export.write":
            exports.append({"at": entry["time"], "seq": entry["seq"], **payload})
        elif kind == "revision.compose":
            composed = int(str(entry["subject"]).rpartition("/")[2])
            requests[composed] = [
                str(request) for request in json_list(payload.get("requests"))
            ]
    standing_stores = [s for s in stores.values() if s.state is not StoreState.REMOVED]
    publications = Known(model, number, "", None, requests, standing_stores, exports)
    return [copy for copy in copies(publications, number) if copy.kind != "server"]


def copies_told(manifest: Iterable[Copy]) -> list[str]:
    """The manifest in sentences."""
    words = {
        CopyState.FORGOTTEN: "has what this revision has",
        CopyState.PENDING: "is not there yet",
        CopyState.UNKNOWN: "is not known to be as it should",
    }
    return [
        (
            f"The copy {copy.name} ({copy.kind}, {copy.recipient or copy.place}), of"
            f" {_revision(copy.revision)}, {words[copy.state]}"
            + (f": {copy.why}" if copy.why else "")
            + "."
        )
        for copy in manifest
        if copy.kind != EXPORT or copy.recipient
    ]
