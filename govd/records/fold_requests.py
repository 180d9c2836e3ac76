"""What an entry about a request changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from govd.errors import NotFound
from govd.records.actors import person_of
from govd.records.changes import Changes, Lookup, Place, request_at
from govd.records.lifecycle import EVENTS, STANDING, RequestState, after
from govd.records.request import Request
from govd.types import KEPT_PRIVATE, Json, Record

SERVED: Final = frozenset({*STANDING, RequestState.DONE})
COMPUTED: Final = ("predicted", "contribution", "returns")
"""What a decision says that was computed for it."""
ENDING: Final = frozenset({"revert", "deny", "reject", "withdraw"})
"""Events after which nothing of a request is wanted."""


def fold_request(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of `request.file` and everything that can follow it.

    Raises:
        Conflict: the request's state does not allow it. NotFound: there is no such request.
    """
    place = ("request", str(entry["subject"]))
    if event == "file":
        filed = _filed(entry)
        return Changes({place: filed}, _terms(filed, entry, place))
    request = request_at(lookup, place[1])
    if request is None:
        raise NotFound(f"there is no request {place[1]}")
    changed: dict[str, Json] = {"entries": [*request["entries"], entry["seq"]]}
    if event in NOTES:
        changed |= NOTES[event](request, entry)
    elif event in EVENTS[request.kind]:
        changed |= _next_state(request, event, entry)
    terms: tuple[tuple[str, str, Place], ...] = ()
    if event == "vote":
        terms = (("policy", str(entry["payload"]["policy"]), place),)
    return Changes({place: request.with_(**changed)}, terms)


def _filed(entry: Record) -> Request:
    record: dict[str, Json] = {
        "id": entry["subject"],
        "kind": "forget",
        "state": RequestState.FILED.value,
        "state_reason": "",
        "filed_at": entry["time"],
        "filed_by": entry["actor"],
        "due_at": None,
        "expires_at": None,
        "revision": None,
        "contribution": None,
        "predicted": {},
        "votes": [],
        "approvals": [],
        "extensions": [],
        "served_at": None,
        "ended_at": None,
        "held": None,
        "entries": [entry["seq"]],
        "seq": entry["seq"],
    }
    return Request.from_json(record | dict(entry["payload"]))


def _terms(
    request: Request, entry: Record, place: Place
) -> tuple[tuple[str, str, Place], ...]:
    """Words by which it is found."""
    terms: list[tuple[str, str | None]] = [
        ("concept", phrase.casefold())
        for concept in request.get("concepts", ())
        for phrase in (concept["name"], *concept["aliases"])
    ]
    terms += [("domain", domain) for domain in request.domains]
    terms += [
        ("filed_by", str(entry["actor"])),
        ("key", request.idempotency_key),
        ("reverts", request.reverts),
        ("ticket", str(request.ticket or "").casefold()),
        ("private", "yes" if request.private else None),
    ]
    return tuple((term, word, place) for term, word in terms if word)


def _next_state(request: Request, event: str, entry: Record) -> dict[str, Json]:
    """Fields that an event of the lifecycle changes."""
    payload = entry["payload"]
    state = after(request.kind, request.state, event)
    changed: dict[str, Json] = {"state": state.value, "state_reason": _reason(payload)}
    changed |= {name: payload[name] for name in COMPUTED if name in payload}
    if event == "approve":
        changed["approvals"] = [*request["approvals"], _approval(request, entry)]
        changed["granted"] = entry["seq"]
    if event == "retry":
        changed |= _anew(request, entry)
    if event == "publish" and request.revision is None:
        changed["revision"] = payload["revision"]
    if state in SERVED and request.served_at is None:
        changed["served_at"] = entry["time"]
    if event in ENDING:
        changed["ended_at"] = entry["time"]
    return changed


def _voted(request: Request, entry: Record) -> dict[str, Json]:
    vote = {"at": entry["time"], "entry": entry["seq"], **entry["payload"]}
    return {"votes": [*request["votes"], vote]}


def _extended(request: Request, entry: Record) -> dict[str, Json]:
    payload = entry["payload"]
    extension = {**_origin(entry), **payload, "reason": _reason(payload)}
    return {
        "extensions": [*request["extensions"], extension],
        "due_at": payload["due_at"],
        **_settled(request, "extend"),
    }


def _held(request: Request, entry: Record) -> dict[str, Json]:
    by = entry["actor"]
    reason = _reason(entry["payload"])
    hold = {"at": entry["time"], "by": by, "reason": reason, "entry": entry["seq"]}
    return {"held": hold, **_settled(request, "release")}


def _released(request: Request, entry: Record) -> dict[str, Json]:
    return {"held": None, **_settled(request, "release")}


def _wanted(act: str) -> Callable[[Request, Record], dict[str, Json]]:
    """Somebody's word for an act (`release`, `extend`) that needs more people."""

    def kept(request: Request, entry: Record) -> dict[str, Json]:
        wish = {
            **_approval(request, entry),
            "act": act,
            "due_at": entry["payload"].get("due_at"),
        }
        return {"wanted": [*request.get("wanted", []), wish]}

    return kept


def _settled(request: Request, act: str) -> dict[str, Json]:
    """Once an act is done, what people had said for it counts no more."""
    if "wanted" not in request:
        return {}
    return {"wanted": [wish for wish in request["wanted"] if wish["act"] != act]}


def _recomputed(request: Request, entry: Record) -> dict[str, Json]:
    return {name: entry["payload"][name] for name in ("predicted", "contribution")}


def _not_yet_enough(request: Request, entry: Record) -> dict[str, Json]:
    """A person approved, and policies said no, or not yet. What counts for one of them is among the
    approvals already.
    """
    field = "approvals_held"
    if entry["payload"].get("meets"):
        field = "approvals"
    return {field: [*request.get(field, []), _approval(request, entry)]}


def _anew(request: Request, entry: Record) -> dict[str, Json]:
    """Looked at anew: what was approved and was not enough counts no more."""
    granted = int(request.get("granted") or 0)
    stale = [a for a in request["approvals"] if a["entry"] > granted and a.get("meets")]
    insufficient = [*request.get("approvals_held", []), *stale]
    counting = [a for a in request["approvals"] if a not in stale]
    return {
        "retried": entry["seq"],
        "approvals": counting,
        "approvals_held": insufficient,
    }


def _criteria(request: Request, entry: Record) -> dict[str, Json]:
    payload = entry["payload"]
    changed = {
        **_origin(entry),
        "was": payload["was"],
        "criteria": payload["criteria"],
        "reason": _reason(payload),
    }
    return {
        "criteria": payload["criteria"],
        "criteria_set": payload["criteria_set"],
        "criteria_changes": [*request.get("criteria_changes", []), changed],
    }


def _shredded(request: Request, entry: Record) -> dict[str, Json]:
    return {"shredded_at": request.shredded_at or entry["time"]}


def _recognised(request: Request, entry: Record) -> dict[str, Json]:
    """What it forgets was recognised again when a revision was measured."""
    return {"breach": {"at": entry["time"], "entry": entry["seq"], **entry["payload"]}}


def _mended(request: Request, entry: Record) -> dict[str, Json]:
    return {"breach": None}


def _dates_set(request: Request, entry: Record) -> dict[str, Json]:
    """By a policy."""
    payload = entry["payload"]
    return {name: payload[name] for name in ("due_at", "expires_at") if name in payload}


NOTES: Final[Mapping[str, Callable[[Request, Record], dict[str, Json]]]] = {
    "vote": _voted,
    "extend": _extended,
    "set": _dates_set,
    "breach": _recognised,
    "mend": _mended,
    "hold": _held,
    "release": _released,
    "recompute": _recomputed,
    "approval": _not_yet_enough,
    "release_wanted": _wanted("release"),
    "extend_wanted": _wanted("extend"),
    "shred": _shredded,
    "criteria": _criteria,
}
"""What changes a request's record but not its state, and which fields."""


def _approval(request: Request, entry: Record) -> dict[str, Json]:
    """An `Approval`; the principal is also there as `by`."""
    actor = entry["actor"]
    payload = entry["payload"]
    approval = {
        "principal": actor,
        "by": actor,
        "role": payload.get("role"),
        "at": entry["time"],
        "entry": entry["seq"],
        "reason": _reason(payload),
        "by_filer": _is_same(actor, request.filed_by),
    }
    for name in ("roles", "for", "meets"):
        if name in payload:
            approval[name] = payload[name]
    if payload.get("automatic"):
        approval["automatic"] = True
    return approval


def _is_same(one: str, other: str) -> bool:
    """Whether two actors are one person."""
    person = person_of(one)
    return one == other or (person is not None and person == person_of(other))


def _origin(entry: Record) -> dict[str, Json]:
    """When something was said, by whom, and in which entry."""
    return {"at": entry["time"], "by": entry["actor"], "entry": entry["seq"]}


def _reason(payload: Record) -> str:
    if payload.get("private"):
        return KEPT_PRIVATE
    return str(payload.get("reason", ""))
