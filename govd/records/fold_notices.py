"""What an entry about notices changes."""

from __future__ import annotations

from govd.errors import Conflict, NotFound
from govd.records.changes import NOTHING, Changes, Lookup, Place
from govd.records.notice import Notice, Receiver, ReceiverState
from govd.records.record import StoredRecord
from govd.types import Json, Record


def fold_notice(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of `notice.add`, `.remove`, `.secret`, `.retry`, `.send` and `.fail`; the subject is the
    receiver's name.

    Raises:
        Conflict: a receiver of this name is there. NotFound: there is none.
    """
    place = ("receiver", str(entry["subject"]))
    stored = lookup(*place)
    receiver = None if stored is None else Receiver.from_json(stored)
    is_there = receiver is not None and receiver.state is not ReceiverState.REMOVED
    if event == "add":
        if is_there:
            raise Conflict(f"a receiver is called {place[1]} already")
        return Changes({place: _added(entry)})
    if receiver is None or not is_there:
        raise NotFound(f"no receiver is called {place[1]}")
    match event:
        case "remove":
            removed = {"removed_at": entry["time"], "removed_by": entry["actor"]}
            state = ReceiverState.REMOVED.value
            return Changes({place: receiver.with_(state=state, failed=None, **removed)})
        case "secret":
            return Changes({place: receiver.with_(secret_at=entry["time"])})
        case "retry":
            return Changes({place: _again(receiver, entry)})
        case "send" | "fail":
            return _told(event, receiver, entry, lookup)
    return NOTHING


def _added(entry: Record) -> Receiver:
    record: dict[str, Json] = {
        "name": entry["subject"],
        "state": ReceiverState.ACTIVE.value,
        "seq": entry["seq"],
        "added_at": entry["time"],
        "added_by": entry["actor"],
        "secret_at": entry["time"],
        "position": entry["seq"],
        "again": [],
        "failed": None,
        "sent": 0,
        "last_sent_at": None,
    }
    return Receiver.from_json(record | dict(entry["payload"]))


def _again(receiver: Receiver, entry: Record) -> Receiver:
    notice_id = entry["payload"].get("id")
    again = list(receiver.again)
    if notice_id and notice_id not in again:
        again.append(str(notice_id))
    return receiver.with_(state=ReceiverState.ACTIVE.value, failed=None, again=again)


def _told(event: str, receiver: Receiver, entry: Record, lookup: Lookup) -> Changes:
    """The notice, found by what it is about, and how far its receiver is: one who fails stays where
    he is, to be told again of the same.
    """
    payload = entry["payload"]
    place = ("notice", str(payload["id"]))
    stops = event == "fail" and bool(payload.get("stops"))
    before = lookup(*place)
    notice = {
        "receiver": receiver.name,
        "state": "sent" if event == "send" else "failed",
        "stops": stops,
        "at": entry["time"],
        "entry": entry["seq"],
        "seq": entry["seq"] if before is None else before["seq"],
        **payload,
    }
    changed: dict[str, Json] = {}
    if stops:
        failed = {"at": entry["time"], "id": payload["id"], "entry": entry["seq"]}
        changed["failed"] = failed | {"reason": str(payload.get("reason", ""))}
        changed["state"] = ReceiverState.FAILED.value
    else:
        told_of = int(payload["about"].get("entry", -1))
        changed["position"] = max(receiver.position, told_of)
        changed["again"] = [other for other in receiver.again if other != payload["id"]]
    if event == "send":
        changed |= {"sent": int(receiver["sent"]) + 1, "last_sent_at": entry["time"]}
    records: dict[Place, StoredRecord] = {
        place: Notice.from_json(notice),
        ("receiver", receiver.name): receiver.with_(**changed),
    }
    return Changes(
        records, (("about", str(payload["about"].get("subject", "")), place),)
    )
