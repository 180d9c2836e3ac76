"""CEL: expressions are checked against the inputs of their moment before they are ever used, and
evaluated within a budget. What evaluates them (`messages`) is loaded with the first one.

The language is Google's Common Expression Language (https://cel.dev), evaluated by its C++ runtime:
no loops but bounded macros, no I/O, no clock; regular expressions are RE2's, which take linear
time. Inputs are messages whose types are made from the dataclasses of `inputs`, so that a name that
does not exist, or a wrong type, is refused when a policy is added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from govd.errors import instead
from govd.models.phrases import folded
from govd.policies.inputs import MOMENTS, Variable, hints, parts
from govd.policies.names import never_equal
from govd.types import Json

MAX_EXPRESSION_CHARS: Final = 4000
MAX_NESTED: Final = 100
"""Brackets within each other; the parser's own bound is higher."""
KEPT_PROGRAMS: Final = 512


class BadExpression(Exception):
    """An expression that cannot be compiled: `what`, in the expression's own `line` and `column`
    (from 1), and `advice`.
    """

    def __init__(
        self, what: str, line: int = 1, column: int = 1, advice: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.line = line
        self.column = column
        self.advice = advice


@dataclass(frozen=True)
class Answer:
    """What an expression came to: `value`, or the `fault` for which it has none."""

    value: bool | None
    fault: str = ""


@lru_cache(KEPT_PROGRAMS)
def compiled(expression: str, moment: str) -> Any:
    """An expression, checked for a moment of `MOMENTS`.

    Raises:
        BadExpression: a name that is not there, a wrong type, a syntax error, a time that may be
        missing and is not asked for, or something that is no yes or no.
    """
    from govd.policies import messages

    _check_size(expression)
    try:
        program = messages.environment(moment).compile(expression)
    except RuntimeError as error:
        raise _explained(str(error), expression, moment) from None
    if program.return_type() != messages.YES_OR_NO:
        kind = program.return_type().name()
        raise BadExpression(
            f"the expression is a {kind}, not a yes or no",
            advice="Compare it with something.",
        )
    _check_times(expression, moment)
    _check_names(expression)
    return program


def evaluated(expression: str, moment: str, seen: Mapping[str, Json]) -> Answer:
    """What an expression comes to for an input as its entry keeps it (`seen`: variables as JSON).

    Whatever is not true or false is a fault: it never counts as an answer.
    """
    from govd.policies import messages

    try:
        value = compiled(expression, moment).eval(data=messages.given(moment, seen))
    except BadExpression as error:
        return Answer(None, f"it does not compile: {error.what}")
    except RuntimeError as error:
        return Answer(None, _short(str(error)))
    if value.type() != messages.YES_OR_NO:
        return Answer(None, _spoken_fault(str(value.value())))
    return Answer(bool(value.value()))


def _spoken_fault(fault: str) -> str:
    """The runtime's words, and for the usual fault ours."""
    if "null_type" in fault:
        return "a number is missing (null): ask first, predicted.cost != null && predicted.cost > …"
    return _short(fault)


def _check_size(expression: str) -> None:
    if len(expression) > MAX_EXPRESSION_CHARS:
        raise BadExpression(
            f"the expression has {len(expression)} characters",
            advice=f"At most {MAX_EXPRESSION_CHARS}: write two policies.",
        )
    depth = 0
    for character in expression:
        depth += (character in "([{") - (character in ")]}")
        if depth > MAX_NESTED:
            raise BadExpression(f"more than {MAX_NESTED} brackets within each other")


def _check_times(expression: str, moment: str) -> None:
    """A missing time would be read as 1970: it must be asked for with `has()`."""
    bare = re.sub(r"\s+", "", expression)
    for name, kind in MOMENTS[moment][1].items():
        message, several = parts(kind)
        if several or not is_dataclass(message):
            continue
        for field_name, hint in hints(message).items():
            path = f"{name}.{field_name}"
            if hint != datetime | None or not re.search(
                rf"\b{re.escape(path)}\b", bare
            ):
                continue
            if f"has({path})" not in bare:
                raise BadExpression(
                    f"{path} may be missing",
                    *_place(expression, path),
                    advice=f"Ask first: has({path}) && … {path} ….",
                )


def _check_names(expression: str) -> None:
    """A name in capitals is equal to none of `request.names`: it would never match."""
    unlike = never_equal(expression)
    if unlike is not None:
        raise BadExpression(
            f"request.names never has {unlike!r}",
            *_place(expression, unlike),
            advice=f"Write {folded(unlike)!r}: small letters, single spaces, no hyphens.",
        )


def _place(expression: str, text: str) -> tuple[int, int]:
    at = max(0, expression.find(text))
    before = expression[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


PLACED: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
UNDEFINED: Final = re.compile(
    r"undefined field '(\w+)' not found in struct '[\w.]*?(\w+)'"
)
UNDECLARED: Final = re.compile(r"undeclared reference to '([\w.]+)'")


def _explained(error: str, expression: str, moment: str) -> BadExpression:
    """The compiler's words with where, and what could have been meant."""
    placed = PLACED.search(error)
    if placed is None:
        return BadExpression(_short(error))
    line = int(placed[1])
    column = int(placed[2])
    words_of_cel = placed[3]
    variables = MOMENTS[moment][1]
    if match := UNDEFINED.search(words_of_cel):
        owner = next(k for k in map(_of, variables.values()) if k.__name__ == match[2])
        names = [entry.name for entry in fields(owner)]
        words_of_cel = f"{match[2]} has no field {match[1]!r}"
        return BadExpression(words_of_cel, line, column, meant(match[1], names))
    if match := UNDECLARED.search(words_of_cel):
        name, _, rest = match[1].partition(".")
        names = list(variables)
        words = f"there is no {name!r} at the moment {moment}"
        advice = meant(name, names)
        if name in names and rest:
            words = f"{name} has no function {rest!r}"
            advice = ""
        return BadExpression(words, line, max(1, column - len(name)), advice)
    if "no matching overload" in words_of_cel:
        return BadExpression(words_of_cel, line, column, _types_advice(words_of_cel))
    return BadExpression(_short(words_of_cel), line, column)


def _of(kind: Variable) -> Any:
    return parts(kind)[0]


def meant(name: str, known: Sequence[str]) -> str:
    """Which of what is `known` a wrong `name` may have been, and all of it: advice for an error."""
    return instead(name, known)


def _types_advice(what: str) -> str:
    if "double" in what and "int" in what:
        return "Numbers with fractions are compared with such: write 1.0, not 1."
    return "`govd policy inputs MOMENT` shows the type of each field."


def _short(text: str) -> str:
    return " ".join(text.split())[:500]
