"""What an entry about policies changes."""

from __future__ import annotations

from typing import Final

from govd.errors import NotFound
from govd.records.changes import NOTHING, Changes, Lookup
from govd.records.policy import Freeze, Mode, Policy
from govd.types import Record

MODES: Final = {"enforce": Mode.ENFORCE, "shadow": Mode.SHADOW, "disable": Mode.OFF}
"""The mode that an event leaves a policy in."""


def fold_policy(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of `policy.add`, `.enforce`, `.shadow`, `.disable`, `.freeze` and `.unfreeze`; what was
    decided (`policy.decide`) changes no record.

    Raises:
        NotFound: there is no policy of this name.
    """
    if event in ("freeze", "unfreeze"):
        return _frozen(event, entry)
    name = str(entry["subject"])
    place = ("policy", name)
    if event == "add":
        added = {"name": name, "added_at": entry["time"], "added_by": entry["actor"]}
        return Changes(
            {place: Policy.from_json({**added, "seq": entry["seq"], **entry["payload"]})}
        )
    if event not in MODES:
        return NOTHING
    policy = lookup(*place)
    if policy is None:
        raise NotFound(f"there is no policy {name}")
    changed = {
        "mode": MODES[event].value,
        "mode_at": entry["time"],
        "mode_by": entry["actor"],
        "mode_reason": str(entry["payload"].get("reason", "")),
    }
    return Changes({place: policy.with_(**changed)})


def _frozen(event: str, entry: Record) -> Changes:
    began = event == "freeze"
    freeze = {
        "at": entry["time"] if began else None,
        "by": entry["actor"],
        "reason": str(entry["payload"].get("reason", "")),
        "seq": entry["seq"],
    }
    return Changes({("freeze", "all"): Freeze.from_json(freeze)})
