"""Values of a ready policy's parameters, checked and written as YAML and CEL read them."""

from __future__ import annotations

import json
import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

from govd.errors import Usage
from govd.ledger.times import moment
from govd.models.phrases import folded
from govd.policies.language import evaluated
from govd.types import Parameter

NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,9})?")
WORDS: Final = re.compile(r"[\w .,:;/+()%-]*")
"""What a text may be made of: nothing that YAML or CEL reads as more than a text."""
LONGEST_CHARS: Final = 200
NOTHING_SEEN: Final = {"request": {}, "model": {}, "now": "2027-01-01T00:00:00Z"}
"""An input in which a pattern is tried."""


def written(ready: str, parameter: Parameter, value: str) -> str:
    """A value as it stands in the text of the ready policy `ready`.

    Raises:
        Usage: it cannot be meant.
    """
    place = f"{ready}: {parameter.name}"
    if parameter.choices:
        return _chosen(place, parameter, value)
    return WRITERS[parameter.kind](place, parameter, value)


def _chosen(where: str, parameter: Parameter, value: str) -> str:
    choices = dict(parameter.choices)
    words = (
        [word.lower() for word in _split(value)]
        if parameter.kind == "list"
        else [value]
    )
    for word in words:
        if word not in choices:
            advice = f"One of: {', '.join(choices)}."
            raise Usage(f"{word!r} is no choice", where=where, advice=advice)
    if parameter.kind == "list":
        return json.dumps([choices[word] for word in words])
    return choices[value]


def _number(where: str, parameter: Parameter, value: str) -> str:
    if not NUMBER.fullmatch(value):
        raise Usage(f"{value!r} is no number", where=where, advice=parameter.meaning)
    return str(float(value)) if "." in value else str(int(value))


def _share(where: str, parameter: Parameter, value: str) -> str:
    if not NUMBER.fullmatch(value) or float(value) > 1:
        raise Usage(
            f"{value!r} is no share", where=where, advice="From 0 to 1, as 0.02."
        )
    return str(float(value))


def _text(where: str, parameter: Parameter, value: str) -> str:
    if not WORDS.fullmatch(value) or len(value) > LONGEST_CHARS:
        raise Usage(
            f"{value!r} cannot be written into a policy",
            where=where,
            advice="Letters, digits, spaces and . , : ; / + ( ) % - alone.",
        )
    return value


def _list(where: str, parameter: Parameter, value: str) -> str:
    words = [_checked(where, word) for word in _split(value)]
    _check_any(where, parameter, words)
    return json.dumps(words, ensure_ascii=False)


def _names(where: str, parameter: Parameter, value: str) -> str:
    names = [folded(_checked(where, word)) for word in _split(value)]
    if not all(names):
        raise Usage("a name has no letter", where=where, advice="Write dog,hot dog.")
    _check_any(where, parameter, names)
    return json.dumps(list(dict.fromkeys(names)), ensure_ascii=False)


def _check_any(where: str, parameter: Parameter, words: Sequence[str]) -> None:
    """A list that must be given names something.

    Raises:
        Usage: it names nothing.
    """
    if not words and parameter.default is None:
        raise Usage(
            "it is empty",
            where=where,
            advice=f"Say --set {parameter.name}=dog,hot dog.",
        )


def _pattern(where: str, parameter: Parameter, value: str) -> str:
    literal = json.dumps(_checked(where, value), ensure_ascii=False)
    answer = evaluated(f"''.matches({literal})", "propose", NOTHING_SEEN)
    if answer.value is None:
        fault = answer.fault.partition(": ")[2] or answer.fault
        advice = "A regular expression as RE2 has them: ^EU-[0-9]+$"
        raise Usage(f"{value!r} is no pattern ({fault})", where=where, advice=advice)
    return literal


def _zone(where: str, parameter: Parameter, value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        advice = "A name of the IANA database: Europe/Berlin, America/New_York, UTC."
        raise Usage(f"{value!r} is no time zone", where=where, advice=advice) from None
    return value


def _time(where: str, parameter: Parameter, value: str) -> str:
    return json.dumps(moment(value, where))


def _date(where: str, parameter: Parameter, value: str) -> str:
    if not value:
        return "0"
    try:
        day = date.fromisoformat(value)
    except ValueError:
        advice = "Write it as 2027-01-31."
        raise Usage(f"{value!r} is no date", where=where, advice=advice) from None
    return str(day.year * 10_000 + day.month * 100 + day.day)


WRITERS: Final[Mapping[str, Callable[[str, Parameter, str], str]]] = {
    "share": _share,
    "number": _number,
    "text": _text,
    "list": _list,
    "names": _names,
    "pattern": _pattern,
    "zone": _zone,
    "time": _time,
    "date": _date,
}


def _split(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _checked(where: str, word: str) -> str:
    """A word of a list or a pattern: whatever can be printed, in JSON's quotes.

    Raises:
        Usage: it is too long, or has characters that nobody sees.
    """
    if len(word) > LONGEST_CHARS or not word.isprintable():
        raise Usage(
            f"{word[:40]!r} cannot be written into a policy",
            where=where,
            advice=f"Characters that can be seen, {LONGEST_CHARS} at most.",
        )
    return word
