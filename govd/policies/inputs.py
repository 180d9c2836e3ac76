"""What the expressions of policies see: documented types, with an example of each field.

`govd policy inputs MOMENT` prints them. A value that may be missing is `None` here; in an
expression a missing number is `null` (`predicted.cost == null`), and a missing time must be asked
for first (`has(request.due_at) && request.due_at < now`), or the expression is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

from govd.types import Json


def seen(meaning: str, example: Json, **how: Any) -> Any:
    """A field of an input: its meaning for people, and an example. `how`: as `dataclasses.field`
    takes it.
    """
    return field(metadata={"meaning": meaning, "example": example}, **how)


@dataclass(frozen=True)
class RequestInput:
    """The forget or revert that is decided."""

    id: str = seen("its id", "5d0c2f1e9a7b")
    kind: str = seen("forget or revert", "forget")
    state: str = seen("where it is now", "filed")
    concepts: tuple[str, ...] = seen(
        "names; private:… where the ledger hides them", ["dog"]
    )
    aliases: tuple[str, ...] = seen("other phrases for the same", ["puppy"])
    names: tuple[str, ...] = seen(
        "both, as govd compares them: small letters, single spaces, no hyphens; empty where they"
        " are private, and of a whole domain",
        ["dog", "puppy"],
    )
    domains: tuple[str, ...] = seen("in which; empty: in all", ["sketch"])
    paradigm: str = seen(
        "concepts, domains (all concepts in some) or cells", "concepts"
    )
    target: str = seen("unnamed, level or shift; empty: the method's own", "unnamed")
    method: str = seen("by which it is computed", "fitted")
    strength: float = seen("1.0 takes the concept away wholly", 1.0)
    examples: int = seen("pictures given as examples", 0)
    reason: str = seen("why it was filed; kept private where it is", "letter of 3 May")
    basis: str = seen("the law or contract that asks for it", "licence")
    ticket: str = seen("its number where it comes from", "LEGAL-12")
    private: bool = seen("whether the ledger only commits to its text", False)
    held: bool = seen("whether it is under a legal hold", False)
    filed_by: str = seen("the actor who filed it", "principal:ann")
    filed_at: datetime = seen("when", "2027-01-31T12:00:00Z")
    due_at: datetime | None = seen(
        "by when it must be served, if said", "2027-02-28T00:00:00Z"
    )
    expires_at: datetime | None = seen("after which it need not be forgotten", None)
    served_at: datetime | None = seen("when it was in force first", None)
    reverts: str = seen("of a revert: the id of its forget", "")
    recognised: bool = seen("whether it was recognised again when measured last", False)
    missing: bool = seen(
        "whether its row disappeared from the feed that brought it", False
    )
    feed: str = seen("of one that a feed brought: the feed's name", "")


@dataclass(frozen=True)
class PredictedInput:
    """What a forget is predicted to do beside all that is in force; of costs the upper ends of
    their intervals. Of a revert nothing is predicted: every number is null.
    """

    cost: float | None = seen("share of other answers that change by it", 0.018)
    total_cost: float | None = seen("the same of all in force together", 0.031)
    shown_cost: float | None = seen(
        "cost, of pictures as far as they show a label; null where that is not known",
        0.012,
    )
    total_shown_cost: float | None = seen("the same of all in force together", 0.02)
    worst_label: float | None = seen("the same of the label that loses most", 0.12)
    worst_cell: float | None = seen("the same of the worst label × domain", 0.2)
    elsewhere: float | None = seen("the class in other domains that goes along", 0.01)
    named: float | None = seen(
        "pictures of it still named so, by the worst prompt", 0.0
    )
    scope_share: float | None = seen("share of pictures that it is about", 0.01)
    total_scope_share: float | None = seen("the same of all in force together", 0.08)
    measured: bool = seen("whether costs were measured on a pool", True)
    exact: bool = seen(
        "whether a theorem says that retained labels keep their order", False
    )
    subsumed: bool = seen("whether what is in force covers it: it adds nothing", False)
    doubted: int = seen("names, in these domains, that the model does not know", 0)


@dataclass(frozen=True)
class ModelInput:
    """The model that it is about."""

    name: str = seen("how everybody calls it", "shop")
    reference: str = seen("what was typed for it", "openai/clip-vit-base-patch32")
    use: str = seen("labels, open or search", "labels")
    side: str = seen("image or text; weights without a joint space", "image")
    dim: int = seen("width of its joint space; 0 where it has none", 512)
    labels: int = seen("labels in its label set", 1203)
    domains: tuple[str, ...] = seen("domains that can be named", ["photo", "sketch"])
    in_force: int = seen("forgets in force", 12)
    capacity: int = seen(
        "forgets in force together at most: its dimensions, or 2³¹", 512
    )
    capacity_left: int = seen("capacity without those in force", 500)
    waiting: int = seen("its requests that wait", 2)


@dataclass(frozen=True)
class ActorInput:
    """Who files, approves or asks now."""

    name: str = seen("as the ledger spells him", "principal:ann")
    kind: str = seen("principal, local, owner, policy, feed or govd", "principal")
    roles: tuple[str, ...] = seen("the roles that he has", ["operator", "legal"])


@dataclass(frozen=True)
class ApprovalInput:
    """An approval so far, without the one that is being given."""

    principal: str = seen("who", "principal:bob")
    roles: tuple[str, ...] = seen("the roles that he had then", ["legal"])
    at: datetime = seen("when", "2027-01-31T12:00:00Z")
    by_filer: bool = seen("whether he filed the request himself", False)


@dataclass(frozen=True)
class HistoryInput:
    """What the same filer filed before, and what became of this model's requests."""

    filed_day: int = seen("requests by the same filer in the 24 hours before", 3)
    filed_week: int = seen("in the 7 days before", 9)
    filed_month: int = seen("in the 30 days before", 20)
    reverted: int = seen(
        "forgets of exactly these names on this model that were reverted", 0
    )


@dataclass(frozen=True)
class RevisionInput:
    """The evaluated revision that a gate lets through, or not."""

    model: str = seen("the model's name", "shop")
    number: int = seen("its number", 7)
    rank: int = seen("columns of its edit", 12)
    requests: int = seen("forgets that it is made of", 12)
    named: float | None = seen(
        "pictures in scope still named with a forgotten label", 0.004
    )
    forget_acc: float | None = seen("pictures in scope still named rightly", 0.001)
    retain_acc: float | None = seen("other pictures named rightly", 0.91)
    retain_before: float | None = seen("the same of the base", 0.915)
    changed: float | None = seen("other answers that differ from the base", 0.02)


Variable = type[Any]
OF_REQUESTS: Final[Mapping[str, Variable]] = {
    "request": RequestInput,
    "predicted": PredictedInput,
    "model": ModelInput,
    "actor": ActorInput,
    "approvals": tuple[ApprovalInput, ...],
    "history": HistoryInput,
    "now": datetime,
}
MOMENTS: Final[Mapping[str, tuple[str, Mapping[str, Variable]]]] = {
    "filed": ("a forget is filed and computed", OF_REQUESTS),
    "approve": ("a person approves a request that waits", OF_REQUESTS),
    "revert": ("a revert is filed", OF_REQUESTS),
    "extend": ("somebody asks for more time", OF_REQUESTS),
    "release": ("somebody asks to end a legal hold", OF_REQUESTS),
    "expire": ("a forget in force has expired", OF_REQUESTS),
    "gate": (
        "an evaluated revision is about to be published",
        {"revision": RevisionInput, "model": ModelInput, "now": datetime},
    ),
    "propose": (
        "on a schedule: each forget in force (propose: revert), or the time alone",
        {"request": RequestInput, "model": ModelInput, "now": datetime},
    ),
}
"""When policies are asked, in words, and what they see then."""


def parts(kind: Variable) -> tuple[Variable, bool]:
    """The dataclass, and whether there are several of it."""
    if get_origin(kind) is tuple:
        return (get_args(kind)[0], True)
    return (kind, False)


@cache
def hints(kind: Any) -> Mapping[str, Any]:
    """The types of a dataclass's fields, by their names."""
    return get_type_hints(kind)


def described(moment: str) -> dict[str, Json]:
    """What policies see at a moment: variables with their fields, types, meanings and examples."""
    words, variables = MOMENTS[moment]
    return {
        "moment": moment,
        "when": words,
        "variables": [_variable(name, kind) for name, kind in variables.items()],
    }


def _variable(name: str, kind: Variable) -> dict[str, Json]:
    message, several = parts(kind)
    if not is_dataclass(message):
        words = "this moment, as the entry of the decision says it"
        return {"name": name, "type": "timestamp", "meaning": words, "fields": []}
    hints = get_type_hints(message)
    return {
        "name": name,
        "type": f"list of {message.__name__}" if several else message.__name__,
        "meaning": " ".join((message.__doc__ or "").split()),
        "fields": [
            {
                "name": entry.name,
                "type": spelled(hints[entry.name]),
                "meaning": entry.metadata["meaning"],
                "example": entry.metadata["example"],
            }
            for entry in fields(message)
        ],
    }


TYPES: Final[Mapping[Any, str]] = {
    str: "string",
    int: "int",
    float: "double",
    bool: "bool",
    datetime: "timestamp",
    float | None: "double or null",
    datetime | None: "timestamp, ask has() first",
    tuple[str, ...]: "list of string",
}
"""How a field's type is called in CEL."""


def spelled(kind: Any) -> str:
    """A field's type as CEL calls it."""
    return TYPES[kind]
