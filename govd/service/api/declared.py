"""A call that is declared once: as a method of the API, with its path and the room that answers.

From the declaration come the HTTP route (`govd.web.questions`, `govd.web.actions`), the client's
call (`govd.client.Daemon`) and the call on a home without a daemon (`govd.cli.local.Local`). Names
and defaults of the arguments are the same in all of them, and in the room's method.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from operator import attrgetter
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Literal,
    ParamSpec,
    TypeVar,
    cast,
    get_type_hints,
)

if TYPE_CHECKING:
    from govd.service.api.action import Action
    from govd.service.api.question import Question
    from govd.service.service import Service
    from govd.types import Record

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound="Asked")
Role = Literal["owner", "operator", "reader"]
SECTION = re.compile(r"\n\n(?:Args|Raises|Example):\n")
ARGUMENT = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Declared:
    """One call and how it passes through.

    `path`: below `/v1/`, with the arguments that are parts of it in braces. `answered_by`: the
    method of a room that answers, as an attribute of the service. `rows`: the records of an answer
    that is asked for as CSV or NDJSON; None: it is never. `limits`: of arguments, as pydantic calls
    them: `{"days": {"ge": 1}}`. `heavy`: it takes long, and waits its turn.
    """

    path: str
    answered_by: str
    function: Callable[..., Any]
    role: Role = "reader"
    rows: Callable[[Record], Sequence[Record]] | None = None
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    heavy: bool = False

    @property
    def name(self) -> str:
        """What the client's call is called."""
        return self.function.__name__

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The arguments by their names."""
        parameters = dict(inspect.signature(self.function).parameters)
        parameters.pop("self")
        return parameters

    @cached_property
    def types(self) -> Mapping[str, Any]:
        """The types of the arguments by their names."""
        return get_type_hints(self.function, localns={"Record": Mapping})

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The arguments that are parts of the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The arguments that are no parts of the path."""
        return tuple(name for name in self.parameters if name not in self.parts)

    @cached_property
    def documentation(self) -> str:
        """What it does, without its arguments and errors."""
        return SECTION.split(inspect.getdoc(self.function) or "")[0]

    @cached_property
    def meanings(self) -> Mapping[str, str]:
        """What arguments are, as far as the documentation has a list of them."""
        listed = (inspect.getdoc(self.function) or "").partition("\n\nArgs:\n")[2]
        meanings = ARGUMENT.findall(SECTION.split(listed)[0])
        return {name: " ".join(meaning.split()) for name, meaning in meanings}

    def answering(self, service: Service) -> Callable[..., Any]:
        """The method that answers, of a service."""
        method: Callable[..., Any] = attrgetter(self.answered_by)(service)
        return method

    def explicit(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that are no parts of the path and not what they are by themselves."""
        return {
            name: arguments[name]
            for name in self.others
            if arguments[name] != self.parameters[name].default
        }


class Asked(ABC):
    """Whose declared calls can be made."""

    @abstractmethod
    def ask(self, question: Question, arguments: Mapping[str, Any]) -> Any:
        """The answer to a question with all its arguments, by their names."""

    @abstractmethod
    def act(self, action: Action, arguments: Mapping[str, Any]) -> Any:
        """Do an action with all its arguments, by their names; what it answers."""


def passing(
    declare: Callable[[Callable[..., Any]], Declared],
    make: Callable[[A, Any, Mapping[str, Any]], Any],
) -> Callable[[Callable[Concatenate[A, P], T]], Callable[Concatenate[A, P], T]]:
    """A decorator: the function under it says name, arguments and documentation of a call.

    Args:
        declare: the declaration of such a function.
        make: makes a call: who is asked, its declaration, its arguments by their names.
    """

    def declared(
        function: Callable[Concatenate[A, P], T],
    ) -> Callable[Concatenate[A, P], T]:
        signature = inspect.signature(function)
        declaration = declare(function)

        @wraps(function)
        def call(self: A, *given: P.args, **named: P.kwargs) -> T:
            arguments = signature.bind(self, *given, **named)
            arguments.apply_defaults()
            del arguments.arguments["self"]
            answer: T = make(self, declaration, arguments.arguments)
            return answer

        call.declared = declaration  # type: ignore[attr-defined]
        return cast("Callable[Concatenate[A, P], T]", call)

    return declared


def declared_in(api: type) -> list[Declared]:
    """What a class declares, in the order of the declarations."""
    members = (
        getattr(member, "declared", None)
        for part in reversed(api.__mro__)
        for member in vars(part).values()
    )
    return [member for member in members if isinstance(member, Declared)]
