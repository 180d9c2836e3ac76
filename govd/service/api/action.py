"""What has a body or changes something, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Literal,
    ParamSpec,
    TypeVar,
    get_type_hints,
)

from govd.service.api.declared import Asked, Declared, Role, passing

if TYPE_CHECKING:
    from govd.service.service import Service

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound=Asked)
Reconciles = Literal["no", "before", "with patches", "after", "at the end", "at once"]


@dataclass(frozen=True)
class Action(Declared):
    """An action; arguments that are no parts of the path are fields of its body, of a DELETE its
    query.

    `status`: of what is done. `fixed`: what the room is told beside the arguments. `settings`: the
    room's argument, a dataclass, that holds the arguments which the room does not take one by one.
    `creates`: the answer's field that is the last part of the new thing's address (`Location`).
    `secret`: the answer is shown once, or names what the ledger does not, and nobody keeps it.
    `waits`: it decides a request; a call may wait until that is served. `wakes`: a daemon looks at
    once at what is to be done.

    `reconciles`: on a home without a daemon, when what is to be done is done: `before` or `after`
    the action as far as something was cut off, before it `with patches` of stores, which may take
    long, `at the end` of the command, or `at once`, and the
    answer is the request as it is then.
    """

    role: Role = "owner"
    verb: Literal["POST", "PATCH", "DELETE"] = "POST"
    status: int = 200
    fixed: Mapping[str, Any] = field(default_factory=dict)
    settings: str = ""
    creates: str = ""
    secret: bool = False
    waits: bool = False
    wakes: bool = False
    reconciles: Reconciles = "no"

    def done(self, service: Service, arguments: Mapping[str, Any], actor: str) -> Any:
        """What the room answers that does it, for an actor; now, where the time is part of it."""
        method = self.answering(service)
        takes = inspect.signature(method).parameters
        available = {
            "actor": actor,
            "now": datetime.now(UTC),
            **self.fixed,
            **arguments,
        }
        parameters = {name: value for name, value in available.items() if name in takes}
        if self.settings:
            kind = get_type_hints(inspect.unwrap(method))[self.settings]
            rest = {name: arguments[name] for name in arguments if name not in takes}
            parameters[self.settings] = kind(**rest)
        return method(**parameters)


def action(
    path: str, answered_by: str, **how: Any
) -> Callable[[Callable[Concatenate[A, P], T]], Callable[Concatenate[A, P], T]]:
    """Declare an action.

    Args:
        path: as `Action.path`.
        answered_by: as `Action.answered_by`.
        how: the other fields of `Action`.

    Example:

        @action("requests/{request_id}/hold", "requests.hold", role="operator")
        def hold(self, request_id: str, reason: str) -> Record:
            ...
    """
    return passing(
        partial(Action, path, answered_by, **how),
        lambda asked, declaration, arguments: asked.act(declaration, arguments),
    )
