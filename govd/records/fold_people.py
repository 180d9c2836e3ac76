"""What an entry about principals changes."""

from __future__ import annotations

from govd.errors import Conflict, NotFound
from govd.records.actors import spelled
from govd.records.changes import NOTHING, Changes, Lookup
from govd.records.people import Principal
from govd.types import Json, Record


def fold_principal(event: str, entry: Record, lookup: Lookup) -> Changes:
    """What `event` and its `entry` change of what `lookup` has: of `principal.add`, `.update`,
    `.remove`, `.delegate` and `.undelegate`. The subject is the principal's name; names that are
    spelled alike are one principal.

    Raises:
        Conflict: it cannot happen: he is one already, or nothing of that kind stands.
        NotFound: there is no such principal.
    """
    name = str(entry["subject"])
    payload = entry["payload"]
    place = ("principal", spelled(name))
    record = lookup(*place)
    before = None if record is None else Principal.from_json(record)
    is_one = before is not None and before.removed_at is None
    if event == "add":
        if is_one:
            raise Conflict(f"{name} is a principal already")
        return Changes({place: _added(before, entry)})
    if before is None or not is_one:
        raise NotFound(f"there is no principal {name}")
    changed: dict[str, Json] = {}
    if event == "update":
        changed = {"roles": payload["roles"]}
    elif event == "remove":
        changed = {
            "removed_at": entry["time"],
            "removed_entry": entry["seq"],
            "delegations": _ended(before, entry, None),
        }
    elif event == "delegate":
        delegation = {
            "to": payload["to"],
            "until": payload["until"],
            "at": entry["time"],
            "by": entry["actor"],
            "reason": str(payload.get("reason", "")),
            "entry": entry["seq"],
            "ended_entry": None,
        }
        changed = {"delegations": [*_ended(before, entry, payload["to"]), delegation]}
    elif event == "undelegate":
        changed = {"delegations": _ended(before, entry, payload["to"])}
    else:
        return NOTHING
    return Changes({place: before.with_(**changed)})


def _added(before: Principal | None, entry: Record) -> Principal:
    payload = entry["payload"]
    added = {
        "name": entry["subject"],
        "roles": payload["roles"],
        "added_at": entry["time"],
        "added_by": entry["actor"],
        "added_entry": entry["seq"],
        "reason": str(payload.get("reason", "")),
        "removed_at": None,
        "removed_entry": None if before is None else before.removed_entry,
        "delegations": [] if before is None else before["delegations"],
        "seq": entry["seq"] if before is None else before.seq,
    }
    return Principal.from_json(added)


def _ended(before: Principal, entry: Record, to: str | None) -> list[Json]:
    """His delegations, those to somebody (None: to anybody) ended by an entry."""
    delegations = []
    for delegation in before["delegations"]:
        is_to = to is None or spelled(delegation["to"]) == spelled(to)
        is_open = delegation["ended_entry"] is None
        ended = (
            {"ended_at": entry["time"], "ended_entry": entry["seq"]}
            if is_to and is_open
            else {}
        )
        delegations.append({**delegation, **ended})
    return delegations
