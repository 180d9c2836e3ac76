"""A question that only passes through is declared once: as a method of the API with its path and
the room that answers it.

From the declaration come the HTTP route (`govd.web.questions`), the client's call
(`govd.client.Daemon`) and the call on a home without a daemon (`govd.cli.local.Local`). Names and
defaults of the arguments are the same in all of them, and in the room's method.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from govd.service.service import Service
    from govd.types import Record

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound="Asked")
Kind = Literal["record", "list", "text"]
Role = Literal["owner", "reader"]


@dataclass(frozen=True)
class Question:
    """One question and how it passes through.

    `path`: below `/v1/`, with the arguments that are parts of it in braces; the others are its
    query. `answered_by`: the method of a room that answers, as an attribute of the service.
    `kind`: what it answers, JSON records or a text. `rows`: the records of an answer that is asked
    for as CSV or NDJSON; None: it is never. `cursor`: the field that pages of a list go on by.
    `least`: the smallest values of arguments. `heavy`: it takes long, and waits its turn.
    `resumes`: on a home without a daemon, what was cut off goes on before it is answered.
    """

    path: str
    answered_by: str
    function: Callable[..., Any]
    verb: Literal["GET", "POST"] = "GET"
    role: Role = "reader"
    kind: Kind = "record"
    rows: Callable[[Record], Sequence[Record]] | None = None
    cursor: str = ""
    least: Mapping[str, int] = field(default_factory=dict)
    heavy: bool = False
    resumes: bool = False

    @property
    def name(self) -> str:
        """What the client's call is called."""
        return self.function.__name__

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The arguments by their names, their types as they are written."""
        parameters = dict(inspect.signature(self.function).parameters)
        parameters.pop("self")
        return parameters

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The arguments that are parts of the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    def answering(self, service: Service) -> Callable[..., Any]:
        """The method that answers, of a service."""
        method: Callable[..., Any] = attrgetter(self.answered_by)(service)
        return method

    def query(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that are no parts of the path and not what they are by themselves."""
        return {
            name: arguments[name]
            for name, parameter in self.parameters.items()
            if name not in self.parts and arguments[name] != parameter.default
        }


class Asked(ABC):
    """Who can be asked declared questions."""

    @abstractmethod
    def ask(self, question: Question, arguments: Mapping[str, Any]) -> Any:
        """The answer to a question with all its arguments, by their names."""


def question(
    path: str, answered_by: str, **how: Any
) -> Callable[[Callable[Concatenate[A, P], T]], Callable[Concatenate[A, P], T]]:
    """Declare a question: the function under it says its name, arguments and documentation.

    Args:
        path: as `Question.path`.
        answered_by: as `Question.answered_by`.
        how: the other fields of `Question`.

    Example:

        @question("audit/trail/{request_id}", "audit.trail")
        def audit_trail(self, request_id: str) -> Record:
            ...
    """

    def declared(
        function: Callable[Concatenate[A, P], T],
    ) -> Callable[Concatenate[A, P], T]:
        signature = inspect.signature(function)
        whole = Question(path, answered_by, function, **how)

        @wraps(function)
        def call(self: A, *given: P.args, **named: P.kwargs) -> T:
            arguments = signature.bind(self, *given, **named)
            arguments.apply_defaults()
            del arguments.arguments["self"]
            answer: T = self.ask(whole, arguments.arguments)
            return answer

        call.question = whole  # type: ignore[attr-defined]
        return cast("Callable[Concatenate[A, P], T]", call)

    return declared


def questions_of(api: type) -> list[Question]:
    """The questions that a class declares, in the order of their declaration."""
    declared = (
        getattr(member, "question", None)
        for part in reversed(api.__mro__)
        for member in vars(part).values()
    )
    return [whole for whole in declared if isinstance(whole, Question)]
