"""The one table of states and transitions of requests, reverts and revisions; nothing else decides what may follow what."""

from __future__ import annotations

from typing import Final

from govd.errors import Conflict

REQUEST: Final[dict[str, dict[str, str]]] = {
    "filed": {"wait": "waiting", "approve": "approved", "deny": "denied", "withdraw": "withdrawn", "fail": "failed"},
    "waiting": {
        "wait": "waiting",
        "approve": "approved",
        "deny": "denied",
        "reject": "rejected",
        "withdraw": "withdrawn",
        "fail": "failed",
    },
    "approved": {
        "publish": "in_force",
        "subsume": "subsumed",
        "wait": "waiting",
        "withdraw": "withdrawn",
        "fail": "failed",
    },
    "in_force": {"revert": "reverted", "subsume": "subsumed"},
    "subsumed": {"publish": "in_force", "resume": "approved", "revert": "reverted"},
    "failed": {"retry": "approved", "withdraw": "withdrawn"},
    "reverted": {},
    "denied": {},
    "rejected": {},
    "withdrawn": {},
}

REVERT: Final[dict[str, dict[str, str]]] = {
    "filed": {"wait": "waiting", "approve": "approved", "deny": "denied", "withdraw": "withdrawn"},
    "waiting": {"wait": "waiting", "approve": "approved", "deny": "denied", "reject": "rejected", "withdraw": "withdrawn"},
    "approved": {"publish": "done", "fail": "failed"},
    "failed": {"retry": "approved", "withdraw": "withdrawn"},
    "done": {},
    "denied": {},
    "rejected": {},
    "withdrawn": {},
}

REVISION: Final[dict[str, dict[str, str]]] = {
    "composed": {"evaluate": "evaluated", "refuse": "refused"},
    "evaluated": {"wait": "waiting", "publish": "published", "refuse": "refused", "supersede": "superseded"},
    "waiting": {"publish": "published", "refuse": "refused", "supersede": "superseded"},
    "published": {"supersede": "superseded"},
    "superseded": {"publish": "published"},
    "refused": {},
}

TABLES: Final = {"forget": REQUEST, "revert": REVERT, "revision": REVISION}

#: A request in one of these is part of the desired state.
WANTED: Final = frozenset({"approved", "in_force", "subsumed"})


def after(kind: str, state: str, event: str) -> str:
    """The state that follows. `kind`: `forget`, `revert` or `revision`.

    Raises:
        Conflict: this event cannot happen in this state; the message names what can.
    """
    table = TABLES[kind]
    if event not in table[state]:
        can = ", ".join(sorted(table[state])) or "nothing: this state is final"
        raise Conflict(f"cannot {event} a {kind} that is {state}", advice=f"Possible now: {can}.", state=state)
    return table[state][event]


def is_final(kind: str, state: str) -> bool:
    """Whether nothing can follow."""
    return not TABLES[kind][state]
