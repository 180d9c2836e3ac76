"""The one table of states and transitions of requests, reverts and revisions: nothing else decides
what may follow what. `APPENDED_BY` says who makes each of them happen.

Proven by `tests/records/test_lifecycle.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, overload

from govd.errors import Conflict

if TYPE_CHECKING:
    from govd.types import Record

Kind = Literal["forget", "revert"]
"""What a request asks for."""


class RequestState(StrEnum):
    """Where a forget, or its revert, is on its way."""

    FILED = "filed"
    WAITING = "waiting"
    APPROVED = "approved"
    IN_FORCE = "in_force"
    SUBSUMED = "subsumed"
    FAILED = "failed"
    REVERTED = "reverted"
    DENIED = "denied"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    DONE = "done"
    """Of a revert: its forget is served no more."""


class RevisionState(StrEnum):
    """Where a revision is between composing and its end."""

    COMPOSED = "composed"
    EVALUATED = "evaluated"
    WAITING = "waiting"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


class ModelState(StrEnum):
    """Whether a model is served. A model that was removed may be registered anew."""

    REGISTERED = "registered"
    RETIRED = "retired"
    REMOVED = "removed"


State = RequestState | RevisionState | ModelState
REQUEST_STATES: Final = {state.value: state for state in RequestState}
REVISION_STATES: Final = {state.value: state for state in RevisionState}
"""States by what records say: looked up here a state costs a quarter of calling its class."""

REQUEST: Final[dict[str, dict[str, RequestState]]] = {
    RequestState.FILED: {
        "wait": RequestState.WAITING,
        "approve": RequestState.APPROVED,
        "deny": RequestState.DENIED,
        "withdraw": RequestState.WITHDRAWN,
        "fail": RequestState.FAILED,
    },
    RequestState.WAITING: {
        "wait": RequestState.WAITING,
        "approve": RequestState.APPROVED,
        "deny": RequestState.DENIED,
        "reject": RequestState.REJECTED,
        "withdraw": RequestState.WITHDRAWN,
        "retry": RequestState.FILED,
        "fail": RequestState.FAILED,
    },
    RequestState.APPROVED: {
        "publish": RequestState.IN_FORCE,
        "subsume": RequestState.SUBSUMED,
        "wait": RequestState.WAITING,
        "withdraw": RequestState.WITHDRAWN,
        "fail": RequestState.FAILED,
    },
    RequestState.IN_FORCE: {
        "revert": RequestState.REVERTED,
        "subsume": RequestState.SUBSUMED,
        "wait": RequestState.WAITING,
    },
    RequestState.SUBSUMED: {
        "publish": RequestState.IN_FORCE,
        "revert": RequestState.REVERTED,
        "wait": RequestState.WAITING,
    },
    RequestState.FAILED: {
        "retry": RequestState.FILED,
        "withdraw": RequestState.WITHDRAWN,
    },
    RequestState.REVERTED: {},
    RequestState.DENIED: {},
    RequestState.REJECTED: {},
    RequestState.WITHDRAWN: {},
}

REVERT: Final[dict[str, dict[str, RequestState]]] = {
    RequestState.FILED: {
        "wait": RequestState.WAITING,
        "approve": RequestState.APPROVED,
        "deny": RequestState.DENIED,
        "withdraw": RequestState.WITHDRAWN,
    },
    RequestState.WAITING: {
        "wait": RequestState.WAITING,
        "approve": RequestState.APPROVED,
        "deny": RequestState.DENIED,
        "reject": RequestState.REJECTED,
        "withdraw": RequestState.WITHDRAWN,
        "retry": RequestState.FILED,
    },
    RequestState.APPROVED: {"publish": RequestState.DONE, "wait": RequestState.WAITING},
    RequestState.DONE: {},
    RequestState.DENIED: {},
    RequestState.REJECTED: {},
    RequestState.WITHDRAWN: {},
}

REVISION: Final[dict[str, dict[str, RevisionState]]] = {
    RevisionState.COMPOSED: {
        "evaluate": RevisionState.EVALUATED,
        "supersede": RevisionState.SUPERSEDED,
    },
    RevisionState.EVALUATED: {
        "wait": RevisionState.WAITING,
        "publish": RevisionState.PUBLISHED,
        "refuse": RevisionState.REFUSED,
        "supersede": RevisionState.SUPERSEDED,
    },
    RevisionState.WAITING: {
        "wait": RevisionState.WAITING,
        "publish": RevisionState.PUBLISHED,
        "refuse": RevisionState.REFUSED,
        "supersede": RevisionState.SUPERSEDED,
    },
    RevisionState.PUBLISHED: {"supersede": RevisionState.SUPERSEDED},
    RevisionState.SUPERSEDED: {},
    RevisionState.REFUSED: {},
}

MODEL: Final[dict[str, dict[str, ModelState]]] = {
    ModelState.REGISTERED: {"remove": ModelState.REMOVED, "retire": ModelState.RETIRED},
    ModelState.REMOVED: {},
    ModelState.RETIRED: {},
}

TABLES: Final[dict[str, Mapping[str, Mapping[str, State]]]] = {
    "forget": REQUEST,
    "revert": REVERT,
    "revision": REVISION,
    "model": MODEL,
}
APPENDED_BY: Final[Mapping[str, Mapping[str, str]]] = {
    "wait": {
        "reconcile/request_step.py": "a vote, a hold, a freeze, a person must approve, or a plugin"
        " failed",
        "reconcile/revision_steps.py": "a criterion is not kept, or a plugin failed at composing",
        "requests/decisions.py": "policies object to a person's approval",
        "requests/holding.py": "a legal hold on what an approved revert would undo",
        "registering/changing.py": "its text was shredded, and its model is another one now",
    },
    "approve": {
        "reconcile/request_step.py": "every vote allows it, and the home or a policy approves",
        "requests/decisions.py": "a person, and as many as policies want",
        "registering/changing.py": "its model is again the one that it was computed for",
    },
    "deny": {
        "reconcile/request_step.py": "a vote",
        "requests/decisions.py": "a vote that a person's approval was put to",
    },
    "fail": {
        "reconcile/request_step.py": "it cannot be computed",
        "reconcile/revision_steps.py": "there is no edit of it with all others: the newest fails",
    },
    "reject": {"requests/decisions.py": "a person"},
    "withdraw": {
        "requests/decisions.py": "a person",
        "automatic/missing.py": "its row is gone from a feed (of a revert: is back)",
    },
    "retry": {
        "requests/decisions.py": "a person",
        "automatic/thawing.py": "the freeze that it waited for has ended",
        "registering/weighing.py": "weights of its conditional model are published from now on",
    },
    "publish": {"reconcile/settling.py": "a revision that has it is published"},
    "subsume": {"reconcile/settling.py": "one that covers it is published"},
    "revert": {"reconcile/settling.py": "a revision without it is published"},
}
"""Who appends the entry `request.<event>`, and on what ground, for each event of `REQUEST` and
`REVERT`. Nothing else changes a request's state; `tests/style/test_map.py` holds this to the code.
"""
EVENTS: Final = {
    kind: frozenset(event for events in table.values() for event in events)
    for kind, table in TABLES.items()
}
"""What changes a state, for each kind of thing that has one."""

#: A forget in one of these is served, by itself or under another that covers it.
STANDING: Final = frozenset({RequestState.IN_FORCE, RequestState.SUBSUMED})
#: A forget in one of these is part of the desired state.
WANTED: Final = frozenset({RequestState.APPROVED, *STANDING})
#: A request in one of these is not decided, or not served yet.
OPEN: Final = frozenset(
    {
        RequestState.FILED,
        RequestState.WAITING,
        RequestState.APPROVED,
        RequestState.FAILED,
    }
)
#: A forget that was served and is in one of these is served no more, though nobody took it back.
UNSERVED: Final = frozenset(
    {RequestState.FILED, RequestState.WAITING, RequestState.FAILED}
)
#: A request in one of these is for the reconciler to go on with, by itself.
MOVING: Final = frozenset({RequestState.FILED, RequestState.APPROVED})
#: A revision in one of these is on its way.
PENDING: Final = frozenset(
    {RevisionState.COMPOSED, RevisionState.EVALUATED, RevisionState.WAITING}
)
#: What people may do to a request, and in which states: `filed` is the reconciler's.
DECISIONS: Final[dict[str, frozenset[RequestState]]] = {
    "approve": frozenset({RequestState.WAITING}),
    "reject": frozenset({RequestState.WAITING}),
    "withdraw": frozenset(
        {
            RequestState.FILED,
            RequestState.WAITING,
            RequestState.APPROVED,
            RequestState.FAILED,
        }
    ),
    "retry": frozenset({RequestState.WAITING, RequestState.FAILED}),
}


@overload
def after(kind: Kind, state: str, event: str) -> RequestState: ...
@overload
def after(kind: Literal["revision"], state: str, event: str) -> RevisionState: ...
@overload
def after(kind: Literal["model"], state: str, event: str) -> ModelState: ...
@overload
def after(kind: str, state: str, event: str) -> State: ...
def after(kind: str, state: str, event: str) -> State:
    """The state that follows.

    `kind`: `forget`, `revert`, `revision` or `model`. `state`: the state now. `event`: what an
    entry's kind says after the dot (`approve` of `request.approve`).

        >>> after("forget", "approved", "publish")
        <RequestState.IN_FORCE: 'in_force'>

    Raises:
        Conflict: this event cannot happen in this state; the message names what can.
    """
    table = TABLES[kind]
    if event not in table[state]:
        can = [
            name
            for name, states in DECISIONS.items()
            if state in states and name in table[state]
        ]
        can += ["revert"] if kind == "forget" and state in STANDING else []
        advice = (
            f"Possible now: {', '.join(can)}."
            if can
            else "Nothing can be decided about it now."
        )
        raise Conflict(
            f"cannot {event} a {kind} that is {state}", advice=advice, state=state
        )
    return table[state][event]


def check_decision(kind: Kind, state: str, event: str) -> None:
    """Whether people may decide this of a request in this state.

    Raises:
        Conflict: nobody can decide that now.
    """
    if event == "approve" and state == "filed":
        raise Conflict(
            f"the {kind} is being looked at",
            advice="In a moment it is approved, or waits for you.",
            state=state,
        )
    after(kind, state, event)
    if state not in DECISIONS[event]:
        raise Conflict(
            f"nobody can {event} a {kind} that is {state}",
            advice="`govd request show ID` tells why it is so.",
            state=state,
        )


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
