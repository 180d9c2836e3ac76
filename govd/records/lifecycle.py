"""The one table of states and transitions of requests, reverts and revisions; nothing else decides
what may follow what.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from govd.errors import Conflict

if TYPE_CHECKING:
    from govd.types import Record

REQUEST: Final[dict[str, dict[str, str]]] = {
    "filed": {
        "wait": "waiting",
        "approve": "approved",
        "deny": "denied",
        "withdraw": "withdrawn",
        "fail": "failed",
    },
    "waiting": {
        "wait": "waiting",
        "approve": "approved",
        "deny": "denied",
        "reject": "rejected",
        "withdraw": "withdrawn",
        "retry": "filed",
        "fail": "failed",
    },
    "approved": {
        "publish": "in_force",
        "subsume": "subsumed",
        "wait": "waiting",
        "withdraw": "withdrawn",
        "fail": "failed",
    },
    "in_force": {"revert": "reverted", "subsume": "subsumed", "wait": "waiting"},
    "subsumed": {"publish": "in_force", "revert": "reverted", "wait": "waiting"},
    "failed": {"retry": "filed", "withdraw": "withdrawn"},
    "reverted": {},
    "denied": {},
    "rejected": {},
    "withdrawn": {},
}

REVERT: Final[dict[str, dict[str, str]]] = {
    "filed": {"wait": "waiting", "approve": "approved", "deny": "denied", "withdraw": "withdrawn"},
    "waiting": {
        "wait": "waiting",
        "approve": "approved",
        "deny": "denied",
        "reject": "rejected",
        "withdraw": "withdrawn",
        "retry": "filed",
    },
    "approved": {"publish": "done"},
    "done": {},
    "denied": {},
    "rejected": {},
    "withdrawn": {},
}

REVISION: Final[dict[str, dict[str, str]]] = {
    "composed": {"evaluate": "evaluated", "supersede": "superseded"},
    "evaluated": {
        "wait": "waiting",
        "publish": "published",
        "refuse": "refused",
        "supersede": "superseded",
    },
    "waiting": {
        "wait": "waiting",
        "publish": "published",
        "refuse": "refused",
        "supersede": "superseded",
    },
    "published": {"supersede": "superseded"},
    "superseded": {},
    "refused": {},
}

TABLES: Final = {"forget": REQUEST, "revert": REVERT, "revision": REVISION}

#: A forget in one of these is served, by itself or under another that covers it.
STANDING: Final = frozenset({"in_force", "subsumed"})
#: A forget in one of these is part of the desired state.
WANTED: Final = frozenset({"approved", *STANDING})
#: A request in one of these is not decided, or not served yet.
OPEN: Final = frozenset({"filed", "waiting", "approved", "failed"})
#: A forget that was served and is in one of these is served no more, though nobody took it back.
UNSERVED: Final = frozenset({"filed", "waiting", "failed"})
#: A request in one of these is for the reconciler to go on with, by itself.
MOVING: Final = frozenset({"filed", "approved"})
#: A revision in one of these is on its way.
PENDING: Final = frozenset({"composed", "evaluated", "waiting"})
#: What people may do to a request, and in which states: `filed` is the reconciler's.
DECISIONS: Final[dict[str, frozenset[str]]] = {
    "approve": frozenset({"waiting"}),
    "reject": frozenset({"waiting"}),
    "withdraw": frozenset({"filed", "waiting", "approved", "failed"}),
    "retry": frozenset({"waiting", "failed"}),
}


def after(kind: str, state: str, event: str) -> str:
    """The state that follows. `kind`: `forget`, `revert` or `revision`.

    Raises:
        Conflict: this event cannot happen in this state; the message names what can.
    """
    table = TABLES[kind]
    if event not in table[state]:
        can = [
            name for name, states in DECISIONS.items() if state in states and name in table[state]
        ]
        can += ["revert"] if kind == "forget" and state in STANDING else []
        advice = (
            f"Possible now: {', '.join(can)}." if can else "Nothing can be decided about it now."
        )
        raise Conflict(f"cannot {event} a {kind} that is {state}", advice=advice, state=state)
    return table[state][event]


def decide(kind: str, state: str, event: str) -> str:
    """The state that follows a person's decision.

    Raises:
        Conflict: nobody can decide that now.
    """
    if event == "approve" and state == "filed":
        raise Conflict(
            f"the {kind} is being looked at",
            advice="In a moment it is approved, or waits for you.",
            state=state,
        )
    found = after(kind, state, event)
    if state not in DECISIONS[event]:
        raise Conflict(
            f"nobody can {event} a {kind} that is {state}",
            advice="`govd request show ID` tells why it is so.",
            state=state,
        )
    return found


def is_final(kind: str, state: str) -> bool:
    """Whether nothing can follow."""
    return not TABLES[kind][state]


def has_expired(request: Record, now: datetime | None = None) -> bool:
    """Whether a forget still stands after its `expires_at` (RFC 3339, UTC); `now`: another moment
    than this one.
    """
    expires = request.get("expires_at")
    if not expires or request["kind"] != "forget" or request["state"] not in STANDING:
        return False
    return datetime.fromisoformat(str(expires)) <= (now or datetime.now(UTC))
