"""What an entry about policies changes."""

from __future__ import annotations

from typing import Final

from govd.errors import NotFound
from govd.records.changes import NOTHING, Changes, Lookup, Place
from govd.records.policy import Freeze, Mode, Policy
from govd.records.record import StoredRecord
from govd.types import Record

MODES: Final = {"enforce": Mode.ENFORCE, "shadow": Mode.SHADOW, "disable": Mode.OFF}
"""The mode that an event leaves a policy in."""


def fold_policy(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of `policy.add`, `.enforce`, `.shadow`, `.disable`, `.freeze` and `.unfreeze`; what was
    decided (`policy.decide`) changes no record.

    Raises:
        NotFound: there is no policy of this name and digest.
    """
    if event in ("freeze", "unfreeze"):
        return _frozen(event, entry)
    if event not in (*MODES, "add"):
        return NOTHING
    name = str(entry["subject"])
    payload = entry["payload"]
    place = ("policy", Policy.key_of(name, str(payload["digest"])))
    if event == "add":
        added = {"name": name, "added_at": entry["time"], "added_by": entry["actor"]}
        return Changes(
            {place: Policy.from_json({**added, "seq": entry["seq"], **payload})}
        )
    policy = lookup(*place)
    if policy is None:
        raise NotFound(f"there is no policy {place[1]}")
    changed = {
        "mode": MODES[event].value,
        "mode_at": entry["time"],
        "mode_by": entry["actor"],
        "mode_reason": str(payload.get("reason", "")),
        "setting": payload.get("setting"),
    }
    records: dict[Place, StoredRecord] = {place: policy.with_(**changed)}
    for digest in payload.get("replaces", ()):
        before = ("policy", Policy.key_of(name, str(digest)))
        replaced = lookup(*before)
        if replaced is not None:
            records[before] = replaced.with_(**(changed | {"mode": Mode.OFF.value}))
    return Changes(records)


def _frozen(event: str, entry: Record) -> Changes:
    began = event == "freeze"
    freeze = {
        "at": entry["time"] if began else None,
        "by": entry["actor"],
        "reason": str(entry["payload"].get("reason", "")),
        "seq": entry["seq"],
    }
    return Changes({("freeze", "all"): Freeze.from_json(freeze)})
