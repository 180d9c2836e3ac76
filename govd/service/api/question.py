"""A question that only passes through, declared once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from govd.service.api.declared import Asked, Declared, passing

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound=Asked)
Kind = Literal["record", "list", "pages", "text"]


@dataclass(frozen=True)
class Question(Declared):
    """A question; arguments that are no parts of the path are its query.

    `kind`: what it answers, JSON records or a text; `pages`: a list whose pages the room turns, by
    its arguments `after` and `limit`. `cursor`: the field that pages go on by. `resumes`: on a home
    without a daemon, what was cut off goes on before it is answered.
    """

    verb: Literal["GET", "POST"] = "GET"
    kind: Kind = "record"
    cursor: str = ""
    resumes: bool = False


def question(
    path: str, answered_by: str, **how: Any
) -> Callable[[Callable[Concatenate[A, P], T]], Callable[Concatenate[A, P], T]]:
    """Declare a question.

    Args:
        path: as `Question.path`.
        answered_by: as `Question.answered_by`.
        how: the other fields of `Question`.

    Example:

        @question("audit/trail/{request_id}", "audit.trail")
        def audit_trail(self, request_id: str) -> Record:
            ...
    """
    return passing(
        partial(Question, path, answered_by, **how),
        lambda asked, declaration, arguments: asked.ask(declaration, arguments),
    )
